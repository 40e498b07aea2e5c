"""ExaBGP 5.0.15's own listings, as it printed them."""

import pytest
from netaddr import IPAddress, IPNetwork

from fnm_guard.announcer.listing import ListedNeighbor, listed_neighbors, listed_routes

UP = (
    '[{"state": "down", "duration": 0, "fsm": "ESTABLISHED", "local": {"families": {"ipv4 unicast": true}},'
    ' "peer": {"address": "198.51.100.193", "as": 64500}, "families": ["ipv6 unicast", "ipv4 unicast"]}, '
    '{"state": "down", "duration": 12, "fsm": "CONNECT", "peer": {"address": "2001:db8::1"}, "families": []}]'
)


def test_neighbors() -> None:
    """The state machine decides: `state` is `down` in the first second of a session."""
    assert listed_neighbors([UP]) == {
        IPAddress("198.51.100.193"): ListedNeighbor(up=True, seconds=0, families=("ipv4 unicast", "ipv6 unicast")),
        IPAddress("2001:db8::1"): ListedNeighbor(up=False, seconds=0, families=()),
    }


@pytest.mark.parametrize("text", ["", "{}x", "[1]", '[{"fsm": "IDLE"}]', "3"])
def test_neighbors_in_another_form(text: str) -> None:
    """A listing that is none is an error with the one documented type."""
    with pytest.raises(ValueError, match="in an unknown form"):
        listed_neighbors([text])


def test_routes() -> None:
    """Each line names neighbor and prefix; what is no route is passed over."""
    lines = [
        "198.51.100.193 ipv4 unicast 203.0.113.10/32 next-hop 192.0.2.1",
        "198.51.100.193 ipv6 unicast 2001:db8::10/128 next-hop 100::1",
        "2001:db8::1 ipv4 unicast 203.0.113.10/32 next-hop 192.0.2.1",
        "198.51.100.193 ipv4 flow flow destination-ipv4 203.0.113.10/32",
        "198.51.100.193 ipv4 unicast",
        "somebody ipv4 unicast 203.0.113.10/32 next-hop 192.0.2.1",
        "198.51.100.193 ipv4 unicast 203.0.113.300/32 next-hop 192.0.2.1",
        "",
    ]
    assert listed_routes(lines) == {
        IPAddress("198.51.100.193"): {IPNetwork("203.0.113.10/32"), IPNetwork("2001:db8::10/128")},
        IPAddress("2001:db8::1"): {IPNetwork("203.0.113.10/32")},
    }
