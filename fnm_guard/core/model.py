"""The nouns: the values that every other package speaks in.

Time.  Every field called `at`, `started`, `detected`, `ended` or `expires` is in seconds on the clock of whoever
drives the core: CLOCK_MONOTONIC in the daemon, the capture's own time in a replay.  Wall time appears only where a
value leaves the process (store, mail, API), and is made there with the clock of the pipeline.

Rates.  `pps` is packets per second, `bps` bits per second at the IP layer with the IP header; mbps (10**6 bit/s) only
in thresholds and at the edges.
"""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netaddr import IPAddress, IPNetwork

__all__ = [
    "AttackType",
    "Audit",
    "AuditPacket",
    "BanOrigin",
    "Crossing",
    "Direction",
    "HostRates",
    "Metric",
    "Rates",
    "Reading",
    "Route",
    "Thresholds",
]


class Direction(StrEnum):
    """Where a packet goes, seen from our networks."""

    INCOMING = "incoming"
    """From elsewhere to one of our hosts."""
    OUTGOING = "outgoing"
    """From one of our hosts to elsewhere."""
    INTERNAL = "internal"
    """Between two of our hosts."""
    OTHER = "other"
    """Between two foreign hosts."""


class Metric(StrEnum):
    """What a threshold is set on.  `*pps` in packets/s, `*mbps` in 10**6 bit/s, `flows` in distinct flows a window."""

    PPS = "pps"
    MBPS = "mbps"
    FLOWS = "flows"
    TCP_PPS = "tcp_pps"
    UDP_PPS = "udp_pps"
    ICMP_PPS = "icmp_pps"
    OTHER_PPS = "other_pps"
    FRAGMENT_PPS = "fragment_pps"
    SYN_PPS = "syn_pps"
    TCP_MBPS = "tcp_mbps"
    UDP_MBPS = "udp_mbps"
    ICMP_MBPS = "icmp_mbps"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The rates above which a host is under attack, in one direction; None: that metric is not watched.

    Field names are the values of `Metric`.  A crossing is strictly above the threshold.
    """

    pps: float | None = None
    mbps: float | None = None
    flows: float | None = None
    tcp_pps: float | None = None
    udp_pps: float | None = None
    icmp_pps: float | None = None
    other_pps: float | None = None
    fragment_pps: float | None = None
    syn_pps: float | None = None
    tcp_mbps: float | None = None
    udp_mbps: float | None = None
    icmp_mbps: float | None = None

    def items(self) -> "Iterator[tuple[Metric, float]]":
        """Give the thresholds that are set, in the order of the fields."""
        for metric in Metric:
            value = getattr(self, metric.value)
            if value is not None:
                yield metric, value

    def over(self, other: "Thresholds") -> "Thresholds":
        """Give these thresholds, with those of `other` where none is set: a group over its default."""
        names = [item.name for item in fields(self)]
        mine = {name: getattr(self, name) for name in names}
        return Thresholds(**{n: getattr(other, n) if v is None else v for n, v in mine.items()})


@dataclass(frozen=True, slots=True)
class Rates:
    """Traffic to or from one host over the window, by protocol.  All zero: silence.

    `flows` is the number of distinct flows in the window; the other fields are per second.
    """

    pps: float = 0.0
    bps: float = 0.0
    flows: float = 0.0
    tcp_pps: float = 0.0
    udp_pps: float = 0.0
    icmp_pps: float = 0.0
    other_pps: float = 0.0
    fragment_pps: float = 0.0
    syn_pps: float = 0.0
    tcp_bps: float = 0.0
    udp_bps: float = 0.0
    icmp_bps: float = 0.0

    def of(self, metric: Metric) -> float:
        """Give the rate that a threshold on `metric` is compared with, in the unit of that metric."""
        if metric.value.endswith("mbps"):
            return float(getattr(self, metric.value.replace("mbps", "bps"))) / 1e6
        return float(getattr(self, metric.value))


@dataclass(frozen=True, slots=True)
class HostRates:
    """Both directions of one host at the same instant."""

    host: "IPAddress"
    incoming: Rates
    outgoing: Rates


@dataclass(frozen=True, slots=True)
class Crossing:
    """A host went above one of its thresholds: the engine's word, once per host and direction until released.

    Attributes:
        host: One of our hosts.
        direction: INCOMING or OUTGOING.
        metric: The first metric over its threshold, in the order of `Metric`.
        rate, threshold: In the unit of the metric; rate > threshold.
        power: Highest pps over any 4 whole ticks of the window at the crossing, whatever the metric.
        group: Name of the threshold group that applied, "" for the default.
        started: Start of the first tick of the window that saw traffic of the host.
        at: When the tick that saw the crossing ended.
        rates: The host's rates in that direction at the crossing.
    """

    host: "IPAddress"
    direction: Direction
    metric: Metric
    rate: float
    threshold: float
    power: float
    group: str
    started: float
    at: float
    rates: Rates


@dataclass(frozen=True, slots=True)
class Reading:
    """A watched host as it is now; given for every watched host and direction at every pulse, silence included.

    Attributes:
        thresholds: Those that apply to the host in this direction now.
        peak: Highest pps over any 4 whole ticks since the crossing.
        packets: Packets by protocol since the crossing: tcp, udp, icmp, other, fragments, syn.
    """

    host: "IPAddress"
    direction: Direction
    rates: Rates
    thresholds: Thresholds
    peak: float
    packets: tuple[int, int, int, int, int, int]
    at: float


@dataclass(frozen=True, slots=True)
class AuditPacket:
    """One kept frame of a watched host.

    Attributes:
        timestamp_ns: Nanoseconds since the epoch, as the source dated the frame.
        protocol: IP protocol number (IANA), of the upper layer.
        source_port, destination_port: 0 for protocols without ports and where they were cut or in another fragment.
        ip_bytes: Length at the IP layer, the header included.
        tcp_flags: Byte 13 of the TCP header, 0 otherwise.
        fragment: Whether it is a fragment of a datagram.
        before: Whether it was counted before the crossing.
        link_type: pcap link type of `frame`.
        frame_bytes: Length on the wire.
        frame: The first bytes, from the link header on.
    """

    timestamp_ns: int
    source: "IPAddress"
    destination: "IPAddress"
    source_port: int
    destination_port: int
    protocol: int
    ip_bytes: int
    tcp_flags: int
    fragment: bool
    before: bool
    link_type: int
    frame_bytes: int
    frame: bytes


@dataclass(frozen=True, slots=True)
class Audit:
    """The kept frames of one host and direction: some from before the crossing, then the first ones after it."""

    host: "IPAddress"
    direction: Direction
    packets: tuple[AuditPacket, ...]
    full: bool


class AttackType(StrEnum):
    """What an attack is made of, by the largest share of its packets."""

    SYN_FLOOD = "syn flood"
    SYN_ACK_REFLECTION = "syn-ack reflection"
    TCP_FLOOD = "tcp flood"
    UDP_FLOOD = "udp flood"
    ICMP_FLOOD = "icmp flood"
    FRAGMENT_FLOOD = "fragment flood"
    AMPLIFICATION = "amplification"
    OTHER_FLOOD = "other protocol flood"
    MIXED = "mixed"
    UNKNOWN = "unknown"


class BanOrigin(StrEnum):
    """Who wanted a ban."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Route:
    """A blackhole route as one peer is to hear it (RFC 7999).

    Attributes:
        prefix: A /32 or /128.
        next_hop: Of the same family as the prefix.
        communities: Sorted, `no-export` among them when the profile says so.
    """

    prefix: "IPNetwork"
    next_hop: "IPAddress"
    communities: tuple[str, ...] = ()
    large_communities: tuple[str, ...] = ()
    local_preference: int | None = None
