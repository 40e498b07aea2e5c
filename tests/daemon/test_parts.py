"""The parts together: routes from bans, warnings, and waking the loop."""

import asyncio
from typing import TYPE_CHECKING

import pytest
import structlog.testing
from netaddr import IPAddress, IPNetwork

from daemon.house import HOST, OTHER, eventually, frames
from fnm_guard.core.model import Direction

if TYPE_CHECKING:
    from daemon.conftest import Build
    from daemon.house import House

PEERS = {
    "local_as": 64496,
    "router_id": "198.51.100.2",
    "peers": {"upstream": {"address": "198.51.100.1", "as": 64511, "max_routes": 1}},
}


def ban(house: "House", *hosts: object) -> None:
    """Ban hosts by hand and announce."""
    for host in hosts:
        house.parts.guard.order_ban(host, house.parts.clock.now(), by="test")  # type: ignore[arg-type]
    house.parts.announce()


def test_a_ban_becomes_a_wanted_route(build: "Build") -> None:
    """The announcer is handed the routes of the bans that stand."""
    house = build(bgp=PEERS)
    ban(house, HOST)
    (peer,) = house.parts.announcer.peers()
    assert (peer.wanted, peer.announced) == (1, 0)
    assert house.parts.left_out == {"upstream": 0}


def test_a_full_peer_is_logged_when_it_gets_worse(build: "Build") -> None:
    """A ban too many for `max_routes` is counted, and logged once, not at every announcement."""
    house = build(bgp=PEERS)
    with structlog.testing.capture_logs() as lines:
        ban(house, HOST, OTHER)
        house.parts.announce()
    assert [line["event"] for line in lines] == ["peer full"]
    assert house.parts.left_out == {"upstream": 1}


def test_routes_follow_the_bans(build: "Build") -> None:
    """A ban that begins or ends changes what is wanted, without making all routes anew; before a start it is all."""
    house = build(bgp=PEERS)
    parts = house.parts
    parts.follow(parts.guard.order_ban(HOST, 1.0, by="test"))
    book = parts.wanted
    parts.follow(parts.guard.order_ban(OTHER, 2.0, by="test"))
    assert parts.left_out == {"upstream": 1}
    parts.follow(parts.guard.order_unban(HOST, 3.0, by="test"))
    assert book is not None
    assert parts.wanted is book
    (peer,) = parts.announcer.peers()
    assert (peer.wanted, parts.left_out) == (1, {"upstream": 0})
    assert parts.announcer._ledger.accounts["upstream"].wanted == book.routes()["upstream"]


def test_wrong_wanted_routes_are_mended(build: "Build") -> None:
    """The routes of some bans at a time are compared with the definition; what is wrong is logged and made anew."""
    house = build(bgp=PEERS)
    parts = house.parts
    parts.check_wanted(1)
    ban(house, HOST, OTHER)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            parts.check_wanted(1)
        assert lines == []
        parts.guard.order_unban(HOST, 3.0, by="test")
        parts.guard.order_ban(IPAddress("203.0.113.9"), 3.0, by="test")
        for _ in range(2):
            parts.check_wanted(1)
    assert [line["event"] for line in lines] == ["wanted routes were wrong"]
    assert parts.wanted is not None
    assert parts.wanted.count_wrong(parts.guard.bans(), 2) == 0


async def test_a_slice_that_fails_is_logged(build: "Build", monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault in one slice is logged with its place, and the next one can be asked for."""
    parts = build().parts
    monkeypatch.setattr(parts.pipeline, "_guard", None)
    parts.pipeline._is_due = True
    with structlog.testing.capture_logs() as lines:
        parts.hurry()
        parts.hurry()
        await asyncio.sleep(0)
    assert [line["event"] for line in lines] == ["step failed"]
    assert not parts.is_hurried


def test_a_warning_is_logged_once_and_taken_back(build: "Build") -> None:
    """The same warning is logged when it is new; another text is new; an empty text takes it back."""
    parts = build().parts
    with structlog.testing.capture_logs() as lines:
        for text in ("a", "a", "b", ""):
            parts.warn("subject", text)
        parts.warn("subject", "a")
    assert [line["why"] for line in lines] == ["a", "b", "a"]
    assert parts.warnings == {"subject": "a"}


def test_a_warning_that_was_logged_elsewhere_is_only_shown(build: "Build") -> None:
    """What has its own log line already does not get another."""
    parts = build().parts
    with structlog.testing.capture_logs() as lines:
        parts.warn("source", "the cable is out", is_logged=True)
    assert lines == []
    assert parts.warnings == {"source": "the cable is out"}


async def test_a_crossing_wakes_the_loop(build: "Build") -> None:
    """A crossing leads to attack and ban without anybody asking."""
    parts = build(frames(1500)).parts
    parts.sensor.start()
    parts.listen_to_sensor()
    await eventually(lambda: bool(parts.guard.bans()))
    assert parts.guard.attack(HOST, Direction.INCOMING) is not None
    assert IPNetwork(parts.guard.bans()[0].host) == IPNetwork(HOST)
    parts.ignore_sensor()
    parts.ignore_sensor()


async def test_a_sensor_that_never_started_can_be_ignored(build: "Build") -> None:
    """A start that failed before the sensor can be undone all the same."""
    build().parts.ignore_sensor()
