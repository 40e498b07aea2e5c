"""A thousand hosts attacked at once, through the real parts: engine, guard, announcer, store, messages, log."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from netaddr import IPAddress

from capture.frames import Sent
from capture_ext.memory import MemoryFrames
from daemon.house import eventually

if TYPE_CHECKING:
    from daemon.conftest import Build

HOSTS = 1000
FIRST = int(IPAddress("203.0.112.0"))
SETTINGS = {
    "networks": ["203.0.112.0/22"],
    "detection": {"thresholds": {"incoming": {"pps": 5}}},
    "ban": {"limits": {"active": 2 * HOSTS}},
    "bgp": {
        "local_as": 64496,
        "router_id": "198.51.100.2",
        "peers": {"upstream": {"address": "198.51.100.1", "as": 64511, "max_routes": HOSTS - 10}},
    },
}


async def test_a_storm_leaves_room_for_others(build: "Build", tmp_path: Path) -> None:
    """All are banned, all is told and kept; meanwhile the loop serves others, and an operator gets his answer."""
    hosts = [str(IPAddress(FIRST + number)) for number in range(HOSTS)]
    frames = MemoryFrames([(at, Sent(destination=host).frame()) for at in range(10) for host in hosts])
    house = build(frames, **SETTINGS)
    parts = house.parts
    turns = []

    async def turn() -> None:
        while True:
            turns.append(parts.guard.ban_count)
            await asyncio.sleep(0)

    other = asyncio.create_task(turn())
    parts.sensor.start()
    parts.listen_to_sensor()
    await eventually(lambda: parts.guard.ban_count > 0)
    desk = house.desk()
    entry = await desk.ban(IPAddress("203.0.115.250"), duration_seconds=60, reason="", permanent=False, by="noc")
    assert (entry.announced_to, entry.ban.by) == ((), "noc")
    await eventually(lambda: parts.guard.ban_count == HOSTS + 1)
    await eventually(lambda: parts.pipeline.told == parts.pipeline.accepted)
    other.cancel()
    parts.ignore_sensor()
    assert len(set(turns)) > 10, "the bans came in slices, and others had their turn between them"
    assert desk.status().bans == len(desk.bans()) == HOSTS + 1
    (peer,) = desk.peers()
    assert (peer.wanted, parts.left_out) == (HOSTS - 10, {"upstream": 11})
    assert parts.store.flush(60)
    with closing(sqlite3.connect(tmp_path / "state" / "guard.db")) as connection:
        kept = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("attacks", "bans")]  # noqa: S608  # two names of ours
    assert kept == [HOSTS, HOSTS + 1]
