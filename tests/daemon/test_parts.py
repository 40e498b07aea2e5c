"""The parts together: routes from bans, warnings, and waking the loop."""

from typing import TYPE_CHECKING

import structlog.testing
from netaddr import IPNetwork

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
