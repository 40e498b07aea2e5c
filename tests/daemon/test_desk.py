"""The desk: figures and orders over real parts."""

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from netaddr import IPAddress

from core import make
from daemon.house import HOST, OTHER, House, eventually, frames
from fnm_guard.api.desk import OrderRefusedError
from fnm_guard.capture.model import TopOrder
from fnm_guard.core.events import BanRemoved
from fnm_guard.core.model import BanOrigin, Direction
from fnm_guard.core.policy import Mode

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from daemon.conftest import Build
    from fnm_guard.api.desk import BanEntry
    from fnm_guard.daemon.desk import OperatorDesk

HAND: dict[str, Any] = {"duration_seconds": None, "reason": "test", "permanent": False, "by": "alice"}


def orders(house: House) -> list[tuple[str, str, str | None, str, str]]:
    """Give the orders in the store: who, what, whom, why, what became of it."""
    assert house.parts.store.flush(10)
    with closing(sqlite3.connect(house.path.parent / "state" / "guard.db")) as connection:
        return connection.execute('SELECT "by", verb, host, reason, result FROM orders ORDER BY id').fetchall()


def ban(desk: "OperatorDesk", host: IPAddress = HOST, **changes: Any) -> "Awaitable[BanEntry]":
    """Order a ban as alice."""
    return desk.ban(host, **(HAND | changes))


async def flooded(build: "Build", **settings: Any) -> House:
    """Give a house whose engine has found a flood of `HOST`."""
    house = build(frames(1500), **settings)
    house.parts.sensor.start()

    def found() -> bool:
        house.parts.drain()
        return bool(house.parts.guard.attacks())

    await eventually(found)
    return house


async def test_a_ban_by_hand_stands_and_is_durable_at_once(build: "Build") -> None:
    """When the order is answered, the ban is in the guard and in the store, and the order with who gave it."""
    house = build()
    entry = await ban(house.desk())
    assert (entry.ban.host, entry.ban.origin, entry.ban.by, entry.ban.reason) == (
        HOST,
        BanOrigin.MANUAL,
        "alice",
        "test",
    )
    clock = house.parts.clock
    (stored,) = house.parts.store.open_bans(clock.now(), clock.wall(clock.now()))
    assert stored.host == HOST
    assert orders(house) == [("alice", "ban", str(HOST), "test", "done")]


@pytest.mark.parametrize(
    ("host", "words"),
    [("198.51.100.7", "none of our networks"), ("203.0.113.1", "never_ban list")],
)
async def test_a_refused_ban_says_why_and_is_kept(build: "Build", host: str, words: str) -> None:
    """An address that must not be banned is refused with the rule; the try stands in the history."""
    house = build(never_ban=["203.0.113.1"])
    with pytest.raises(OrderRefusedError, match=words):
        await ban(house.desk(), IPAddress(host))
    assert house.parts.guard.bans() == ()
    assert words in orders(house)[0][-1]


async def test_an_unban_gives_what_the_ban_was(build: "Build") -> None:
    """The ban ends and comes back as it was; who ended it is kept."""
    house = build()
    desk = house.desk()
    await ban(desk)
    assert (await desk.unban(HOST, reason="over", by="bob")).host == HOST
    assert desk.bans() == []
    assert orders(house)[1] == ("bob", "unban", str(HOST), "over", "done")


async def test_an_unban_of_a_host_that_is_not_banned_is_refused(build: "Build") -> None:
    """It says so, and that automatic bans are held off now."""
    house = build(ban={"holdoff": "90s"})
    with pytest.raises(OrderRefusedError, match=r"is not banned; automatic bans of it are held off for 90 s"):
        await house.desk().unban(HOST, reason="", by="bob")
    assert HOST in house.parts.guard.holdoffs()
    assert orders(house)[0][-1] == "not banned"


async def test_unban_all_ends_all_or_none(build: "Build") -> None:
    """All bans end in one order; without a ban the answer is empty and no refusal."""
    house = build()
    desk = house.desk()
    assert await desk.unban_all(reason="", by="bob") == []
    await asyncio.gather(ban(desk), ban(desk, OTHER))
    assert [one.host for one in await desk.unban_all(reason="", by="bob")] == [HOST, OTHER]
    assert [row[-1] for row in orders(house)] == ["0 ended", "done", "done", "2 ended"]


async def test_a_ban_names_who_should_hear_of_it(build: "Build") -> None:
    """With a peer configured and down, the ban is wanted there and has reached nobody."""
    bgp = {"local_as": 64496, "router_id": "198.51.100.2", "peers": {"up": {"address": "198.51.100.1", "as": 64511}}}
    entry = await ban(build(bgp=bgp).desk())
    assert (entry.wanted_at, entry.announced_to) == (("up",), ())


async def test_a_running_attack_is_shown_with_its_newest_figures(build: "Build") -> None:
    """The list has the attack as the guard knows it, with its ban, whatever has reached the disk."""
    house = await flooded(build)
    (entry,) = await house.desk().attacks(10)
    assert (entry.attack.host, entry.ban) == (HOST, 1)
    assert entry.attack == house.parts.guard.attack(HOST, Direction.INCOMING)


async def test_an_attack_comes_with_its_packets(build: "Build") -> None:
    """One attack has its kept packets, an empty audit while there are none; an unknown number is None."""
    house = build()
    desk = house.desk()
    assert await desk.attack(77) is None
    attack = make.attack(1, HOST)
    house.parts.store.record_update(attack, 1.0)
    assert house.parts.store.flush(10)
    report = await desk.attack(1)
    assert report is not None
    assert (report.audit.host, report.audit.packets) == (HOST, ())


async def test_the_list_of_attacks_is_bounded_and_newest_first(build: "Build") -> None:
    """`limit` bounds the list, running attacks that are not in the store yet included."""
    house = build()
    for number in (1, 2, 3):
        house.parts.store.record_update(make.attack(number, HOST), 1.0)
    assert house.parts.store.flush(10)
    assert [entry.attack.number for entry in await house.desk().attacks(2)] == [3, 2]


def test_the_status_has_every_part(build: "Build") -> None:
    """Mode, bans, sources, store and notifications are there; without peers ExaBGP is unused."""
    house = build(ban={"mode": "monitor", "limits": {"active": 7}})
    house.parts.sensor.start()
    house.parts.warn("x", "look here")
    status = house.desk().status()
    assert (status.version, status.mode, status.bans_limit, status.attacks) == ("1.2.3", Mode.MONITOR, 7, 0)
    assert [source.interface for source in status.sources] == ["cap0"]
    assert (status.exabgp.state, status.store.state, status.notifications.state) == ("unused", "running", "running")
    assert status.warnings == ("look here",)
    assert status.uptime_seconds >= 0


def test_the_status_says_why_no_session_is_up(build: "Build") -> None:
    """With no session up ExaBGP has failed, and the reason of the peers is the text, once."""
    peers = {name: {"address": f"198.51.100.{n}", "as": 64511} for n, name in ((1, "a"), (5, "b"))}
    house = build(bgp={"local_as": 64496, "router_id": "198.51.100.2", "peers": peers})
    house.parts.announcer._lose_exabgp("exabgp not found: install it")
    found = house.desk().status().exabgp
    assert (found.state, found.text) == ("failed", "0 of 2 sessions up: exabgp not found: install it")


async def test_the_screen_has_the_busiest_hosts(build: "Build") -> None:
    """Top hosts come from the engine that runs."""
    desk = (await flooded(build)).desk()
    assert [item.host for item in desk.top(TopOrder.PACKETS, Direction.INCOMING, 5)] == [HOST]
    assert desk.traffic().directions[Direction.INCOMING].packets == 1500


async def test_a_test_message_without_channels_is_an_empty_answer(build: "Build") -> None:
    """No channel, no result; the order is kept all the same."""
    house = build()
    assert await house.desk().notify_test(by="alice") == []
    assert orders(house)[0][1] == "notify-test"


async def test_a_ban_that_fell_due_is_gone_from_the_list(build: "Build") -> None:
    """The list is what the guard says now."""
    house = build()
    desk = house.desk()
    entry = await ban(desk, duration_seconds=1.0)
    assert entry.ban.expires is not None
    (removed,) = house.parts.guard.advance(entry.ban.expires + 0.1)
    assert isinstance(removed, BanRemoved)
    assert desk.bans() == []
