"""The golden frames: one of everything that the parser tells apart."""

import struct
from typing import Any

from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_RR
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.ipsec import AH
from scapy.layers.l2 import ARP, LLC, Dot1AD, Dot1Q, Dot3, Ether
from scapy.packet import Packet, Raw

Case = tuple[str, bytes]

SYN = TCP(sport=40000, dport=80, flags="S")
ACK = TCP(sport=80, dport=40000, flags="PA")
DNS = UDP(sport=53, dport=40001) / Raw(b"answer")
PING = ICMPv6EchoRequest(data=b"ping")
WHO_HAS = ARP(hwsrc="02:00:00:00:00:09", psrc="203.0.113.9", hwdst="00:00:00:00:00:00", pdst="203.0.113.1")
RECORD_ROUTE = [IPOption_RR(routers=["192.0.2.1"] * 9)]


def ether(ethertype: int | None = None) -> Packet:
    """Give an Ethernet header; without an ethertype scapy takes that of the payload."""
    header = Ether(src="02:00:00:00:00:09", dst="02:00:00:00:00:07")
    if ethertype is not None:
        header.type = ethertype
    return header


def v4(**fields: Any) -> Packet:
    """Give an IPv4 header."""
    return IP(src="203.0.113.9", dst="198.51.100.7", **fields)


def v6(**fields: Any) -> Packet:
    """Give an IPv6 header."""
    return IPv6(src="2001:db8:9::9", dst="2001:db8:7::7", **fields)


def padded(packet: Packet, fill: int = 0xAA) -> bytes:
    """Fill up to the 60 bytes an Ethernet frame has at least."""
    return bytes(packet).ljust(60, bytes([fill]))


def chain(*headers: Packet) -> Packet:
    """Put IPv6 headers and what they carry behind each other."""
    packet = v6()
    for header in headers:
        packet = packet / header
    return packet


def authentication(next_header: int) -> Packet:
    """Give an authentication header of 24 bytes."""
    return AH(nh=next_header, payloadlen=4, spi=1, seq=1, icv=bytes(12))


def ipv4() -> list[Case]:
    """Protocols, options and lengths."""
    others = {2: "igmp", 4: "ip", 47: "gre", 50: "esp", 51: "ah", 58: "icmpv6", 132: "sctp"}
    return [
        ("tcp syn, padded", padded(ether() / v4() / SYN)),
        ("tcp syn and ack", bytes(ether() / v4() / TCP(sport=80, dport=40000, flags="SA"))),
        ("tcp ack with data", bytes(ether() / v4() / ACK / Raw(bytes(99)))),
        ("tcp reset", bytes(ether() / v4() / TCP(sport=80, dport=40000, flags="R"))),
        ("tcp syn with every flag but ack", bytes(ether() / v4() / TCP(sport=1, dport=65535, flags=0xEF))),
        ("udp", bytes(ether() / v4() / DNS)),
        ("udp, padded", padded(ether() / v4() / UDP(sport=7, dport=9))),
        ("icmp echo", bytes(ether() / v4() / ICMP() / Raw(b"ping"))),
        *((f"{name}, other", bytes(ether() / v4(proto=number) / Raw(bytes(20)))) for number, name in others.items()),
        ("udp behind 4 bytes of options", bytes(ether() / v4(options=b"\1\1\1\1") / DNS)),
        ("tcp behind 40 bytes of options", bytes(ether() / v4(options=RECORD_ROUTE) / SYN)),
        ("udp without a header, padded", padded(ether() / v4(proto=17))),
        ("udp with 3 bytes, padded", padded(ether() / v4(proto=17) / Raw(b"\0\x35\0"))),
        ("tcp with 4 bytes, padded with ones", padded(ether() / v4(proto=6) / Raw(b"\0\x50\1\0"), 0xFF)),
        ("tcp with 13 bytes, padded with ones", padded(ether() / v4(proto=6) / Raw(bytes(13)), 0xFF)),
        ("udp of 9000 bytes, cut", bytes(ether() / v4(proto=17, len=9000) / DNS)),
    ]


def ipv4_fragments() -> list[Case]:
    """More fragments, offset, and the two other bits of that field."""
    return [
        ("first fragment, udp", bytes(ether() / v4(flags="MF") / DNS)),
        ("middle fragment, udp", bytes(ether() / v4(flags="MF", frag=185, proto=17) / Raw(bytes(64)))),
        ("last fragment, udp", bytes(ether() / v4(frag=370, proto=17) / Raw(bytes(64)))),
        ("first fragment, tcp syn", bytes(ether() / v4(flags="MF") / SYN)),
        ("first fragment, 8 bytes of tcp", padded(ether() / v4(flags="MF", proto=6) / Raw(bytes(SYN)[:8]), 0xFF)),
        ("second fragment, tcp, looks like syn", bytes(ether() / v4(frag=1, proto=6) / Raw(bytes(SYN)))),
        ("last fragment, icmp", bytes(ether() / v4(frag=185, proto=1) / Raw(bytes(8)))),
        ("largest offset", bytes(ether() / v4(frag=8191, proto=17) / Raw(bytes(8)))),
        ("do not fragment: no fragment", bytes(ether() / v4(flags="DF") / DNS)),
        ("reserved bit: no fragment", bytes(ether() / v4(flags="evil") / DNS)),
    ]


def ipv6() -> list[Case]:
    """Upper headers and chains of extension headers."""
    hop, destination, routing = IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt(), IPv6ExtHdrRouting(addresses=["2001:db8::1"])
    return [
        ("tcp syn", bytes(ether() / v6() / SYN)),
        ("udp", bytes(ether() / v6() / DNS)),
        ("icmpv6 echo", bytes(ether() / v6() / PING)),
        ("icmp of ipv4, other", bytes(ether() / v6(nh=1) / Raw(bytes(8)))),
        ("no next header, other", bytes(ether() / v6(nh=59) / Raw(bytes(8)))),
        ("esp, other", bytes(ether() / v6(nh=50) / Raw(bytes(32)))),
        ("mobility, other", bytes(ether() / v6(nh=135) / Raw(b"\x3b\0\0\0\0\0\0\0"))),
        ("hop-by-hop, icmpv6", bytes(ether() / chain(hop, PING))),
        ("destination, tcp syn", bytes(ether() / chain(destination, SYN))),
        ("routing, udp", bytes(ether() / chain(routing, DNS))),
        ("ah, tcp syn", bytes(ether() / chain(authentication(6), SYN))),
        (
            "every extension, udp",
            bytes(ether() / chain(hop, destination, routing, authentication(60), destination, DNS)),
        ),
        ("8 extensions, udp", bytes(ether() / chain(*[destination] * 8, DNS))),
        ("9 extensions, other", bytes(ether() / chain(*[destination] * 9, DNS))),
        ("destination longer than the packet, other", bytes(ether() / v6(nh=60) / Raw(b"\x06\x10" + bytes(22)))),
        ("ah longer than the packet, other", bytes(ether() / v6(nh=51) / Raw(b"\x06\x05" + bytes(22)))),
        ("shortest ah, udp", bytes(ether() / v6(nh=51) / Raw(b"\x11\0" + bytes(6)) / DNS)),
        ("tcp without a header, padded", padded(ether() / v6(nh=6), 0xFF)),
        ("payload ends in the destination header", bytes(ether() / v6(nh=60, plen=7) / Raw(b"\x11" + bytes(15)))),
        ("payload ends in the ports", bytes(ether() / v6(nh=17, plen=3) / DNS)),
        ("payload of 9000 bytes, cut", bytes(ether() / v6(nh=17, plen=9000) / DNS)),
        ("jumbo payload, length 0", bytes(ether() / v6(nh=0, plen=0) / Raw(b"\x06\0\xc2\x04\0\1\0\0"))),
    ]


def ipv6_fragments() -> list[Case]:
    """Fragment headers, atomic ones and what may stand around them."""

    def piece(offset: int, more: int, upper: int = 17) -> Packet:
        return IPv6ExtHdrFragment(offset=offset, m=more, nh=upper, id=77)

    data = Raw(bytes(SYN))
    return [
        ("first fragment, udp", bytes(ether() / chain(piece(0, 1), DNS))),
        ("first fragment, tcp syn", bytes(ether() / chain(piece(0, 1, 6), SYN))),
        ("middle fragment, udp", bytes(ether() / chain(piece(181, 1), data))),
        ("last fragment, tcp, looks like syn", bytes(ether() / chain(piece(1, 0, 6), data))),
        ("last fragment, icmpv6", bytes(ether() / chain(piece(8191, 0, 58), data))),
        ("last fragment, destination header, other", bytes(ether() / chain(piece(9, 0, 60), data))),
        ("atomic, tcp syn: no fragment", bytes(ether() / chain(piece(0, 0, 6), SYN))),
        ("atomic with reserved bits", bytes(ether() / v6(nh=44) / Raw(b"\x11\xff\0\x06" + bytes(4)) / DNS)),
        ("hop-by-hop, first fragment, destination, udp", bytes(ether() / chain(*around(piece(0, 1, 60)), DNS))),
        ("hop-by-hop, later fragment, destination", bytes(ether() / chain(*around(piece(7, 1, 60)), DNS))),
        ("fragment in a fragment", bytes(ether() / chain(piece(0, 1, 44), piece(5, 0), data))),
    ]


def around(piece: Packet) -> list[Packet]:
    """Put the fragment header between two others."""
    return [IPv6ExtHdrHopByHop(), piece, IPv6ExtHdrDestOpt()]


def tags() -> list[Case]:
    """Stacks of tags."""
    tag = Dot1Q(vlan=7)
    return [
        ("802.1Q", bytes(ether() / tag / v4() / SYN)),
        ("802.1Q, padded", padded(ether() / tag / v4() / SYN)),
        ("priority tag", bytes(ether() / Dot1Q(vlan=0, prio=5) / v4() / DNS)),
        ("802.1ad over 802.1Q", bytes(ether(0x88A8) / Dot1AD(vlan=9) / tag / v6() / SYN)),
        ("0x9100 over 802.1Q", bytes(ether(0x9100) / tag / tag / v4() / DNS)),
        ("802.1Q over 802.1ad over 0x9100", stacked([0x8100, 0x88A8, 0x9100], 0x0800, v4() / DNS)),
        ("8 tags", stacked([0x8100] * 8, 0x0800, v4() / SYN)),
        ("9 tags", stacked([0x8100] * 9, 0x0800, v4() / SYN)),
        ("802.1Q, arp", bytes(ether() / tag / WHO_HAS)),
        ("802.1Q, llc length", stacked([0x8100], 46, Raw(bytes(46)))),
        ("802.1Q over mpls", bytes(ether() / tag / MPLS(label=100, s=1, ttl=64) / v4() / SYN)),
        ("802.1Q, pppoe", stacked([0x8100], 0x8864, Raw(bytes(40)))),
        ("nothing behind the tag", bytes(ether(0x8100))),
    ]


def stacked(kinds: list[int], ethertype: int, payload: Packet) -> bytes:
    """Give a frame with tags of any kind."""
    types = b"".join(struct.pack("!HH", kind, 7) for kind in kinds) + struct.pack("!H", ethertype)
    return bytes(ether())[:12] + types + bytes(payload)


def labelled(labels: int, payload: bytes, ethertype: int = 0x8847) -> bytes:
    """Give a frame with a stack of labels over a payload."""
    stack = [(100 + number) << 12 | 64 for number in range(labels)]
    stack[-1] |= 0x100
    return bytes(ether(ethertype)) + struct.pack(f"!{labels}I", *stack) + payload


def mpls() -> list[Case]:
    """Label stacks and what can be below them."""
    inner = bytes(Ether(src="a2:00:00:00:00:09", dst="a2:00:00:00:00:07") / v4() / SYN)
    return [
        ("1 label, ipv4", labelled(1, bytes(v4() / SYN))),
        ("2 labels, ipv6", labelled(2, bytes(v6() / DNS))),
        ("upstream label, ipv4", labelled(1, bytes(v4() / DNS), 0x8848)),
        ("16 labels", labelled(16, bytes(v4() / DNS))),
        ("17 labels", labelled(17, bytes(v4() / DNS))),
        ("pseudowire with a control word", labelled(1, bytes(4) + inner)),
        ("pseudowire without one", labelled(1, inner)),
        ("associated channel", labelled(1, b"\x10\0\0\x07" + bytes(20))),
        ("nothing below", labelled(1, b"")),
        ("ipv4 with a bad length below", labelled(1, bytes(v4(len=19, proto=17)))),
    ]


def not_ip() -> list[Case]:
    """Frames without a packet to count, and headers that cannot be right."""
    kinds = {0x8863: "pppoe discovery", 0x8864: "pppoe session", 0x8808: "pause", 0x88CC: "lldp", 0x0600: "xns"}
    return [
        ("arp", padded(ether() / WHO_HAS)),
        ("802.3 with llc", bytes(Dot3(src="02:00:00:00:00:09", dst="01:80:c2:00:00:00") / LLC() / Raw(bytes(35)))),
        *((name, padded(ether(kind))) for kind, name in kinds.items()),
        ("version 6 under the type of ipv4", bytes(ether(0x0800) / v6() / SYN)),
        ("version 4 under the type of ipv6", bytes(ether(0x86DD) / v4() / DNS / Raw(bytes(20)))),
        ("version 0", bytes(ether(0x0800)) + bytes(40)),
        ("ipv4 header of 16 bytes", bytes(ether() / v4(ihl=4) / SYN)),
        ("ipv4 header of 0 bytes", bytes(ether() / v4(ihl=0) / SYN)),
        ("ipv4 total length 0", bytes(ether() / v4(len=0) / SYN)),
        ("ipv4 total length 19", bytes(ether() / v4(len=19) / SYN)),
        ("ipv4 total length inside its options", bytes(ether() / v4(len=59, options=RECORD_ROUTE) / SYN)),
        ("ipv4 cut in an address", bytes(ether() / v4() / SYN)[:33]),
        ("ipv6 cut in an address", bytes(ether() / v6() / SYN)[:53]),
        ("ethernet cut", bytes(ether(0x0800))[:13]),
        ("empty", b""),
    ]


def raw() -> list[Case]:
    """Packets without a link header, either family."""
    return [
        ("ipv4, tcp syn", bytes(v4() / SYN)),
        ("ipv6, udp", bytes(v6() / DNS)),
        ("version 5", b"\x55" + bytes(59)),
        ("empty", b""),
    ]


def cooked(version: int) -> list[Case]:
    """Packets behind a Linux cooked header."""

    def under(protocol: int, payload: Packet | bytes) -> bytes:
        if version == 1:
            return struct.pack("!HHH8sH", 0, 1, 6, b"\2\0\0\0\0\x09", protocol) + bytes(payload)
        return struct.pack("!HHIHBB8s", protocol, 0, 3, 1, 0, 6, b"\2\0\0\0\0\x09") + bytes(payload)

    return [
        ("ipv4, tcp syn", under(0x0800, v4() / SYN)),
        ("ipv6, udp", under(0x86DD, v6() / DNS)),
        ("802.1Q, ipv4", under(0x8100, b"\0\x07\x08\0" + bytes(v4() / DNS))),
        ("mpls, ipv4", under(0x8847, b"\0\1\1\x40" + bytes(v4() / DNS))),
        ("arp", under(0x0806, WHO_HAS)),
        ("802.2", under(4, bytes(40))),
        ("cut", under(0x0800, b"")[:-1]),
    ]


def cases() -> dict[str, tuple[int, list[Case]]]:
    """Give every golden file: name, link type, frames."""
    return {
        "ethernet_ipv4": (1, ipv4()),
        "ethernet_ipv4_fragments": (1, ipv4_fragments()),
        "ethernet_ipv6": (1, ipv6()),
        "ethernet_ipv6_fragments": (1, ipv6_fragments()),
        "ethernet_tags": (1, tags()),
        "ethernet_mpls": (1, mpls()),
        "ethernet_not_ip": (1, not_ip()),
        "raw_12": (12, raw()),
        "raw_14": (14, raw()),
        "raw_101": (101, raw()),
        "cooked_113": (113, cooked(1)),
        "cooked_276": (276, cooked(2)),
        "ipv4_228": (228, raw()),
        "ipv6_229": (229, raw()),
    }
