"""The JSON of what the API shows, one Struct a body.  Field names are the interface: additive changes only.

Units are in the names: `pps` packets/s, `bps` bit/s at the IP layer, `mbps` 10**6 bit/s, `seconds`, `bytes`, `percent`.
Times are UTC, ISO 8601.  Addresses are text.  A field that can be unknown is null then, never missing.
"""

from datetime import datetime

import msgspec

__all__ = [
    "AttackReportShape",
    "AttackShape",
    "AttacksShape",
    "AuditPacketShape",
    "BanShape",
    "BansShape",
    "DirectionShape",
    "ErrorShape",
    "HostShape",
    "PeerShape",
    "PeersShape",
    "RatesShape",
    "ScreenShape",
    "ServiceShape",
    "SourceShape",
    "StatusShape",
    "TopShape",
    "TrafficShape",
]


class ErrorShape(msgspec.Struct, frozen=True, omit_defaults=True):
    """Every answer that is not 2xx: one clear line, and more lines if there are any."""

    error: str
    details: list[str] = []


class DirectionShape(msgspec.Struct, frozen=True):
    """`packets` and `bytes` since the start, the rest over the window."""

    packets: int
    bytes: int
    pps: float
    bps: float
    mbps: float


class TrafficShape(msgspec.Struct, frozen=True):
    """`GET /v1/traffic`."""

    incoming: DirectionShape
    outgoing: DirectionShape
    internal: DirectionShape
    other: DirectionShape
    received: int
    dropped: int
    dropped_percent: float
    unparsed: int


class HostShape(msgspec.Struct, frozen=True):
    """One host of the top list, in the direction of the list."""

    host: str
    pps: float
    bps: float
    mbps: float
    flows: float


class TopShape(msgspec.Struct, frozen=True):
    """`GET /v1/top`."""

    by: str
    direction: str
    hosts: list[HostShape]


class SourceShape(msgspec.Struct, frozen=True):
    """One thread that reads frames; `dropped` is what ring and interface lost, `dropped_kernel` may have been read."""

    description: str
    interface: str
    state: str
    failure: str
    received: int
    dropped: int
    dropped_ring: int
    dropped_interface: int
    dropped_percent: float
    dropped_kernel: int
    warnings: list[str]


class PeerShape(msgspec.Struct, frozen=True):
    """One BGP neighbour; `since` null: not known."""

    name: str
    address: str
    remote_as: int
    state: str
    reason: str
    since: datetime | None
    wanted_routes: int
    announced_routes: int


class PeersShape(msgspec.Struct, frozen=True):
    """`GET /v1/peers`."""

    peers: list[PeerShape]


class ServiceShape(msgspec.Struct, frozen=True):
    """ExaBGP, the outbox of notifications, the store."""

    state: str
    text: str
    waiting: int
    failures: int


class StatusShape(msgspec.Struct, frozen=True):
    """`GET /v1/status`."""

    version: str
    instance: str
    mode: str
    started: datetime
    uptime_seconds: float
    sources: list[SourceShape]
    unparsed: dict[str, int]
    bans: int
    bans_limit: int
    attacks: int
    peers: list[PeerShape]
    exabgp: ServiceShape
    notifications: ServiceShape
    store: ServiceShape
    health: dict[str, int]
    warnings: list[str]


class BanShape(msgspec.Struct, frozen=True):
    """One ban.  `direction` and `attack` are null for a ban by hand, `expires` is null for a permanent one."""

    number: int
    host: str
    origin: str
    by: str
    reason: str
    started: datetime
    expires: datetime | None
    direction: str | None
    power_pps: float
    attack: int | None
    joined: int | None
    mode: str
    announce: bool
    announced_to: list[str] = []
    wanted_at: list[str] = []


class BansShape(msgspec.Struct, frozen=True):
    """`GET /v1/bans`."""

    bans: list[BanShape]


class ScreenShape(msgspec.Struct, frozen=True):
    """`GET /v1/screen`: all that the terminal screen shows, of one instant."""

    at: datetime
    instance: str
    mode: str
    by: str
    traffic: TrafficShape
    incoming: list[HostShape]
    outgoing: list[HostShape]
    bans: list[BanShape]
    attacks: int
    peers_up: int
    peers: int
    warnings: list[str]


class RatesShape(msgspec.Struct, frozen=True):
    """Rates at the crossing, in the direction of the attack; `flows` is a number a window."""

    pps: float
    bps: float
    mbps: float
    flows: float
    tcp_pps: float
    udp_pps: float
    icmp_pps: float
    other_pps: float
    fragment_pps: float
    syn_pps: float
    tcp_mbps: float
    udp_mbps: float
    icmp_mbps: float


class AttackShape(msgspec.Struct, frozen=True):
    """One attack.  `rate` and `threshold` are in the unit of `metric`; `ended` is null while it runs.

    `cut`: the daemon ended before the attack did; `ended` is then the last time it was seen.
    """

    number: int
    host: str
    direction: str
    type: str
    port: int | None
    metric: str
    rate: float
    threshold: float
    group: str
    power_pps: float
    peak_pps: float
    started: datetime
    detected: datetime
    ended: datetime | None
    cut: bool
    ban: int | None
    audit_packets: int
    rates: RatesShape
    packets: dict[str, int]


class AttacksShape(msgspec.Struct, frozen=True):
    """`GET /v1/attacks`."""

    attacks: list[AttackShape]


class AuditPacketShape(msgspec.Struct, frozen=True):
    """One kept packet; `time` has nanoseconds, `protocol` is the IANA name or number, ports are 0 without ports."""

    time: str
    source: str
    source_port: int
    destination: str
    destination_port: int
    protocol: str
    bytes: int
    tcp_flags: int
    fragment: bool
    before: bool


class AttackReportShape(msgspec.Struct, frozen=True):
    """`GET /v1/attacks/{number}`."""

    attack: AttackShape
    audit: list[AuditPacketShape]
    audit_full: bool
