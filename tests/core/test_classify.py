"""Golden table of attack types, and the edges of each rule."""

import pytest

from core.make import audit_packet
from fnm_guard.core.classify import AMPLIFIERS, FOLLOWERS, Sample, Verdict, classify, take_sample
from fnm_guard.core.model import AttackType, AuditPacket

SYN, SYN_ACK, ACK = 0x02, 0x12, 0x10


def _udp(source_port: int, fragment: bool = False, before: bool = False) -> AuditPacket:
    return audit_packet(source_port=source_port, fragment=fragment, before=before)


def _tcp(flags: int, source_port: int) -> AuditPacket:
    return audit_packet(protocol=6, tcp_flags=flags, source_port=source_port)


TYPES: list[tuple[str, tuple[int, ...], list[AuditPacket], Verdict]] = [
    ("nothing counted", (0, 0, 0, 0, 0, 0), [], Verdict(AttackType.UNKNOWN)),
    ("SYN at the share", (100, 0, 0, 0, 0, 80), [], Verdict(AttackType.SYN_FLOOD)),
    ("SYN below it", (100, 0, 0, 0, 0, 79), [], Verdict(AttackType.TCP_FLOOD)),
    ("ACK", (100, 0, 0, 0, 0, 0), [_tcp(ACK, 443)] * 9, Verdict(AttackType.TCP_FLOOD)),
    ("SYN-ACK of web servers", (100, 0, 0, 0, 0, 0), [_tcp(SYN_ACK, 443)] * 9, Verdict(AttackType.SYN_ACK_REFLECTION)),
    ("SYN-ACK with ECE", (100, 0, 0, 0, 0, 0), [_tcp(0x52, 80)] * 9, Verdict(AttackType.SYN_ACK_REFLECTION)),
    ("SYN-ACK of 8443", (100, 0, 0, 0, 0, 0), [_tcp(SYN_ACK, 8443)] * 9, Verdict(AttackType.SYN_ACK_REFLECTION)),
    ("SYN-ACK of any port", (100, 0, 0, 0, 0, 0), [_tcp(SYN_ACK, 50_000)] * 9, Verdict(AttackType.TCP_FLOOD)),
    ("SYN-ACK with RST", (100, 0, 0, 0, 0, 0), [_tcp(SYN_ACK | 4, 80)] * 9, Verdict(AttackType.TCP_FLOOD)),
    ("SYN-ACK of port 0", (100, 0, 0, 0, 0, 0), [_tcp(SYN_ACK, 0)] * 9, Verdict(AttackType.TCP_FLOOD)),
    (
        "SYN-ACK at the share",
        (100, 0, 0, 0, 0, 0),
        [_tcp(SYN_ACK, 80)] * 8 + [_tcp(ACK, 80)] * 2,
        Verdict(AttackType.SYN_ACK_REFLECTION),
    ),
    (
        "SYN-ACK below it",
        (100, 0, 0, 0, 0, 0),
        [_tcp(SYN_ACK, 80)] * 7 + [_tcp(ACK, 80)] * 2,
        Verdict(AttackType.TCP_FLOOD),
    ),
    ("UDP", (0, 100, 0, 0, 0, 0), [_udp(40_000)] * 9, Verdict(AttackType.UDP_FLOOD)),
    ("UDP not sampled", (0, 100, 0, 0, 0, 0), [], Verdict(AttackType.UDP_FLOOD)),
    ("QUIC is no amplifier", (0, 100, 0, 0, 0, 0), [_udp(443)] * 9, Verdict(AttackType.UDP_FLOOD)),
    ("DNS", (0, 100, 0, 0, 0, 0), [_udp(53)] * 9, Verdict(AttackType.AMPLIFICATION, 53)),
    ("DNS at the share", (5, 95, 0, 0, 0, 0), [_udp(53)] * 8 + [_udp(9)] * 2, Verdict(AttackType.AMPLIFICATION, 53)),
    ("DNS below it", (0, 100, 0, 0, 0, 0), [_udp(53)] * 7 + [_udp(9)] * 2, Verdict(AttackType.UDP_FLOOD)),
    ("two amplifiers", (0, 100, 0, 0, 0, 0), [_udp(53), _udp(123)] * 5, Verdict(AttackType.UDP_FLOOD)),
    ("DNS among mixed", (50, 50, 0, 0, 0, 0), [_udp(53)] * 9, Verdict(AttackType.MIXED)),
    (
        "fragmented DNS",
        (0, 100, 0, 0, 100, 0),
        [_udp(53, fragment=True), _udp(0, fragment=True), _udp(0, fragment=True)] * 3,
        Verdict(AttackType.AMPLIFICATION, 53),
    ),
    (
        "as many followers as there can be",
        (0, 100, 0, 0, 100, 0),
        [_udp(161, fragment=True)] + [_udp(0, fragment=True)] * FOLLOWERS,
        Verdict(AttackType.AMPLIFICATION, 161),
    ),
    (
        "more followers than there can be",
        (0, 100, 0, 0, 100, 0),
        [_udp(161, fragment=True)] + [_udp(0, fragment=True)] * 2 * FOLLOWERS,
        Verdict(AttackType.FRAGMENT_FLOOD),
    ),
    (
        "bare fragments beside a little DNS",
        (0, 100, 0, 0, 95, 0),
        [_udp(53), _udp(53)] + [_udp(0, fragment=True)] * 90,
        Verdict(AttackType.FRAGMENT_FLOOD),
    ),
    ("fragments of TCP", (100, 0, 0, 0, 90, 0), [], Verdict(AttackType.FRAGMENT_FLOOD)),
    ("ICMP", (10, 5, 85, 0, 0, 0), [], Verdict(AttackType.ICMP_FLOOD)),
    ("GRE", (10, 5, 0, 85, 0, 0), [], Verdict(AttackType.OTHER_FLOOD)),
    ("half and half", (50, 50, 0, 0, 0, 0), [], Verdict(AttackType.MIXED)),
]


@pytest.mark.parametrize(
    ("counts", "packets", "verdict"), [row[1:] for row in TYPES], ids=[row[0].replace(" ", "-") for row in TYPES]
)
def test_type(counts: tuple[int, ...], packets: list[AuditPacket], verdict: Verdict) -> None:
    """One kind names the attack from 80 % of the packets on; the audit packets refine it."""
    assert classify(counts, take_sample(packets)) == verdict


def test_packets_from_before_the_crossing_do_not_count() -> None:
    """The ordinary traffic before an attack says nothing about the attack."""
    packets = [_udp(53, before=True)] * 20 + [_udp(40_000)] * 2
    assert take_sample(packets) == Sample(udp=2, ports={40_000: 2})


def test_other_protocols_leave_the_sample_empty() -> None:
    """A GRE packet has neither ports nor flags to judge by."""
    assert take_sample([audit_packet(protocol=47)]) == Sample()


@pytest.mark.parametrize("port", AMPLIFIERS)
def test_every_amplifier_is_named_by_its_port(port: int) -> None:
    """Each port of the list makes an amplification of that port."""
    assert classify((0, 100, 0, 0, 0, 0), take_sample([_udp(port)] * 100)) == (AttackType.AMPLIFICATION, port)
