"""Golden table: bans and a peer's profile, and the routes that peer should hear."""

from dataclasses import replace

import pytest
from netaddr import IPAddress, IPNetwork, IPSet

from core.make import FOREIGN, HOST, HOST_IPV6, NEVER, OTHER_HOST, ban, peer, policy
from fnm_guard.core.life import Ban
from fnm_guard.core.model import BanOrigin, Route
from fnm_guard.core.policy import BanPolicy, Mode, PeerProfile
from fnm_guard.core.routes import Wanted, wanted_routes

ROUTE = Route(IPNetwork("198.51.100.7/32"), IPAddress("192.0.2.1"), ("65535:666", "no-export"))
ROUTE_IPV6 = Route(IPNetwork("2001:db8:100::7/128"), IPAddress("100::1"), ("65535:666", "no-export"))


def _wanted(bans: list[Ban], profile: PeerProfile, rules: BanPolicy | None = None) -> Wanted:
    return wanted_routes(bans, [profile], rules or policy())[profile.name]


@pytest.mark.parametrize(
    ("name", "profile", "route"),
    [
        ("plain", peer(), ROUTE),
        ("no-export off", peer(no_export=False), replace(ROUTE, communities=("65535:666",))),
        (
            "several, sorted, each once",
            peer(communities=("65535:666", "64500:999", "64500:999")),
            replace(ROUTE, communities=("64500:999", "65535:666", "no-export")),
        ),
        ("no-export by number", peer(communities=("65535:65281",)), replace(ROUTE, communities=("no-export",))),
        (
            "no-export by number, profile off",
            peer(communities=("65535:65281",), no_export=False),
            replace(ROUTE, communities=("no-export",)),
        ),
        (
            "large",
            peer(large_communities=("64500:2:3", "64500:1:2")),
            replace(ROUTE, large_communities=("64500:1:2", "64500:2:3")),
        ),
        ("local preference on iBGP", peer(remote_as=64512, local_preference=900), replace(ROUTE, local_preference=900)),
        ("none on eBGP", peer(local_preference=900), ROUTE),
    ],
)
def test_route_in_the_terms_of_the_peer(name: str, profile: PeerProfile, route: Route) -> None:
    """A route carries what the peer's profile says, in one spelling."""
    assert _wanted([ban()], profile) == Wanted(frozenset({route})), name


def test_families() -> None:
    """Each host is a /32 or /128 with the next hop of its own family."""
    bans = [ban(), ban(2, HOST_IPV6)]
    assert _wanted(bans, peer()).routes == {ROUTE, ROUTE_IPV6}
    assert _wanted(bans, peer(next_hop_ipv6=None)) == Wanted(frozenset({ROUTE}))
    assert _wanted(bans, peer(next_hop_ipv4=None)) == Wanted(frozenset({ROUTE_IPV6}))


@pytest.mark.parametrize(
    ("silent", "rules"),
    [
        (ban(announce=False), policy()),
        (ban(mode=Mode.MONITOR), policy()),
        (ban(mode=Mode.MONITOR, announce=False), policy()),
        (ban(host=FOREIGN), policy()),
        (ban(host=NEVER), policy()),
        (ban(host=NEVER, origin=BanOrigin.AUTOMATIC), policy()),
        (ban(), policy(networks=IPSet())),
        (ban(), policy(never_ban=IPSet([IPNetwork("198.51.100.7/32")]))),
        (ban(host=IPAddress("0.0.0.0")), policy()),
    ],
)
def test_never_announced(silent: Ban, rules: BanPolicy) -> None:
    """Told-only and monitor bans, foreign hosts and the never-ban list have no route, whoever banned them."""
    assert _wanted([silent], peer(), rules) == Wanted()


def test_oldest_bans_have_the_places() -> None:
    """Below its limit a peer hears the oldest bans, by start and then by number; the rest is reported."""
    old, tied, young = ban(9, HOST, started=1.0), ban(4, OTHER_HOST, started=2.0), ban(5, HOST_IPV6, started=2.0)
    found = _wanted([young, tied, old], peer(max_routes=1))
    assert found == Wanted(frozenset({ROUTE}), left_out=(tied, young))
    assert _wanted([young, tied, old], peer(max_routes=3)).left_out == ()


def test_bans_without_a_next_hop_take_no_place() -> None:
    """A ban of a family that the peer does not hear is not left out: it was never to be heard."""
    bans = [ban(1, HOST_IPV6), ban(2, HOST, started=5.0)]
    assert _wanted(bans, peer(max_routes=1, next_hop_ipv6=None)) == Wanted(frozenset({ROUTE}))


def test_every_peer_is_named() -> None:
    """Each peer has its own table, an empty one too."""
    peers = [peer("a"), peer("b", next_hop_ipv4=None), peer("c", max_routes=0)]
    assert wanted_routes([ban()], peers, policy()) == {
        "a": Wanted(frozenset({ROUTE})),
        "b": Wanted(),
        "c": Wanted(left_out=(ban(),)),
    }
