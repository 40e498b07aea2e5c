"""The daemon's life: start, run, reload, stop, over real parts and the real API."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from capture.frames import Sent
from capture_ext.afpacket import AfPacket
from capture_ext.memory import MemoryFrames
from daemon.house import HOST, OTHER, House, eventually, frames
from fnm_guard.api.client import Client
from fnm_guard.api.server import ApiServer
from fnm_guard.capture import runner
from fnm_guard.capture.model import CaptureError
from fnm_guard.core.events import RemovalCause
from fnm_guard.core.model import Direction
from fnm_guard.daemon.desk import OperatorDesk
from fnm_guard.daemon.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from daemon.conftest import Build
    from fnm_guard.daemon.reloading import Reloader

PEERS = {
    "local_as": 64496,
    "router_id": "198.51.100.2",
    "exabgp": {"command": "/nonexistent/exabgp"},
    "peers": {"up": {"address": "198.51.100.1", "as": 64511}},
}


def service(house: House, reloader: "Reloader | None" = None) -> Service:
    """Give the service over the parts of a house."""
    reloader = reloader or house.reloader()
    api = ApiServer(OperatorDesk(house.parts, reloader.reload), house.parts.settings.api_socket, "")
    return Service(house.parts, api, reloader)


@asynccontextmanager
async def running(house: House, reloader: "Reloader | None" = None) -> "AsyncIterator[asyncio.Task[None]]":
    """Run the daemon as long as the context lasts; it is stopped by the signal that systemd sends."""
    task = asyncio.create_task(service(house, reloader).run())
    await eventually(lambda: house.parts.settings.api_socket.exists() or task.done())
    try:
        yield task
    finally:
        if not task.done():
            os.kill(os.getpid(), signal.SIGTERM)
        await task


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_everything(build: "Build", number: signal.Signals) -> None:
    """SIGTERM and SIGINT end the daemon: socket gone, engine and store closed."""
    house = build()
    async with running(house) as task:
        os.kill(os.getpid(), number)
        await task
    assert not house.parts.settings.api_socket.exists()
    assert house.parts.sensor.fd == -1
    assert house.parts.store.status().state == "closed"


async def test_the_api_answers_while_it_runs(build: "Build") -> None:
    """The API is served over the socket that the configuration names."""
    house = build()
    async with running(house):
        client = Client(str(house.parts.settings.api_socket))
        assert b'"version":"1.2.3"' in await asyncio.to_thread(client.get, "/v1/status")
        client.close()


async def test_a_flood_is_banned_without_a_pulse(build: "Build") -> None:
    """A crossing is decided as soon as it is found."""
    house = build(frames(1500))
    async with running(house):
        await eventually(lambda: bool(house.parts.guard.bans()))


async def test_bans_come_back_and_those_that_fell_due_end(build: "Build") -> None:
    """What stood before stands again; what fell due meanwhile ends at the start, and is told."""
    house = build()
    parts = house.parts
    now = parts.clock.now()
    for host, seconds in ((HOST, 600.0), (OTHER, 1.0)):
        parts.store.record(parts.guard.order_ban(host, now, by="test", duration_seconds=seconds)[0])
    assert parts.store.flush(10)
    parts.store.close()
    await asyncio.sleep(1.1)
    again = build()
    async with running(again):
        assert [ban.host for ban in again.parts.guard.bans()] == [HOST]
    (line,) = again.lines("bans restored")
    assert (line["standing"], line["due"]) == (1, 1)
    (ended,) = again.lines("host unbanned")
    assert (ended["host"], ended["cause"]) == (str(OTHER), RemovalCause.EXPIRED.value)


async def test_a_start_that_fails_touches_no_route(build: "Build") -> None:
    """Without a source the start fails before ExaBGP is looked for, so a killed daemon's routes stay as they are."""
    house = build(AfPacket("nothere0"), bgp=PEERS)
    with pytest.raises(CaptureError):
        await service(house).run()
    assert not (house.path.parent / "run").exists()
    assert house.lines("no exabgp") == []
    assert house.parts.store.status().state == "closed"


async def test_no_exabgp_does_not_keep_the_daemon_from_running(build: "Build") -> None:
    """Without ExaBGP everything else works, and the warnings say what bans lack."""
    house = build(frames(1500), bgp=PEERS)
    async with running(house):
        await eventually(lambda: bool(house.parts.guard.bans()))
        await eventually(lambda: "bgp" in house.parts.warnings)
        assert "bans reach nobody: /nonexistent/exabgp cannot be run" in house.parts.warnings["bgp"]


async def test_a_storm_of_hang_ups_is_two_reloads(build: "Build") -> None:
    """SIGHUP twenty times in a row is a reload at once and one for all the others."""
    house = build()
    async with running(house):
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: len(house.lines("configuration loaded")) == 1)
        for _ in range(19):
            os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: len(house.lines("configuration loaded")) == 2)
        await asyncio.sleep(1.5)
        assert len(house.lines("configuration loaded")) == 2


async def test_a_refused_hang_up_leaves_the_daemon_running(build: "Build") -> None:
    """A broken file at SIGHUP is said in the log; the next SIGHUP is heard."""
    house = build()
    async with running(house):
        house.write(nonsense=1)
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: len(house.lines("configuration refused")) == 1)
        house.write()
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: len(house.lines("configuration loaded")) == 1)


async def test_a_stop_waits_for_the_reload_that_runs(build: "Build") -> None:
    """SIGTERM during a reload: the reload is carried through, then all is stopped, the new engine too."""
    house = build()
    house.coming.append([frames(5)])
    async with running(house):
        house.write(networks=["203.0.113.0/25"])
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: house.coming == [])
        os.kill(os.getpid(), signal.SIGTERM)
    (loaded,), (stopped,) = house.lines("configuration loaded"), house.lines("stopped")
    assert loaded["timestamp"] < stopped["timestamp"]
    assert house.parts.sensor.fd == -1
    assert house.coming == []


async def test_a_fault_in_a_pulse_does_not_stop_the_pulse(build: "Build", monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails in one pulse is logged with its place, and the next one comes."""
    house = build()
    calls: list[float] = []

    def fail(now: float) -> None:
        calls.append(now)
        raise RuntimeError("broken")

    monkeypatch.setattr(house.parts.pipeline, "pulse", fail)
    async with running(house):
        await eventually(lambda: len(calls) >= 3)
    assert len(house.lines("pulse failed")) >= 3


async def test_a_failing_source_is_a_warning_until_it_runs(build: "Build") -> None:
    """What a source fails with stands among the warnings, and is logged by nobody twice."""
    house = build(frames(0, destination=str(OTHER)), AfPacket("nothere0"))
    async with running(house):
        await eventually(lambda: "af_packet nothere0" in house.parts.warnings)
        house.coming.append([frames(0)])
        house.write(networks=["203.0.113.0/25"])
        os.kill(os.getpid(), signal.SIGHUP)
        await eventually(lambda: "af_packet nothere0" not in house.parts.warnings)
    assert len(house.lines("source failed")) == 1
    assert [line for line in house.lines("operator should look") if "nothere0" in line["why"]] == []


class Merging(MemoryFrames):
    """A source whose interface merges packets, until somebody switches that off."""

    found: tuple[str, ...] = ("eth3: gro merges packets before they are counted: ethtool -K eth3 gro off",)

    def warnings(self) -> tuple[str, ...]:
        """Give them."""
        return self.found


async def test_what_is_wrong_with_a_source_that_runs_is_a_warning(
    build: "Build", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its warnings stand in `status` and once in the log, and go when what they are about does."""
    monkeypatch.setattr(runner, "WARNING_LOOKS", 1)
    (text,) = Merging.found
    source = Merging([(0, Sent().frame())], rounds=1 << 60)
    house = build(source)
    async with running(house):
        await eventually(lambda: text in house.desk().status().warnings)
        assert text in house.desk().status().sources[0].warnings
        source.found = ()
        await eventually(lambda: text not in house.desk().status().warnings)
    assert [line["why"] for line in house.lines("operator should look")].count(text) == 1


async def test_internal_traffic_like_an_attack_is_a_warning(build: "Build") -> None:
    """Internal traffic above the incoming threshold is warned of with where it goes, and bans nobody."""
    flood = MemoryFrames([(n, Sent(source=str(OTHER)).frame()) for n in range(64)], rounds=1_000_000_000)
    house = build(flood)
    async with running(house):
        await eventually(lambda: "internal" in house.parts.warnings)
        assert str(HOST) in house.parts.warnings["internal"]
        assert house.parts.sensor.traffic().directions[Direction.INTERNAL].pps > 1000
        assert house.parts.guard.bans() == ()
