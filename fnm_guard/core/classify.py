"""What an attack is made of, judged from its packet counts and its audit packets.

The counts say which protocol carries the attack; they are whole, but know no ports and no flags.  The audit packets
know both, but are a hundred of perhaps millions.  So the counts decide first, and the sample only refines a verdict
that the counts have reached: one kind is the attack when `SHARE` of all packets are of it, in this order:

1. SYN without ACK: a SYN flood.
2. UDP, and the sample shows one well-known amplifier's source port: an amplification of that port.
3. Fragments: a fragment flood.
4. TCP: a SYN-ACK reflection if the sample shows it, else a TCP flood.
5. UDP, ICMP, anything else: a flood of it.

Nothing reaches the share: mixed.  No packets: unknown.

Amplification comes before fragments because large answers (DNS, CLDAP, SNMP) arrive as fragments, of which only the
first has ports.  A fragment without ports is held to belong to an answer as long as the first fragments seen can
account for it: at most `FOLLOWERS` for each.  A flood of bare fragments stays a fragment flood, whatever little DNS
runs beside it.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from fnm_guard.core.model import AttackType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fnm_guard.core.model import AuditPacket, Rates

__all__ = [
    "AMPLIFIERS",
    "ENOUGH_PACKETS",
    "FOLLOWERS",
    "SHARE",
    "Counts",
    "Sample",
    "Verdict",
    "classify",
    "take_sample",
]

SHARE = 0.8
"""Share of the packets that one kind must reach to name the attack."""

ENOUGH_PACKETS = 100
"""Packets counted since the crossing below which the rates at the crossing are the better witness."""

FOLLOWERS = 44
"""Fragments that may follow a first one: 65,535 bytes (RFC 791) in pieces of 1,480."""

AMPLIFIERS: "Mapping[int, str]" = {
    17: "QOTD",
    19: "CHARGEN",
    53: "DNS",
    69: "TFTP",
    111: "portmap",
    123: "NTP",
    137: "NetBIOS",
    161: "SNMP",
    389: "CLDAP",
    427: "SLP",
    500: "IKE",
    520: "RIP",
    1194: "OpenVPN",
    1900: "SSDP",
    3283: "ARD",
    3478: "STUN",
    3702: "WS-Discovery",
    4500: "IKE",
    5353: "mDNS",
    5683: "CoAP",
    10001: "Ubiquiti",
    11211: "memcached",
    27015: "A2S",
    37810: "DVR",
    47808: "BACnet",
}
"""UDP source ports of services known to answer with more than they were asked, and what they are called."""

_TCP, _UDP = 6, 17  # IANA protocol numbers
_SYN_ACK, _FIN_SYN_RST_ACK = 0x12, 0x17  # RFC 9293, section 3.1
_SYSTEM_PORTS = range(1, 1024)  # RFC 6335, section 6
_OTHER_SERVICE_PORTS = frozenset({3306, 3389, 8080, 8443})


class Counts(NamedTuple):
    """Packets, or packets per second, by protocol.  The first four add up to all; the last two overlap them."""

    tcp: float
    udp: float
    icmp: float
    other: float
    fragments: float
    syn: float

    @classmethod
    def of(cls, rates: "Rates") -> "Counts":
        """Give the packet rates of a host as counts over one second."""
        return cls(rates.tcp_pps, rates.udp_pps, rates.icmp_pps, rates.other_pps, rates.fragment_pps, rates.syn_pps)


@dataclass(frozen=True, slots=True)
class Sample:
    """What audit packets show, counted.

    Attributes:
        tcp, udp: Packets of each.
        syn_ack: SYN-ACK out of a service's port: what a reflector sends.
        ports: UDP packets by source port; those without a port are not in it.
        first: Of those, first fragments by source port.
    """

    tcp: int = 0
    udp: int = 0
    syn_ack: int = 0
    ports: "Mapping[int, int]" = field(default_factory=dict)
    first: "Mapping[int, int]" = field(default_factory=dict)


class Verdict(NamedTuple):
    """A type, and the source port of an amplification."""

    type: AttackType
    port: int | None = None


def take_sample(packets: "Iterable[AuditPacket]") -> Sample:
    """Count what the audit packets show; those from before the crossing are not the attack's."""
    seen = [packet for packet in packets if not packet.before]
    tcp = [packet for packet in seen if packet.protocol == _TCP]
    udp = [packet for packet in seen if packet.protocol == _UDP]
    return Sample(
        tcp=len(tcp),
        udp=len(udp),
        syn_ack=sum(map(_is_reflected, tcp)),
        ports=Counter(packet.source_port for packet in udp if packet.source_port),
        first=Counter(packet.source_port for packet in udp if packet.source_port and packet.fragment),
    )


def classify(counts: "Sequence[float]", sample: Sample) -> Verdict:
    """Name an attack.

    Args:
        counts: In the order of `Counts`.
        sample: What the audit packets showed, empty as long as there are none.
    """
    tcp, udp, icmp, other, fragments, syn = counts
    enough = SHARE * (tcp + udp + icmp + other)
    if not enough:
        return Verdict(AttackType.UNKNOWN)
    port = _amplifier(sample)
    order = (
        (syn, AttackType.SYN_FLOOD),
        (udp if port else 0, AttackType.AMPLIFICATION),
        (fragments, AttackType.FRAGMENT_FLOOD),
        (tcp, AttackType.SYN_ACK_REFLECTION if _is_reflection(sample) else AttackType.TCP_FLOOD),
        (udp, AttackType.UDP_FLOOD),
        (icmp, AttackType.ICMP_FLOOD),
        (other, AttackType.OTHER_FLOOD),
    )
    kind = next((kind for count, kind in order if count >= enough), AttackType.MIXED)
    return Verdict(kind, port if kind is AttackType.AMPLIFICATION else None)


def _is_reflected(packet: "AuditPacket") -> bool:
    if packet.tcp_flags & _FIN_SYN_RST_ACK != _SYN_ACK:
        return False
    return packet.source_port in _SYSTEM_PORTS or packet.source_port in _OTHER_SERVICE_PORTS


def _is_reflection(sample: Sample) -> bool:
    return sample.tcp > 0 and sample.syn_ack >= SHARE * sample.tcp


def _amplifier(sample: Sample) -> int | None:
    """Give the port that sent `SHARE` of the UDP sample, counting the fragments its first fragments account for."""
    portless = sample.udp - sum(sample.ports.values())
    sent = {
        port: shown + min(portless, FOLLOWERS * sample.first.get(port, 0))
        for port, shown in sample.ports.items()
        if port in AMPLIFIERS
    }
    return next((port for port, packets in sent.items() if packets >= SHARE * sample.udp), None)
