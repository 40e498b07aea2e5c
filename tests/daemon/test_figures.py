"""Figures of the parts as the API shows them."""

import time
from typing import TYPE_CHECKING

from netaddr import IPAddress

from capture_ext.memory import MemoryFrames
from core import make
from daemon.house import HOST, OTHER, frames, until
from fnm_guard.core.model import Direction
from fnm_guard.core.policy import Mode
from fnm_guard.core.wanted import WantedBook
from fnm_guard.daemon import figures

if TYPE_CHECKING:
    from daemon.conftest import Build
    from daemon.house import House


def counted(build: "Build") -> "House":
    """Give a house that has counted 20 frames of ours, and 3 that cannot be parsed."""
    garbage = MemoryFrames([(number, bytes(10)) for number in range(3)])
    house = build(frames(20), garbage)
    house.parts.sensor.start()
    until(lambda: house.parts.sensor.traffic().frames == 23)
    until(lambda: all(source.state == "stopped" for source in house.parts.sensor.sources()))
    house.parts.sensor.close()
    return house


def test_sources_are_shown_one_a_thread(build: "Build") -> None:
    """Every source has its row, with what it received."""
    found = counted(build).parts.sensor.sources()
    assert [(source.interface, source.state, source.received) for source in found] == [
        ("cap0", "stopped", 20),
        ("cap0", "stopped", 3),
    ]


def test_traffic_has_every_direction_and_the_loss(build: "Build") -> None:
    """The totals of all four directions are there, and received and dropped over all sources."""
    traffic = figures.traffic(counted(build).parts.sensor)
    assert set(traffic.directions) == set(Direction)
    assert traffic.directions[Direction.INCOMING].packets == 20
    assert (traffic.received, traffic.dropped, traffic.unparsed) == (23, 0, 3)


def test_reasons_without_a_frame_are_left_out(build: "Build") -> None:
    """Unparsed frames are shown by the reasons that there were."""
    (count,) = figures.unparsed(counted(build).parts.sensor).values()
    assert count == 3


def test_a_peer_keeps_its_time(build: "Build") -> None:
    """A peer's `since`, wall time at the announcer, is an instant of the daemon's clock here."""
    peers = {"up": {"address": "198.51.100.1", "as": 64511}}
    parts = build(bgp={"local_as": 64496, "router_id": "198.51.100.2", "peers": peers}).parts
    (state,) = parts.announcer.peers()
    shown = figures.peer(state, parts)
    assert (shown.name, shown.address, shown.remote_as, shown.state) == ("up", IPAddress("198.51.100.1"), 64511, "down")
    assert shown.since is not None
    assert abs(shown.since - time.monotonic()) < 60


def test_who_should_hear_of_a_ban(build: "Build") -> None:
    """Peers with a next hop of the family and room are named; a ban that is not announced has none."""
    peers = {
        "both": {"address": "198.51.100.1", "as": 64511},
        "six": {"address": "198.51.100.5", "as": 64511, "next_hop": {"ipv6": "100::1"}},
        "small": {"address": "198.51.100.9", "as": 64511, "max_routes": 1},
    }
    parts = build(bgp={"local_as": 64496, "router_id": "198.51.100.2", "peers": peers}).parts
    bans = [
        make.ban(1, HOST),
        make.ban(2, OTHER, started=5.0),
        make.ban(3, IPAddress("203.0.113.9"), mode=Mode.MONITOR),
    ]
    wanted = WantedBook(bans, parts.settings.peer_profiles(), parts.settings.ban_policy())
    assert [wanted.peers_of(ban.host) for ban in bans] == [("both", "small"), ("both",), ()]


def test_nobody_has_heard_while_no_session_is_up(build: "Build") -> None:
    """Only peers whose session is up have heard of a host."""
    peers = {"up": {"address": "198.51.100.1", "as": 64511}}
    announcer = build(bgp={"local_as": 64496, "router_id": "198.51.100.2", "peers": peers}).parts.announcer
    assert figures.peers_up(announcer) == frozenset()
    announcer._book._up("up", 0.0)
    assert figures.peers_up(announcer) == {"up"}


def test_failures_leave_out_what_went_well() -> None:
    """What was sent is no failure."""
    assert figures.failures({"mail_sent": 7, "mail_failed": 2, "notices_dropped": 1}) == 3


def test_health_names_what_was_lost(build: "Build") -> None:
    """Every bounded table and queue that overflowed has a figure, the log's own among them."""
    parts = build().parts
    parts.left_out["upstream"] = 4
    parts.log.outlet.lost = 2
    found = figures.health(parts, parts.store.status(), parts.notifier.status())
    assert found["left_out_upstream"] == 4
    assert found["log_lines_lost"] == 2
    names = {"crossings_dropped", "holdoffs_dropped", "sink_failures", "store_refused", "engine_windows_refused"}
    assert names <= found.keys()
    assert all(isinstance(count, int) for count in found.values())
