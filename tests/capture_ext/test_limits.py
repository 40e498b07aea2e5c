"""Thresholds as counts in a window, by group."""

import pytest
from netaddr import IPAddress, IPNetwork

from capture.frames import Sent
from capture.lane import SECOND, Lane, host, numbers
from capture_ext import reports
from capture_ext.limits import Limits, limit_in_window


def group_range(network: str, group: int) -> "tuple[int, int, int, int]":
    """Give a network as a range of a group."""
    net = IPNetwork(network)
    return net.version, net.first, net.last, group


@pytest.mark.parametrize(
    ("column", "threshold", "window", "count"),
    [
        (0, 30_000, SECOND, 30_000.0),
        (0, 30_000, 950_000_000, 28_500.0),
        (0, 0.1, 10 * SECOND, 1.0),
        (1, 1000, SECOND, 125_000_000.0),
        (9, 8, SECOND // 2, 500_000.0),
        (2, 20_000, SECOND // 2, 20_000.0),
    ],
)
def test_thresholds_in_a_window(column: int, threshold: float, window: int, count: float) -> None:
    """A rate becomes the count in a window, exactly where that is a whole number; flows are a count already."""
    assert limit_in_window(column, threshold, window) == count


def test_addresses_find_their_group() -> None:
    """The first and last address of a range are in its group, their neighbours in the default."""
    ranges = [group_range("198.51.100.0/25", 1), group_range("203.0.113.7/32", 2), group_range("2001:db8::/48", 1)]
    limits = Limits(SECOND, [((), ())] * 3, ranges)
    found = {
        text: limits.find(IPAddress(text).version, int(IPAddress(text)))
        for text in ("198.51.99.255", "198.51.100.0", "198.51.100.127", "198.51.100.128", "203.0.113.6", "203.0.113.7")
    }
    assert list(found.values()) == [0, 1, 1, 0, 0, 2]
    assert limits.find(6, int(IPAddress("2001:db8:0:ffff::"))) == 1
    assert limits.find(6, int(IPAddress("2001:db8:1::"))) == 0


def test_hosts_are_judged_by_their_group() -> None:
    """Each host is compared with the thresholds of its own group and direction."""
    checks = Limits(
        SECOND,
        [([(0, 100)], []), ([(0, 1000)], [(0, 10)]), ([], [])],
        [group_range("203.0.113.8/32", 1), group_range("203.0.113.9/32", 2), group_range("2001:db8:100::/64", 1)],
    )
    lane = Lane("203.0.113.0/24", "2001:db8:100::/48", checks=checks)
    for number in (7, 8, 9):
        lane.repeat(Sent(destination=f"203.0.113.{number}"), 500)
        lane.repeat(Sent(source=f"203.0.113.{number}", destination="192.0.2.1"), 500)
    for network in ("2001:db8:100:0::5", "2001:db8:100:1::5"):
        lane.repeat(Sent(source="2001:db8::1", destination=network, ip_bytes=60), 500)
    crossings = {(crossing.host, crossing.outgoing, crossing.group) for crossing in lane.tick()}
    assert crossings == {
        (host("203.0.113.7"), False, 0),
        (host("203.0.113.8"), True, 1),
        (host("2001:db8:100:1::5"), False, 0),
    }


def test_new_thresholds_between_two_ticks() -> None:
    """Other thresholds hold from the next tick on; a metric that was not kept before counts from then on."""
    lane = Lane(incoming=[(0, 1000)])
    lane.repeat(Sent(), 500)
    assert lane.tick() == []
    lane.engine.set_limits(Limits(SECOND, [([(4, 400)], []), ([(0, 10)], [])], [group_range("203.0.113.9/32", 1)]))
    assert lane.tick() == []
    lane.repeat(Sent(), 401)
    lane.repeat(Sent(destination="203.0.113.9"), 11)
    crossings = {crossing.host: (crossing.column, crossing.rate) for crossing in lane.tick()}
    assert crossings == {host("203.0.113.7"): (4, 401), host("203.0.113.9"): (0, 11)}
    lane.engine.set_limits(Limits(SECOND, [([(0, 800)], []), ([], [])], [group_range("203.0.113.7/32", 1)]))
    assert {report.group for report in reports.watched(lane.engine) if report.host == host("203.0.113.7")} == {1}


@pytest.mark.parametrize(
    ("groups", "ranges"),
    [([], []), ([([(12, 1)], [])], []), ([([(-1, 1)], [])], []), ([((), ())], [(4, 0, 1, 1)])],
)
def test_what_does_not_exist_is_refused(
    groups: "list[tuple[list[tuple[int, float]], list[tuple[int, float]]]]", ranges: "list[tuple[int, int, int, int]]"
) -> None:
    """A metric or a group that does not exist is refused."""
    with pytest.raises(ValueError, match=r"group|metric"):
        Limits(SECOND, groups, ranges)


def test_numbers_of_networks() -> None:
    """The test's own reading of networks is right."""
    assert numbers("203.0.113.0/24") == [(4, 0xCB007100, 24)]
