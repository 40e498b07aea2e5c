"""The slow reading, through encapsulations: each is a function that calls the next one.

Written from the standards and from the rules at the top of capture_ext/tunnel.pyx and pseudowire.pxd, not from their
code.
"""

from collections import Counter

from frames.oracle import (
    NO_PACKET,
    Cutter,
    Fields,
    Reading,
    UnparsedError,
    give_up,
    read_ipv4,
    read_ipv6,
    take_labels,
    take_link,
    take_tags,
)

ALL = ("gre", "ipip", "6in4", "vxlan", "pppoe", "pseudowire")
DEEP = 4
LABELLED = (0x8847, 0x8848)


class Opener:
    """Reads frames with some switches on.

    Attributes:
        counts: `opened`, `unread` and `too_deep`, over all frames.
    """

    def __init__(self, kinds: "tuple[str, ...]" = ALL, vxlan_port: int = 4789) -> None:
        self.kinds = kinds
        self.vxlan_port = vxlan_port
        self.counts: Counter[str] = Counter()

    def read(self, frame: bytes, link_type: int) -> Fields:
        """Give what parse() should give."""
        try:
            rest = Cutter(frame)
            reading = self.below(rest, take_link(rest, link_type), 0)
        except UnparsedError as reason:
            return (str(reason), *NO_PACKET)
        self.counts["opened"] += reading.level > 0
        return reading.fields()

    def below(self, rest: Cutter, ethertype: int, level: int) -> Reading:
        """Read what an ethertype announces, `level` encapsulations deep."""
        ethertype = take_tags(rest, ethertype)
        if ethertype in LABELLED:
            return self.labels(rest, level)
        if ethertype == 0x8864 and "pppoe" in self.kinds:
            return self.pppoe(rest, deeper(level))
        if ethertype == 0x8863 and "pppoe" in self.kinds:
            give_up("not_ip")
        readers = {0x0800: read_ipv4, 0x86DD: read_ipv6}
        if ethertype not in readers:
            give_up("pppoe" if ethertype in (0x8863, 0x8864) else "not_ip")
        room = rest.room
        reading = readers[ethertype](rest)
        if room is not None and reading.ip_bytes > room:
            give_up("pppoe")
        reading.level = level
        return self.inside(reading)

    def inside(self, reading: Reading) -> Reading:
        """Give the innermost packet that can be read: this one, or one in it."""
        tunnel = self.tunnel(reading)
        if tunnel not in self.kinds:
            return reading
        try:
            if reading.fragment:
                give_up("fragment")
            rest = Cutter(reading.upper, reading.upper_room)
            level = deeper(reading.level)
            if tunnel == "gre":
                return self.gre(rest, level)
            if tunnel == "vxlan":
                return self.vxlan(rest, level)
            return self.below(rest, 0x0800 if tunnel == "ipip" else 0x86DD, level)
        except UnparsedError as reason:
            self.counts["too_deep" if str(reason) == "too_deep" else "unread"] += 1
            return reading

    def tunnel(self, reading: Reading) -> str:
        """Name the tunnel that a packet is an end of."""
        if reading.protocol == 17:
            ports = reading.fields()[6]
            return "vxlan" if ports and ports[1] == self.vxlan_port else ""
        return {47: "gre", 4: "ipip", 41: "6in4"}.get(reading.protocol, "")

    def ethernet(self, rest: Cutter, level: int) -> Reading:
        """Read an Ethernet frame."""
        return self.below(rest, rest.take("!6s6sH")[-1], level)

    def gre(self, rest: Cutter, level: int) -> Reading:
        """Read what is in GRE."""
        flags, ethertype = rest.take("!HH")
        if flags & 7 or flags >> 10 & 0b010011:
            give_up("another version, or routing")
        for bit in (15, 13, 12):
            if flags >> bit & 1:
                rest.take("!I")
        if ethertype == 0x6558:
            return self.ethernet(rest, level)
        return self.below(rest, ethertype, level) if ethertype in (0x0800, 0x86DD, *LABELLED) else give_up("not_ip")

    def vxlan(self, rest: Cutter, level: int) -> Reading:
        """Read what is in VXLAN."""
        room = rest.room
        _, _, length, _, flags, _ = rest.take("!HHHHB7s")
        if not flags & 8 or length < 16 or room is None or length > room:
            give_up("no vxlan")
        return self.ethernet(Cutter(rest.data[: length - 16], length - 16), level)

    def pppoe(self, rest: Cutter, level: int) -> Reading:
        """Read what is in a PPPoE session."""
        kind, code, _, length, protocol = rest.take("!BBHHH")
        if kind != 0x11 or code != 0 or length < 2 or (rest.room is not None and length - 2 > rest.room):
            give_up("pppoe")
        ethertypes = {0x0021: 0x0800, 0x0057: 0x86DD}
        if protocol not in ethertypes:
            give_up("not_ip")
        return self.below(Cutter(rest.data[: length - 2], length - 2), ethertypes[protocol], level)

    def labels(self, rest: Cutter, level: int) -> Reading:
        """Read what is below labels."""
        version = take_labels(rest)
        if version in (4, 6):
            return self.below(rest, 0x0800 if version == 4 else 0x86DD, level)
        header = guess(rest.data) if "pseudowire" in self.kinds else None
        if header is None:
            give_up("mpls_payload" if version else "mpls_pseudowire")
        level = deeper(level)
        if header == 4:
            rest.take("!I")
        return self.ethernet(rest, level)


def deeper(level: int) -> int:
    """Give the next level."""
    return level + 1 if level < DEEP else give_up("too_deep")


def guess(data: bytes) -> int | None:
    """Give how many bytes of a pseudowire stand before its Ethernet header; None: it is none."""
    if len(data) < 4 or data[:2] == b"\x10\0":
        return None
    right = [size for size in (0, 4) if (size == 0 or data[0] < 16) and fits(data[size:])]
    if len(right) == 2:
        return 4 if data[:2] == b"\0\0" else 0
    return right[0] if right else None


def fits(data: bytes) -> bool:
    """Say whether bytes look like an Ethernet frame with something to count in it."""
    rest = Cutter(data)
    try:
        ethertype = take_tags(rest, rest.take("!6s6sH")[-1])
        (first,) = Cutter(rest.data).take("!B")
    except UnparsedError:
        return False
    if ethertype in LABELLED:
        return True
    return {0x0800: first >> 4 == 4, 0x86DD: first >> 4 == 6, 0x8864: first == 0x11}.get(ethertype, False)
