"""From an address to the index of a host."""

from bisect import bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from capture.lane import numbers
from capture_ext.prefixes import HOST_LIMIT, NETWORK_LIMIT, Prefixes, merge

networks4 = st.lists(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(12, 32)).map(
        lambda item: (4, item[0] >> (32 - item[1]) << (32 - item[1]), item[1])
    ),
    max_size=12,
).filter(lambda networks: sum(1 << (32 - length) for _, _, length in networks) <= HOST_LIMIT)


def slow_index(networks: "list[tuple[int, int, int]]", address: int) -> int | None:
    """Number the addresses of all networks in a row, by counting."""
    ranges = merge(networks, 4)
    place = bisect_right(ranges, (address, 2**32)) - 1
    if place < 0 or address > ranges[place][1]:
        return None
    return sum(last - first + 1 for first, last in ranges[:place]) + address - ranges[place][0]


@given(networks4, st.lists(st.integers(0, 2**32 - 1), max_size=10))
def test_agrees_with_counting(networks: "list[tuple[int, int, int]]", strangers: "list[int]") -> None:
    """Every address has the index that counting gives it, and every index its address."""
    prefixes = Prefixes(networks)
    ends = [address for first, last in prefixes.ipv4_ranges for address in (first - 1, first, last, last + 1)]
    middles = [(first + last) // 2 for first, last in prefixes.ipv4_ranges]
    for address in (*ends, *middles, *strangers):
        if 0 <= address < 2**32:
            index = prefixes.find(4, address)
            assert index == slow_index(networks, address)
            assert index is None or prefixes.address(index) == address
    assert prefixes.address(prefixes.ipv4_hosts) is None


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("0.0.0.0/8", ("0.0.0.0", "0.255.255.255"), ("1.0.0.0", "255.255.255.255")),
        ("255.255.255.0/24", ("255.255.255.0", "255.255.255.255"), ("255.255.254.255", "0.0.0.0")),
        ("198.51.100.7/32", ("198.51.100.7",), ("198.51.100.6", "198.51.100.8")),
        ("198.51.100.64/26", ("198.51.100.64", "198.51.100.127"), ("198.51.100.63", "198.51.100.128")),
        ("172.16.0.0/12", ("172.16.0.0", "172.31.255.255"), ("172.15.255.255", "172.32.0.0")),
        ("2001:db8:100::/48", ("2001:db8:100::1", "2001:db8:100:ffff:ffff:ffff:ffff:ffff"), ("2001:db8:101::", "::")),
        ("2001:db8::1/128", ("2001:db8::1",), ("2001:db8::", "2001:db8::2")),
    ],
)
def test_first_and_last_address(network: str, inside: "tuple[str, ...]", outside: "tuple[str, ...]") -> None:
    """The first and the last address of a network are ours, their neighbours are not."""
    prefixes = Prefixes(numbers(network))
    version = IPNetwork(network).version
    assert all(prefixes.find(version, int(IPAddress(text))) is not None for text in inside)
    assert all(prefixes.find(version, int(IPAddress(text))) is None for text in outside)


def test_nested_overlapping_and_adjacent_networks_are_one() -> None:
    """A host has one index, however many networks cover it."""
    prefixes = Prefixes(numbers("198.51.100.0/24", "198.51.100.0/25", "198.51.100.7/32", "198.51.101.0/24"))
    assert prefixes.ipv4_hosts == 512
    assert prefixes.ipv4_ranges == [(0xC6336400, 0xC63365FF)]


def test_ten_thousand_networks() -> None:
    """10,000 networks of both families are found, and what lies between them is not."""
    four = [(4, (10 << 24) + number * 512, 24) for number in range(5000)]
    six = [(6, (0x20010DB8 << 96) + (number * 2 << 64), 64) for number in range(5000)]
    prefixes = Prefixes(four + six)
    assert prefixes.ipv4_hosts == 5000 * 256
    for number, (_, first, _) in enumerate(four):
        assert prefixes.find(4, first + 255) == number * 256 + 255
        assert prefixes.find(4, first + 256) is None
    for _, first, _ in six:
        assert prefixes.find(6, first) == prefixes.find(6, first + 2**64 - 1) == 0
        assert prefixes.find(6, first + 2**64) is None


def test_unspecified_address_is_never_ours() -> None:
    """`::` marks a free entry of the host table, so it is not a host, not even in ::/16."""
    prefixes = Prefixes(numbers("::/16"))
    assert prefixes.find(6, 0) is None
    assert prefixes.find(6, 1) == 0


def test_limits_are_named() -> None:
    """More hosts or networks than can be held are refused with the number and the limit."""
    with pytest.raises(ValueError, match=f"{2**24 + 1} IPv4 hosts in the networks: at most {HOST_LIMIT}"):
        Prefixes(numbers("10.0.0.0/8", "198.51.100.7/32"))
    with pytest.raises(ValueError, match=f"{NETWORK_LIMIT + 1} networks: at most {NETWORK_LIMIT}"):
        Prefixes([(4, number, 32) for number in range(NETWORK_LIMIT + 1)])


@pytest.mark.parametrize("network", [(5, 0, 24), (4, 0, 33), (4, 0, -1), (4, 1, 24), (4, 2**32, 32), (6, -1, 128)])
def test_what_is_no_network_is_refused(network: "tuple[int, int, int]") -> None:
    """A network with bits beyond its length, or none at all, is refused."""
    with pytest.raises(ValueError, match="no network"):
        Prefixes([network])
