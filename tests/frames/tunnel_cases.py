"""The golden frames with one packet in another; INNER is always from 192.0.2.1 to 198.51.100.77."""

import struct
from typing import Any

from scapy.contrib.mpls import MPLS, EoMCW
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, GRE, Dot1Q, Ether
from scapy.layers.ppp import PPP, PPPoE, PPPoED
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from frames.cases import DNS, PING, SYN, Case, ether, labelled, v4, v6

INNER4 = IP(src="192.0.2.1", dst="198.51.100.77")
INNER6 = IPv6(src="2001:db8:aaaa::1", dst="2001:db8:7::77")
FLOOD = INNER4 / TCP(sport=4444, dport=443, flags="S")
FLOOD6 = INNER6 / UDP(sport=123, dport=4444) / Raw(bytes(8))
FRAGMENT = INNER4.copy()
FRAGMENT.flags, FRAGMENT.frag, FRAGMENT.proto = "MF", 5, 17


def inner_ether(ethertype: int | None = None, destination: str = "a2:00:00:00:00:07") -> Packet:
    """Give an Ethernet header of a customer."""
    header = Ether(src="a2:00:00:00:00:09", dst=destination)
    if ethertype is not None:
        header.type = ethertype
    return header


def gre(**fields: Any) -> Packet:
    """Give the outer header and GRE."""
    return ether() / v4() / GRE(**fields)


def raw_gre(flags: int, protocol: int, payload: bytes) -> bytes:
    """Give GRE with any flags."""
    return bytes(ether() / v4(proto=47) / Raw(struct.pack("!HH", flags, protocol) + payload))


def gre_cases() -> list[Case]:
    """Flags, payloads, and what is refused."""
    with_all = GRE(chksum_present=1, key_present=1, key=7, seqnum_present=1, sequence_number=9)
    return [
        ("ipv4", bytes(gre() / FLOOD)),
        ("ipv6", bytes(gre() / FLOOD6)),
        ("over ipv6", bytes(ether() / v6() / GRE() / FLOOD)),
        ("over ipv6, behind a destination header", bytes(ether() / v6() / IPv6ExtHdrDestOpt() / GRE() / FLOOD)),
        ("behind a tag", bytes(ether() / Dot1Q(vlan=7) / v4() / GRE() / FLOOD)),
        ("key", bytes(gre(key_present=1, key=0xFFFFFFFF) / FLOOD)),
        ("sequence number", bytes(gre(seqnum_present=1, sequence_number=1) / FLOOD)),
        ("checksum", bytes(gre(chksum_present=1) / FLOOD)),
        ("checksum, key, sequence number", bytes(ether() / v4() / with_all / FLOOD6)),
        ("ethernet", bytes(gre(proto=0x6558) / inner_ether() / FLOOD)),
        ("ethernet with a tag", bytes(gre(proto=0x6558) / inner_ether() / Dot1Q(vlan=9) / FLOOD6)),
        ("ethernet with arp", bytes(gre(proto=0x6558) / inner_ether() / ARP())),
        ("mpls", bytes(gre(proto=0x8847) / MPLS(label=100, s=1, ttl=64) / FLOOD)),
        ("inner fragment", bytes(gre() / FRAGMENT / Raw(bytes(24)))),
        ("inner padded", bytes(gre() / FLOOD / Raw(bytes(9)))),
        ("keepalive", raw_gre(0, 0, b"")),
        ("is-is", raw_gre(0, 0x00FE, bytes(30))),
        ("pptp", raw_gre(0x3001, 0x880B, bytes(8) + bytes(FLOOD))),
        ("version 1 with the type of ipv4", raw_gre(1, 0x0800, bytes(FLOOD))),
        ("routing", raw_gre(0x4000, 0x0800, bytes(8) + bytes(FLOOD))),
        ("strict source route", raw_gre(0x0800, 0x0800, bytes(FLOOD))),
        ("reserved bits that are ignored", raw_gre(0x03F8, 0x0800, bytes(FLOOD))),
        ("version 6 under the type of ipv4", raw_gre(0, 0x0800, bytes(FLOOD6))),
        ("inner longer than the outer", raw_gre(0, 0x0800, bytes(IP(len=9000, proto=17)) + bytes(8))),
        ("inner ipv6 longer than the outer", raw_gre(0, 0x86DD, bytes(IPv6(plen=9000, nh=17)) + bytes(8))),
        ("inner as long as the outer says", bytes(ether() / v4(len=1000, proto=47)) + grown(976)),
        ("inner longer by one", bytes(ether() / v4(len=1000, proto=47)) + grown(977)),
        ("first fragment", bytes(ether() / v4(flags="MF") / GRE() / FLOOD)),
        ("later fragment", bytes(ether() / v4(frag=3, proto=47) / Raw(bytes(GRE() / FLOOD)))),
        ("fragment over ipv6", bytes(ether() / v6() / IPv6ExtHdrFragment(m=1, nh=47) / GRE() / FLOOD)),
        ("atomic fragment over ipv6", bytes(ether() / v6() / IPv6ExtHdrFragment(nh=47) / GRE() / FLOOD)),
        ("cut in the inner address", bytes(gre() / FLOOD)[: 14 + 20 + 4 + 19]),
        ("cut behind the inner addresses", bytes(gre() / FLOOD)[: 14 + 20 + 4 + 20]),
    ]


def grown(total: int) -> bytes:
    """Give GRE and the header of a packet that is said to be so long."""
    return bytes(GRE() / IP(src="192.0.2.1", dst="198.51.100.77", len=total, proto=17) / UDP(sport=1, dport=2))


def ip_cases() -> list[Case]:
    """Protocols 4 and 41 in both families."""
    return [
        ("ipv4 in ipv4", bytes(ether() / v4() / FLOOD)),
        ("ipv6 in ipv4", bytes(ether() / v4() / FLOOD6)),
        ("ipv4 in ipv6", bytes(ether() / v6() / FLOOD)),
        ("ipv6 in ipv6", bytes(ether() / v6() / FLOOD6)),
        ("icmp in ipv4 in ipv4", bytes(ether() / v4() / INNER4 / ICMP() / Raw(b"ping"))),
        ("icmpv6 in ipv6 in ipv4", bytes(ether() / v4() / INNER6 / PING)),
        ("version 6 under protocol 4", bytes(ether() / v4(proto=4) / Raw(bytes(FLOOD6)))),
        ("version 4 under protocol 41", bytes(ether() / v4(proto=41) / Raw(bytes(FLOOD) + bytes(20)))),
        ("header of 16 bytes inside", bytes(ether() / v4(proto=4) / Raw(b"\x44" + bytes(FLOOD)[1:]))),
        ("fragment of ipv4 in ipv4", bytes(ether() / v4(flags="MF") / FLOOD)),
        ("empty", bytes(ether() / v4(proto=4))),
    ]


def vxlan(destination: int = 4789, **fields: Any) -> Packet:
    """Give the outer headers and VXLAN."""
    return ether() / v4() / UDP(sport=50000, dport=destination) / VXLAN(vni=42, **fields)


def vxlan_cases() -> list[Case]:
    """Ports, flags, and lengths."""
    good = bytes(vxlan() / inner_ether() / FLOOD)
    return [
        ("ipv4", good),
        ("ipv6, inner tag", bytes(vxlan() / inner_ether() / Dot1Q(vlan=5) / FLOOD6)),
        (
            "over ipv6",
            bytes(ether() / v6() / UDP(sport=50000, dport=4789) / VXLAN(vni=42) / inner_ether() / FLOOD),
        ),
        ("arp", bytes(vxlan() / inner_ether() / ARP())),
        ("another port", bytes(vxlan(8472) / inner_ether() / FLOOD)),
        (
            "answer from the port",
            bytes(ether() / v4() / UDP(sport=4789, dport=50000) / VXLAN() / inner_ether() / FLOOD),
        ),
        ("without the flag", bytes(vxlan(flags=0) / inner_ether() / FLOOD)),
        ("group policy", good[:42] + b"\x88" + good[43:]),
        ("udp length beyond the packet", good[:38] + b"\x01\x00" + good[40:]),
        ("udp length beyond the packet by one", good[:38] + struct.pack("!H", len(good) - 33) + good[40:]),
        ("udp length inside the header", good[:38] + b"\x00\x0f" + good[40:]),
        ("udp length inside the inner packet", good[:38] + struct.pack("!H", 16 + 14 + 39) + good[40:]),
        ("dns to the port", bytes(ether() / v4() / UDP(sport=53, dport=4789) / Raw(b"\0\0\x81\x80" + bytes(24)))),
        ("first fragment", bytes(ether() / v4(flags="MF") / UDP(dport=4789) / VXLAN() / inner_ether() / FLOOD)),
        ("first bytes only", good[: 14 + 20 + 8 + 7]),
    ]


def pppoe(payload: bytes, protocol: int = 0x0021, *, kind: int = 0x11, code: int = 0, more: int = 0) -> bytes:
    """Give a frame of a PPPoE session whose length field is off by `more`."""
    header = struct.pack("!BBHHH", kind, code, 7, len(payload) + 2 + more, protocol)
    return bytes(ether(0x8864)) + header + payload


def pppoe_cases() -> list[Case]:
    """PPP protocols, lengths and stages."""
    flood, flood6 = bytes(FLOOD), bytes(FLOOD6)
    return [
        ("ipv4", bytes(ether() / PPPoE(sessionid=7) / PPP() / FLOOD)),
        ("ipv6", bytes(ether() / PPPoE(sessionid=7) / PPP(proto=0x57) / FLOOD6)),
        ("behind two tags", bytes(ether(0x88A8) / Dot1Q(vlan=8) / Dot1Q(vlan=9) / PPPoE() / PPP() / FLOOD)),
        ("padded", pppoe(flood) + bytes(6)),
        ("ipv4, fragment", pppoe(bytes(FRAGMENT / Raw(bytes(8))))),
        ("lcp echo", pppoe(b"\x09\x01\0\x08\0\0\0\0", 0xC021)),
        ("ipcp", pppoe(b"\x01\x01\0\x04", 0x8021)),
        ("discovery", bytes(ether() / PPPoED(code=0x09))),
        ("version 2", pppoe(flood, kind=0x21)),
        ("code of a discovery", pppoe(flood, code=0xA7)),
        ("shorter than the packet in it", pppoe(flood, more=-1)),
        ("longer than the frame: cut by a mirror", pppoe(flood, more=500)),
        ("length 1", pppoe(flood, more=-len(flood) - 1)),
        ("length 2", pppoe(flood, more=-len(flood))),
        ("version 6 under the protocol of ipv4", pppoe(flood6)),
        ("ipv4 with a bad length", pppoe(bytes(IP(len=19)))),
        ("gre in it", pppoe(bytes(v4() / GRE() / FLOOD6))),
        ("mpls below a tag, pppoe in a pseudowire", labelled(2, bytes(4) + inner_pppoe())),
    ]


def inner_pppoe() -> bytes:
    """Give a customer's frame of a PPPoE session."""
    return bytes(inner_ether(0x8864)) + pppoe(bytes(FLOOD))[14:]


def pseudowire_cases() -> list[Case]:
    """With and without a control word, and what it must not be taken for."""
    flood, flood6 = bytes(inner_ether() / FLOOD), bytes(inner_ether() / Dot1Q(vlan=3) / FLOOD6)
    routers = bytes(inner_ether(destination="00:00:5e:00:01:07") / FLOOD)
    zeros = bytes(inner_ether(destination="00:1b:21:00:00:07") / FLOOD)
    return [
        ("control word", labelled(1, bytes(4) + flood)),
        ("control word, built by scapy", bytes(ether() / MPLS(label=5, s=1) / EoMCW() / inner_ether() / FLOOD6)),
        ("control word with a sequence number", labelled(2, b"\0\0\x12\x34" + flood6)),
        ("control word with reserved bits", labelled(1, b"\x0a\xbc\0\0" + flood)),
        ("no control word", labelled(1, flood)),
        ("no control word, tagged, ipv6", labelled(3, flood6)),
        ("no control word, to a virtual router", labelled(1, routers)),
        ("no control word, to an address with zeros", labelled(1, zeros)),
        ("no control word, to an address with a 4", labelled(1, b"\x44" + flood[1:])),
        ("no control word, to an address with a 6", labelled(1, b"\x60" + flood[1:])),
        ("both fit, first bytes zero", labelled(1, b"\0\0" + both_fit())),
        ("both fit, first bytes not zero", labelled(1, b"\x02\0" + both_fit())),
        ("control word, arp", labelled(1, bytes(4) + bytes(inner_ether() / ARP()))),
        ("no control word, arp", labelled(1, bytes(inner_ether() / ARP()))),
        ("associated channel", labelled(1, b"\x10\0\0\x07" + flood)),
        ("address that begins with 1", labelled(1, b"\x14" + flood[1:])),
        ("another kind of pseudowire", labelled(1, bytes(4) + bytes(range(48)))),
        ("type of ipv4, version 5", labelled(1, bytes(4) + bytes(inner_ether(0x0800)) + b"\x55" + bytes(39))),
        ("ipv4 with a bad length", labelled(1, bytes(4) + bytes(inner_ether() / IP(len=19)))),
        ("labels in a pseudowire", labelled(1, bytes(4) + customer(0x8847, labelled(1, bytes(FLOOD))[14:]))),
        ("3 bytes", labelled(1, bytes(3))),
        ("ipv4", labelled(1, bytes(FLOOD))),
        ("ipv6", labelled(1, bytes(FLOOD6))),
    ]


def customer(ethertype: int, payload: bytes) -> bytes:
    """Give a customer's frame."""
    return bytes(inner_ether(ethertype)) + payload


def both_fit() -> bytes:
    """Give what reads as Ethernet both at 2 bytes before it and 2 bytes behind its start."""
    return bytes(10) + b"\x08\x00" + b"\x45\x00\x08\x00" + bytes(FLOOD)


def nested(levels: int) -> Packet:
    """Give a packet in so many GRE tunnels; the number of the tunnel is the last byte of its addresses."""
    packet: Packet = FLOOD
    for number in range(levels, 0, -1):
        packet = IP(src=f"203.0.113.{number}", dst=f"198.51.100.{number}") / GRE() / packet
    return packet


def in_pseudowires(levels: int) -> bytes:
    """Give a frame with a packet in so many pseudowires."""
    frame = customer(0x0800, bytes(FLOOD))
    for _ in range(levels):
        frame = labelled(1, bytes(4) + frame)
    return frame


def mixed_cases() -> list[Case]:
    """Tunnels in tunnels, to the fourth and beyond."""
    in_gre = inner_ether() / v6() / UDP(dport=4789) / VXLAN() / inner_ether() / v4() / FLOOD6
    all_kinds = v4() / GRE(proto=0x6558) / in_gre
    return [
        *((f"{levels} times gre", bytes(ether() / nested(levels))) for levels in (2, 3, 4, 5, 6)),
        ("gre, vxlan, ipv6 in ipv4", bytes(ether() / all_kinds)),
        ("the same in pppoe", pppoe(bytes(all_kinds))),
        ("the same in pppoe in a pseudowire", labelled(1, bytes(4) + customer(0x8864, pppoe(bytes(all_kinds))[14:]))),
        *((f"{levels} pseudowires", in_pseudowires(levels)) for levels in (2, 4, 5)),
        ("gre, 4 pseudowires", raw_gre(0, 0x6558, in_pseudowires(4))),
        ("second inner packet cut", bytes(ether() / nested(2))[:-25]),
        ("second inner packet a lie", bytes(ether() / v4() / GRE() / INNER4 / GRE() / IP(len=999, proto=17))),
        ("vxlan in a pseudowire in gre", raw_gre(0, 0x8847, labelled(1, customer_vxlan())[14:])),
        *((f"pppoe in vxlan, length off by {off}", in_vxlan(pppoe(bytes(FLOOD), more=off))) for off in (-1, 0, 1)),
        ("dns, no tunnel at all", bytes(ether() / v4() / DNS)),
        ("tcp, no tunnel at all", bytes(ether() / v6() / SYN)),
    ]


def in_vxlan(frame: bytes) -> bytes:
    """Give a frame in VXLAN."""
    return bytes(vxlan() / Raw(frame))


def customer_vxlan() -> bytes:
    """Give a customer's frame with VXLAN in it."""
    return bytes(inner_ether() / INNER4 / UDP(dport=4789) / VXLAN() / inner_ether() / FLOOD6)


def cooked_cases() -> list[Case]:
    """The same behind another link header."""
    header = struct.pack("!HHH8s", 0, 1, 6, b"\2\0\0\0\0\x09")
    return [
        ("gre", header + b"\x08\x00" + bytes(v4() / GRE() / FLOOD)),
        ("pppoe", header + b"\x88\x64" + pppoe(bytes(FLOOD))[14:]),
        ("pseudowire", header + b"\x88\x47" + in_pseudowires(1)[14:]),
    ]


def cases() -> dict[str, tuple[int, list[Case]]]:
    """Give every golden file: name, link type, frames."""
    return {
        "gre": (1, gre_cases()),
        "ip": (1, ip_cases()),
        "vxlan": (1, vxlan_cases()),
        "pppoe": (1, pppoe_cases()),
        "pseudowire": (1, pseudowire_cases()),
        "mixed": (1, mixed_cases()),
        "cooked_113": (113, cooked_cases()),
        "raw_101": (101, [("gre", bytes(v4() / GRE() / FLOOD)), ("ipv4 in ipv6", bytes(v6() / FLOOD))]),
    }
