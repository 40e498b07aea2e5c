"""The bounded table of IPv6 hosts."""

import pytest

from capture.lane import SEED
from capture_ext.hosts6 import Hosts6


def test_a_host_keeps_its_place() -> None:
    """The same address has the same place and generation as long as it stays; others have other places."""
    hosts = Hosts6(1024, SEED)
    seen = {address: hosts.see(address, 1) for address in range(1, 101)}
    assert {address: hosts.see(address, 2) for address in range(1, 101)} == seen
    assert len({entry[0] for entry in seen.values() if entry}) == 100
    assert all(entry and hosts.address(entry[0]) == address for address, entry in seen.items())
    assert hosts.counts() == (100, 0, 0)


def test_least_recently_seen_goes() -> None:
    """When a bucket is full the host seen longest ago makes room, and its place gets a new generation."""
    hosts = Hosts6(8, SEED)
    places = {address: hosts.see(address, address) for address in range(1, 9)}
    assert hosts.see(1, 9) == places[1]
    new = hosts.see(100, 10)
    assert new is not None
    assert places[2] is not None
    assert new[0] == places[2][0]
    assert new[1] > places[2][1]
    assert hosts.see(1, 11) == places[1]
    assert hosts.counts() == (9, 1, 0)


def test_watched_hosts_stay() -> None:
    """A pinned host is never evicted; a bucket full of them refuses, and counts it."""
    hosts = Hosts6(8, SEED)
    for address in range(1, 9):
        place = hosts.see(address, 1)
        assert place is not None
        assert hosts.pin(place[0], True)
    assert hosts.see(100, 50) is None
    assert hosts.counts() == (8, 0, 1)
    first = hosts.see(1, 51)
    assert first is not None
    assert hosts.pin(first[0], False)
    assert hosts.see(100, 52) == (first[0], first[1] + 2)


def test_memory_is_bounded() -> None:
    """A hundred thousand addresses leave no more than the table holds."""
    hosts = Hosts6(256, SEED)
    for address in range(1, 100_001):
        hosts.see(address, address // 1000)
    entered, evicted, refused = hosts.counts()
    assert (entered - evicted, refused) == (256, 0)
    assert sum(hosts.address(place) is not None for place in range(256)) == 256


def test_no_table() -> None:
    """A table of no hosts takes none."""
    assert Hosts6(0, SEED).see(1, 1) is None


@pytest.mark.parametrize(("limit", "seed"), [(-1, SEED), (2**24 + 1, SEED), (8, b"short")])
def test_arguments_out_of_range(limit: int, seed: bytes) -> None:
    """Sizes and seeds out of range are refused."""
    with pytest.raises(ValueError, match=r"hosts|seed"):
        Hosts6(limit, seed)
