"""The parser, case by case; every byte of the cases is built here or by scapy."""

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Dot1Q, Ether

from capture_ext.frame import REASONS, parse, parse_frames

ETHERNET = 1
RAW = 101
SYN = IP(src="203.0.113.9", dst="198.51.100.7") / TCP(sport=40000, dport=80, flags="S")


def test_a_tagged_syn_counts_with_its_ip_length() -> None:
    """Tags and padding add nothing to the bytes; SYN without ACK is marked."""
    packet = parse(bytes(Ether() / Dot1Q(vlan=7) / SYN) + bytes(6), ETHERNET)
    assert packet.reason == ""
    assert (packet.family, packet.protocol, packet.protocol_class, packet.ip_bytes) == (4, 6, 0, 40)
    assert (packet.ports, packet.syn, packet.fragment) == ((40000, 80), True, False)
    assert (packet.source, packet.destination) == (0xCB007109, 0xC6336407)


@pytest.mark.parametrize(("flags", "syn"), [("S", True), ("SA", False), ("A", False), ("SF", True)])
def test_syn_is_syn_without_ack(flags: str, syn: bool) -> None:
    """A SYN-ACK answers a connection and is none of the SYN flood's packets."""
    assert parse(bytes(IP() / TCP(flags=flags)), RAW).syn is syn


def test_a_later_fragment_has_its_protocol_but_no_ports() -> None:
    """The bytes behind the header of a later fragment are payload, never ports."""
    packet = parse(bytes(IP(frag=10, proto=17) / bytes(64)), RAW)
    assert (packet.fragment, packet.protocol_class, packet.ports) == (True, 1, None)


@pytest.mark.parametrize(("offset", "more", "fragment"), [(0, 0, False), (0, 1, True), (5, 0, True)])
def test_an_atomic_ipv6_fragment_is_no_fragment(offset: int, more: int, fragment: bool) -> None:
    """RFC 6946: offset 0 and no more fragments is a whole datagram."""
    frame = bytes(IPv6() / IPv6ExtHdrFragment(offset=offset, m=more, nh=17) / UDP(sport=53, dport=4000))
    packet = parse(frame, RAW)
    assert (packet.reason, packet.fragment, packet.protocol) == ("", fragment, 17)
    assert packet.ports == (None if offset else (53, 4000))


def test_what_is_not_ip_says_why() -> None:
    """A frame without a packet has a reason and zeros."""
    packet = parse(bytes(Ether() / ARP()), ETHERNET)
    assert packet == ("not_ip", 0, 0, 0, False, False, None, 0, 0, 0, 0)


def test_the_own_icmp_of_a_family_is_icmp() -> None:
    """Protocol 1 is ICMP in IPv4 only, 58 in IPv6 only."""
    frames = [bytes(IP() / ICMP()), bytes(IP(proto=58) / bytes(8)), bytes(IPv6(nh=58) / bytes(8)), bytes(IPv6(nh=1))]
    assert [packet.protocol_class for packet in parse_frames(frames, RAW)] == [2, 3, 2, 3]


def test_an_unknown_link_type_is_a_reason() -> None:
    """A source that lets one through is seen in the counters."""
    assert parse(bytes(64), 147).reason == "link_type"
    assert REASONS[0] == ""


def test_a_batch_is_bounded() -> None:
    """More frames than a batch has are refused, not dropped."""
    assert len(parse_frames([b""] * 32, ETHERNET)) == 32
    with pytest.raises(ValueError, match="33 frames do not fit a batch of 32"):
        parse_frames([b""] * 33, ETHERNET)
