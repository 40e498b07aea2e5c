"""Which routes each peer should hear: the bans that are announced, in the peer's own terms.

Whatever a ban says, its host is checked here again against our networks and the never-ban list: this is the last
place before BGP, and a route that is not ours does harm to others.  A prefix is always one host, /32 or /128.

A peer closes the session when it hears more prefixes than it accepts, and with it every blackhole is gone.  So a peer
has at most `max_routes`, the oldest bans first; what is left out is given too, for people must know of it.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netaddr import IPNetwork

from fnm_guard.core.limits import Bounds
from fnm_guard.core.model import Route
from fnm_guard.core.policy import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netaddr import IPAddress

    from fnm_guard.core.life import Ban
    from fnm_guard.core.policy import BanPolicy, PeerProfile

__all__ = ["Wanted", "is_announced", "next_hop", "route_of", "wanted_routes"]

_NO_EXPORT = "no-export"
_NO_EXPORT_VALUE = "65535:65281"  # RFC 1997


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one peer should hear, and the bans it cannot hear of because of `max_routes`, oldest first."""

    routes: frozenset[Route] = frozenset()
    left_out: "tuple[Ban, ...]" = ()


def wanted_routes(bans: "Iterable[Ban]", peers: "Sequence[PeerProfile]", policy: "BanPolicy") -> "dict[str, Wanted]":
    """Give what each peer should hear, by the peer's name."""
    bounds = Bounds(policy)
    announced = [ban for ban in bans if is_announced(ban, bounds)]
    announced.sort(key=lambda ban: (ban.started, ban.number))
    return {peer.name: _wanted_by(peer, announced) for peer in peers}


def is_announced(ban: "Ban", bounds: Bounds) -> bool:
    """Tell whether routes are wanted for a ban."""
    return ban.announce and ban.mode is Mode.ACT and bounds.forbid(ban.host) is None


def _wanted_by(peer: "PeerProfile", bans: "Sequence[Ban]") -> Wanted:
    reachable = [(ban, hop) for ban in bans if (hop := next_hop(peer, ban.host)) is not None]
    routes = frozenset(route_of(peer, ban.host, hop) for ban, hop in reachable[: peer.max_routes])
    return Wanted(routes, tuple(ban for ban, _ in reachable[peer.max_routes :]))


def next_hop(peer: "PeerProfile", host: "IPAddress") -> "IPAddress | None":
    """Give where a peer is to send what goes to the host; None: it hears nothing of that family."""
    return peer.next_hop_ipv4 if host.version == 4 else peer.next_hop_ipv6  # noqa: PLR2004 - IPv4


def route_of(peer: "PeerProfile", host: "IPAddress", hop: "IPAddress") -> Route:
    """Give the route of a host in the peer's terms."""
    communities = {_NO_EXPORT if text == _NO_EXPORT_VALUE else text for text in peer.communities}
    if peer.no_export:
        communities.add(_NO_EXPORT)
    return Route(
        prefix=IPNetwork(host),
        next_hop=hop,
        communities=tuple(sorted(communities)),
        large_communities=tuple(sorted(set(peer.large_communities))),
        local_preference=peer.local_preference if peer.local_as == peer.remote_as else None,
    )
