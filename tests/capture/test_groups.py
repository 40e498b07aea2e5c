"""The detection policy as the engine takes it."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from fnm_guard.capture.groups import group_ranges, limits_of, network_numbers, to_ns
from fnm_guard.core.model import Metric, Thresholds
from fnm_guard.core.policy import DetectionPolicy, ThresholdGroup

NONE = Thresholds()
networks = st.tuples(st.integers(0, 255), st.integers(24, 32)).map(
    lambda item: IPNetwork(f"198.51.100.{item[0]}/{item[1]}").cidr
)
policies = st.lists(st.lists(networks, min_size=1, max_size=4), max_size=5)


def slow_group(groups: "list[list[IPNetwork]]", address: IPAddress) -> int:
    """Give the group of an address by the words of the manual: the most specific wins, then the one named first."""
    covering = [
        (-network.prefixlen, number)
        for number, group in enumerate(groups, start=1)
        for network in group
        if address in network
    ]
    return min(covering)[1] if covering else 0


@given(policies)
def test_the_most_specific_network_wins(groups: "list[list[IPNetwork]]") -> None:
    """Every address is in the group that the rule names; the ranges are sorted and do not overlap."""
    named = [ThresholdGroup(str(number), tuple(group), Thresholds(pps=1), NONE) for number, group in enumerate(groups)]
    ranges = group_ranges(named)
    assert all(before[2] < after[1] for before, after in itertools.pairwise(ranges))
    assert all(first <= last for _, first, last, _ in ranges)
    limits = limits_of(DetectionPolicy((IPNetwork("198.51.100.0/24"),), groups=tuple(named)))
    for low in range(256):
        address = IPAddress(f"198.51.100.{low}")
        assert limits.find(4, int(address)) == slow_group(groups, address)


def test_families_stand_apart() -> None:
    """IPv4 and IPv6 networks of one group do not cut each other."""
    both = (IPNetwork("203.0.113.0/24"), IPNetwork("2001:db8::/32"), IPNetwork("2001:db8:1::/48"))
    ranges = group_ranges([ThresholdGroup("a", both[:2], NONE, NONE), ThresholdGroup("b", both[2:], NONE, NONE)])
    one, two, three = both
    assert ranges == [
        (4, one.first, one.last, 1),
        (6, two.first, three.first - 1, 1),
        (6, three.first, three.last, 2),
        (6, three.last + 1, two.last, 1),
    ]


def test_numbers() -> None:
    """Networks are first addresses and lengths; times are whole nanoseconds."""
    assert network_numbers([IPNetwork("203.0.113.7/24")]) == [(4, 0xCB007100, 24)]
    assert to_ns(0.05) == 50_000_000
    assert next(iter(Metric)) is Metric.PPS
