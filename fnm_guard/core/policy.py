"""The policies: what an operator decides once, as values; `config` builds them from the file.

Units as in `model.py`; a field that ends in `_seconds` is in seconds.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from netaddr import IPSet

from fnm_guard.core.model import Thresholds

if TYPE_CHECKING:
    from netaddr import IPAddress, IPNetwork

__all__ = [
    "AttackPolicy",
    "BanPolicy",
    "DetectionPolicy",
    "Mode",
    "OutgoingPolicy",
    "PeerProfile",
    "ThresholdGroup",
]

_DEFAULT = Thresholds(pps=30_000)


@dataclass(frozen=True, slots=True)
class ThresholdGroup:
    """Thresholds of some networks.  Values are complete: what the group did not set was taken from the default."""

    name: str
    networks: "tuple[IPNetwork, ...]"
    incoming: Thresholds
    outgoing: Thresholds


@dataclass(frozen=True, slots=True)
class DetectionPolicy:
    """What the engine needs to find crossings.

    Attributes:
        networks: Our networks; they may overlap and nest.
        incoming, outgoing: Thresholds of hosts that no group covers.
        groups: The most specific network wins; a tie goes to the group named first.
        window_seconds: Length of the sliding window, a whole number of ticks.
        tick_seconds: How often the window moves.
        ipv6_hosts: How many IPv6 hosts are kept at once.
        flows: Whether distinct flows are counted.
    """

    networks: "tuple[IPNetwork, ...]"
    incoming: Thresholds = _DEFAULT
    outgoing: Thresholds = _DEFAULT
    groups: tuple[ThresholdGroup, ...] = ()
    window_seconds: float = 1.0
    tick_seconds: float = 0.05
    ipv6_hosts: int = 65_536
    flows: bool = True


class Mode(StrEnum):
    """What automatic bans may do."""

    ACT = "act"
    """Announce."""
    MONITOR = "monitor"
    """Decide everything, announce nothing."""


class OutgoingPolicy(StrEnum):
    """What an outgoing attack leads to."""

    ANNOUNCE = "announce"
    TELL = "tell"


@dataclass(frozen=True, slots=True)
class AttackPolicy:
    """When an attack is over.

    Attributes:
        release: Share of each threshold that every rate must stay under, 0 < release <= 1.
        hold_seconds: How long it must stay there.
    """

    release: float = 0.8
    hold_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class BanPolicy:
    """What may be banned, how, and for how long.

    Attributes:
        networks: Only addresses in here are ever banned, by hand or not.
        never_ban: Never banned, by hand or not.
        holdoff_seconds: After an unban by hand, how long automatic bans of that host are held off.
        active_limit: How many bans may be active at once, hand bans included.
        extension_limit_seconds: Longest life of an automatic ban by extensions, counted from its start.
    """

    networks: IPSet = field(default_factory=IPSet)
    never_ban: IPSet = field(default_factory=IPSet)
    mode: Mode = Mode.ACT
    outgoing: OutgoingPolicy = OutgoingPolicy.ANNOUNCE
    duration_seconds: float = 1800.0
    holdoff_seconds: float = 60.0
    active_limit: int = 100
    extension_limit_seconds: float = 86_400.0


@dataclass(frozen=True, slots=True)
class PeerProfile:
    """One BGP neighbour and how blackholes are announced to it.

    Attributes:
        name: The operator's name for it, unique.
        address: The peer's address; the session runs over its family.
        remote_as, local_as: AS numbers (RFC 6793); equal for iBGP.
        router_id: Our BGP identifier, an IPv4 address (RFC 4271, section 1.1).
        local_address: Our end of the session; None: the kernel chooses.
        next_hop_ipv4, next_hop_ipv6: Discard next hop per family (RFC 5635); None: that family is not announced.
        communities: Standard communities (RFC 1997), each `high:low` or a well-known name.
        large_communities: Large communities (RFC 8092), each `global:local:local`.
        no_export: Whether NO_EXPORT (RFC 1997) is added.
        local_preference: LOCAL_PREF on iBGP, None: ExaBGP's own.
        password: TCP MD5 (RFC 2385), None: none.
        ttl_security: Whether both ends insist on TTL 255 (RFC 5082).
        multihop: TTL of our packets on eBGP over several hops, None: directly connected.
        hold_seconds: Hold time offered (RFC 4271, section 4.2).
        graceful_restart_seconds: Restart time offered (RFC 4724), 0: not offered.
        max_routes: Most routes announced to this peer, below its max-prefix.
    """

    name: str
    address: "IPAddress"
    remote_as: int
    local_as: int
    router_id: "IPAddress"
    local_address: "IPAddress | None" = None
    next_hop_ipv4: "IPAddress | None" = None
    next_hop_ipv6: "IPAddress | None" = None
    communities: tuple[str, ...] = ("65535:666",)
    large_communities: tuple[str, ...] = ()
    no_export: bool = True
    local_preference: int | None = None
    password: str | None = field(default=None, repr=False)
    ttl_security: bool = False
    multihop: int | None = None
    hold_seconds: int = 90
    graceful_restart_seconds: int = 120
    max_routes: int = 1000
