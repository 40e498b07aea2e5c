"""The difference is all that is sent."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from fnm_guard.core.model import Route
from fnm_guard.core.reconcile import Difference, difference

HOP = IPAddress("192.0.2.1")
A = Route(IPNetwork("198.51.100.7/32"), HOP, ("65535:666",))
B = Route(IPNetwork("198.51.100.8/32"), HOP, ("65535:666",))
C = Route(IPNetwork("2001:db8:100::7/128"), IPAddress("100::1"), ("65535:666",))

ROUTES = st.builds(
    Route,
    prefix=st.sampled_from([A.prefix, B.prefix, C.prefix]),
    next_hop=st.just(HOP),
    communities=st.sampled_from([(), ("65535:666",), ("65535:666", "no-export")]),
)
TABLES = st.lists(ROUTES, unique_by=lambda route: route.prefix).map(frozenset)


def test_nothing_to_do() -> None:
    """What is announced and wanted is left alone."""
    assert difference(frozenset({A, B}), frozenset({B, A})) == Difference()


def test_announce_and_withdraw_in_order() -> None:
    """What is missing is announced, what is too much withdrawn, each by prefix."""
    assert difference(frozenset({C, B, A}), frozenset()) == Difference(announce=(A, B, C))
    assert difference(frozenset(), frozenset({C, B, A})) == Difference(withdraw=(A, B, C))
    assert difference(frozenset({A}), frozenset({B})) == Difference(announce=(A,), withdraw=(B,))


def test_other_attributes_are_announced_alone() -> None:
    """BGP replaces a route of the same prefix by itself: a withdrawal would open a hole."""
    changed = replace(A, communities=("64500:666",))
    assert difference(frozenset({changed}), frozenset({A})) == Difference(announce=(changed,))


@given(wanted=TABLES, announced=TABLES)
def test_applied_it_gives_what_is_wanted(wanted: frozenset[Route], announced: frozenset[Route]) -> None:
    """A peer that applies the difference has exactly the wanted routes, and every line of it was needed."""
    found = difference(wanted, announced)
    table = {route.prefix: route for route in announced}
    for route in found.withdraw:
        assert table.pop(route.prefix) == route
    for route in found.announce:
        assert table.get(route.prefix) != route
        table[route.prefix] = route
    assert frozenset(table.values()) == wanted
