"""Reload: all of it, or nothing with the reason."""

import asyncio
import select
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from capture_ext.afpacket import AfPacket
from daemon.house import HOST, House, eventually, frames
from fnm_guard.api.desk import OrderRefusedError
from fnm_guard.capture.live import Capture
from fnm_guard.capture.model import CaptureError
from fnm_guard.core.model import Direction
from fnm_guard.daemon.reloading import Reloader, needs_new_engine

if TYPE_CHECKING:
    from daemon.conftest import Build
    from fnm_guard.config.settings import Settings

IN = Direction.INCOMING
OTHERS = {"networks": ["203.0.113.0/24", "198.51.100.0/24"]}
"""Networks that need another engine."""
PEER = {"local_as": 64496, "router_id": "198.51.100.2", "peers": {"up": {"address": "198.51.100.1", "as": 64511}}}


async def running(build: "Build", *sources: Any, **settings: Any) -> House:
    """Give a house whose engine runs and wakes the loop."""
    house = build(*sources, **settings)
    house.parts.sensor.start()
    house.parts.listen_to_sensor()
    return house


async def refused(reloader: Reloader) -> OrderRefusedError:
    """Reload, and give the refusal."""
    with pytest.raises(OrderRefusedError) as caught:
        await reloader.reload("test")
    return caught.value


async def test_thresholds_change_without_another_engine(build: "Build") -> None:
    """Other thresholds take effect in the engine that runs."""
    house = await running(build)
    capture = house.parts.sensor._capture
    house.write(detection={"thresholds": {"incoming": {"pps": 77}}})
    assert await house.reloader().reload("test") == ["detection changed"]
    assert house.parts.sensor._capture is capture
    assert capture.policy.incoming.pps == 77


async def test_an_unchanged_file_changes_nothing(build: "Build") -> None:
    """The same file is read, and said to be the same."""
    house = await running(build)
    assert await house.reloader().reload("test") == ["nothing changed"]


async def test_a_file_with_errors_is_refused_whole(build: "Build") -> None:
    """Every error is told with its place, and nothing of the file takes effect."""
    house = await running(build)
    before = house.parts.settings
    house.write(detection={"thresholds": {"incoming": {"pps": 77}}}, ban={"duration": "-5m"}, nonsense=1)
    refusal = await refused(house.reloader())
    assert "the old configuration stays" in refusal.text
    assert [line for line in refusal.details if "ban.duration" in line]
    assert [line for line in refusal.details if "nonsense" in line]
    assert house.parts.settings is before
    assert house.parts.sensor._capture.policy.incoming.pps == 1000


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"api": {"group": "wheel"}}, "api"),
        ({"paths": {"runtime": "/run/elsewhere"}}, "paths"),
        ({"bgp": {"exabgp": {"managed": False}}}, "bgp.exabgp"),
    ],
)
async def test_what_needs_a_restart_is_refused(build: "Build", changed: dict[str, Any], named: str) -> None:
    """Sockets, folders and the ExaBGP process do not change while the daemon runs; the text names what it was."""
    house = await running(build)
    house.write(**changed)
    assert (await refused(house.reloader())).text == (
        f"{named} changed: that needs a restart; the old configuration stays"
    )


async def test_another_log_level_applies_at_once(build: "Build") -> None:
    """The very next line is written or not by the new level."""
    house = await running(build, log={"level": "info", "format": "json"})
    house.write(log={"level": "error", "format": "json"})
    logger = structlog.get_logger("fnm_guard")
    logger.info("before")
    assert await house.reloader().reload("test") == ["log changed"]
    logger.info("after")
    logger.error("after all")
    assert [len(house.lines(text)) for text in ("before", "after", "after all")] == [1, 0, 1]


async def test_other_networks_keep_totals_and_attacks(build: "Build") -> None:
    """A new engine takes over: totals do not go back, the attack runs on and is watched, its ban stands."""
    house = await running(build, frames(1500))
    parts = house.parts
    await eventually(lambda: bool(parts.guard.bans()) and parts.sensor.traffic().frames == 1500)
    number = parts.guard.attacks()[0].number
    old = parts.sensor._capture
    house.write(**OTHERS)
    assert await house.reloader().reload("test") == ["networks changed"]
    assert parts.sensor._capture is not old
    assert parts.sensor.traffic().directions[IN].packets == 1500
    assert [reading.host for reading in parts.sensor.readings(parts.clock.now())] == [HOST]
    parts.pipeline.pulse(parts.clock.now())
    assert [attack.number for attack in parts.guard.attacks()] == [number]
    assert [ban.host for ban in parts.guard.bans()] == [HOST]
    parts.ignore_sensor()


async def test_a_running_attack_may_cross_again_in_the_new_engine(
    build: "Build", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new engine counts before it takes over and finds the attack by itself: the same attack, the same ban."""
    house = await running(build, frames(1500))
    parts = house.parts
    await eventually(lambda: bool(house.lines("host banned")))
    start = Capture.start

    def start_and_cross(capture: Capture) -> None:
        start(capture)
        assert select.select([capture.fd], [], [], 20.0)[0], "the new engine saw no crossing"

    monkeypatch.setattr(Capture, "start", start_and_cross)
    house.coming.append([frames(1500)])
    house.write(**OTHERS)
    await house.reloader().reload("test")
    await eventually(lambda: parts.pipeline.told == parts.pipeline.accepted)
    assert parts.guard.attack_count == parts.guard.ban_count == 1
    assert len(house.lines("host banned")) == len(house.lines("attack started")) == 1
    assert [reading.host for reading in parts.sensor.readings(parts.clock.now())] == [HOST]
    parts.ignore_sensor()


async def test_the_new_engine_wakes_the_loop(build: "Build") -> None:
    """After the hand-over a crossing of the new engine leads to a ban without anybody asking."""
    house = await running(build)
    house.coming.append([frames(1500)])
    house.write(**OTHERS)
    await house.reloader().reload("test")
    await eventually(lambda: bool(house.parts.guard.bans()))
    house.parts.ignore_sensor()


async def test_sources_that_cannot_be_opened_keep_the_old_ones(build: "Build") -> None:
    """If no new source opens, the file is refused with the reason, and the old engine counts on."""
    house = await running(build)
    capture = house.parts.sensor._capture

    def none(_settings: "Settings") -> "Capture":
        raise CaptureError("af_packet eth9: no such interface")

    async def never(*_: object) -> None:
        raise AssertionError("nothing may change")

    house.write(**OTHERS)
    refusal = await refused(Reloader(house.parts, house.path, none, never))
    assert refusal.text == "af_packet eth9: no such interface; the old configuration stays"
    assert house.parts.sensor._capture is capture
    assert capture.fd >= 0


@pytest.mark.parametrize("others", [OTHERS, {"detection": {"thresholds": {"incoming": {"pps": 77}}}}])
async def test_peers_that_exabgp_does_not_take_undo_the_rest(build: "Build", others: dict[str, Any]) -> None:
    """When the peers cannot be changed, engine and thresholds are as before and no second engine stays open."""
    exabgp = {"exabgp": {"command": "/nonexistent/exabgp"}}
    house = await running(build, bgp=exabgp)
    capture = house.parts.sensor._capture
    made: list[Capture] = []

    def make(settings: "Settings") -> "Capture":
        made.append(house.make_capture(settings))
        return made[-1]

    async def configure(*_: object) -> None:
        return

    house.write(bgp=exabgp | PEER, **others)
    refusal = await refused(Reloader(house.parts, house.path, make, configure))
    assert "/nonexistent/exabgp" in refusal.text
    assert house.parts.sensor._capture is capture
    assert capture.policy.incoming.pps == 1000
    assert [one.fd for one in made] == [-1] * len(made)
    assert house.parts.settings.bgp.peers == {}


async def test_a_ban_that_is_no_longer_allowed_ends(build: "Build") -> None:
    """A host that comes onto the never-ban list is unbanned by the reload."""
    house = await running(build)
    house.parts.guard.order_ban(HOST, house.parts.clock.now(), by="test")
    house.write(never_ban=[str(HOST)])
    await house.reloader().reload("test")
    assert house.parts.guard.bans() == ()


async def test_other_notifications_are_taken(build: "Build") -> None:
    """A new mail server is used from now on."""
    house = await running(build)
    mail = {"server": "127.0.0.1", "port": 9, "from": "a@example.net", "to": ["b@example.net"]}
    house.write(notify={"mail": mail, "audit_deadline": "3s"})
    await house.reloader().reload("test")
    (report,) = await house.parts.notifier.test()
    assert (report.channel, report.sent) == ("mail", False)
    assert house.parts.reports._audit_deadline == 3
    await house.parts.notifier.close()


async def test_a_client_that_hangs_up_does_not_cut_a_reload(build: "Build") -> None:
    """A reload that has begun is carried through, and `finish` waits for it."""
    house = await running(build)
    reloader = house.reloader()
    house.write(**OTHERS)
    asked = asyncio.create_task(reloader.reload("test"))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await reloader.finish()
    assert len(house.parts.settings.networks) == 2
    house.parts.ignore_sensor()


async def test_reloads_come_one_after_the_other(build: "Build") -> None:
    """Two at the same time are done in turn; the second finds nothing left to do."""
    house = await running(build)
    reloader = house.reloader()
    house.write(**OTHERS)
    first, second = await asyncio.gather(reloader.reload("a"), reloader.reload("b"))
    assert (first, second) == (["networks changed"], ["nothing changed"])
    house.parts.ignore_sensor()


async def test_a_source_that_fails_is_told_in_the_answer(build: "Build") -> None:
    """A reload that left a source closed says so, although it was carried out."""
    house = await running(build)
    house.coming.append([frames(0), AfPacket("nothere0")])
    house.write(**OTHERS)
    first, second = await house.reloader().reload("test")
    assert first == "networks changed"
    assert second.startswith("warning: af_packet nothere0: ")
    house.parts.ignore_sensor()


def test_what_needs_another_engine(build: "Build") -> None:
    """Sources, audit, networks and windows do; thresholds, bans and messages do not."""
    house = build()
    old = house.parts.settings

    def needed(**settings: Any) -> bool:
        return needs_new_engine(old, _loaded(house, **settings))

    assert needed(networks=["203.0.113.0/25"])
    assert needed(capture=[{"source": "af_packet", "interfaces": ["other0"]}])
    assert needed(audit={"packets": 50})
    assert needed(detection={"window": "2s"})
    assert not needed(detection={"thresholds": {"incoming": {"pps": 5}}, "hold": "20s"})
    assert not needed(ban={"mode": "monitor"}, never_ban=["203.0.113.1"], notify={"brand": "x"})


def _loaded(house: House, **settings: Any) -> "Settings":
    from fnm_guard.config import load  # noqa: PLC0415  # beside the one that uses it

    house.write(**settings)
    return load(house.path)
