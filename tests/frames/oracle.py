"""A slow and obvious reading of frames, to compare the parser with.

Written from the standards and from the rules of capture_ext/frame, not from its code: it takes headers off the front
of the bytes until it reaches a port, and gives up with a reason.
"""

import struct
from dataclasses import dataclass, field
from typing import NoReturn

TAGS = 8
LABELS = 16
EXTENSIONS = 8

ICMP_OF = {4: 1, 6: 58}
NO_PACKET = (0, 0, 0, False, False, None, 0, 0, 0, 0)
Fields = tuple[str, int, int, int, bool, bool, tuple[int, int] | None, int, int, int, int]


class UnparsedError(Exception):
    """The frame has no packet to count; the argument is the reason."""


def give_up(reason: str) -> NoReturn:
    """Leave the reading."""
    raise UnparsedError(reason)


class Cutter:
    """Bytes that are taken from the front; `room` is how many there were before a mirror cut them, None: who knows."""

    def __init__(self, data: bytes, room: int | None = None) -> None:
        self.data = data
        self.room = room

    def take(self, layout: str) -> tuple[int, ...]:
        """Take the numbers of one header; a header that is not whole ends the reading."""
        size = struct.calcsize(layout)
        if len(self.data) < size:
            give_up("truncated")
        numbers = struct.unpack(layout, self.data[:size])
        self.data = self.data[size:]
        if self.room is not None:
            self.room -= size
        return numbers

    def nibble(self) -> int:
        """Look at the first four bits."""
        if not self.data:
            give_up("truncated")
        return self.data[0] >> 4


@dataclass
class Reading:
    """What is known of a packet."""

    family: int
    protocol: int
    ip_bytes: int
    source: int
    destination: int
    fragment: bool = False
    later_fragment: bool = False
    known: bool = True
    upper: bytes = field(default=b"", repr=False)
    upper_room: int = 0
    level: int = 0

    def protocol_class(self) -> int:
        """Give 0 TCP, 1 UDP, 2 the family's ICMP, 3 other."""
        numbers = [6, 17, ICMP_OF[self.family]]
        return numbers.index(self.protocol) if self.known and self.protocol in numbers else 3

    def fields(self) -> Fields:
        """Give the fields in the order of ParsedPacket."""
        upper = b"" if self.later_fragment else self.upper
        kind = self.protocol_class()
        ports, flags = None, 0
        if kind in (0, 1) and len(upper) >= 4:
            ports = (int.from_bytes(upper[0:2]), int.from_bytes(upper[2:4]))
        if kind == 0 and len(upper) >= 14:
            flags = upper[13]
        syn = bool(flags & 2) and not flags & 16
        whence = (self.ip_bytes, self.source, self.destination)
        return ("", self.family, self.protocol, kind, self.fragment, syn, ports, flags, *whence)


def read(frame: bytes, link_type: int) -> Fields:
    """Give what parse() should give."""
    try:
        return read_link(Cutter(frame), link_type).fields()
    except UnparsedError as reason:
        return (str(reason), *NO_PACKET)


def read_link(rest: Cutter, link_type: int) -> Reading:
    """Take the link header off and go on."""
    return read_ethertype(rest, take_link(rest, link_type))


def take_link(rest: Cutter, link_type: int) -> int:
    """Take the link header off; give the ethertype of what is behind it."""
    if link_type == 1:
        return rest.take("!6s6sH")[-1]
    if link_type == 113:
        return rest.take("!HHH8sH")[-1]
    if link_type == 276:
        return rest.take("!HHIHBB8s")[0]
    if link_type in (12, 14, 101):
        return {4: 0x0800, 6: 0x86DD}.get(rest.nibble()) or give_up("ip_version")
    return {228: 0x0800, 229: 0x86DD}.get(link_type) or give_up("link_type")


def read_ethertype(rest: Cutter, ethertype: int) -> Reading:
    """Take tags off, then go on by the ethertype."""
    ethertype = take_tags(rest, ethertype)
    if ethertype == 0x0800:
        return read_ipv4(rest)
    if ethertype == 0x86DD:
        return read_ipv6(rest)
    if ethertype in (0x8847, 0x8848):
        return read_labels(rest)
    give_up("pppoe" if ethertype in (0x8863, 0x8864) else "not_ip")


def take_tags(rest: Cutter, ethertype: int) -> int:
    """Take tags off; give the ethertype behind them."""
    tags = 0
    while ethertype in (0x8100, 0x88A8, 0x9100):
        tags += 1
        if tags > TAGS:
            give_up("too_many_tags")
        _, ethertype = rest.take("!HH")
    return ethertype


def read_labels(rest: Cutter) -> Reading:
    """Go on below a stack of labels."""
    version = take_labels(rest)
    if version == 4:
        return read_ipv4(rest)
    if version == 6:
        return read_ipv6(rest)
    give_up("mpls_pseudowire" if version == 0 else "mpls_payload")


def take_labels(rest: Cutter) -> int:
    """Take labels off to the bottom of the stack; give the first four bits below."""
    for _ in range(LABELS):
        (label,) = rest.take("!I")
        if label & 0x100:
            break
    else:
        give_up("too_many_labels")
    return rest.nibble()


def read_ipv4(rest: Cutter) -> Reading:
    """Read an IPv4 header; its total length ends the packet."""
    first, _, total, _, pieces, _, protocol, _, source, destination = rest.take("!BBHHHBBHII")
    if first >> 4 != 4:
        give_up("ip_version")
    header = 4 * (first % 16)
    if header < 20:
        give_up("ipv4_header")
    if total < header:
        give_up("ipv4_total_length")
    more, offset = bool(pieces & 0x2000), pieces & 0x1FFF
    upper = rest.data[: total - 20][header - 20 :]
    pieces_of = (more or offset > 0, offset > 0)
    return Reading(4, protocol, total, source, destination, *pieces_of, upper=upper, upper_room=total - header)


def read_ipv6(rest: Cutter) -> Reading:
    """Read an IPv6 header and walk the headers behind it; the payload length ends the packet."""
    first, payload, protocol, _, a, b, c, d = rest.take("!IHBBQQQQ")
    if first >> 28 != 6:
        give_up("ip_version")
    reading = Reading(6, protocol, 40 + payload, a << 64 | b, c << 64 | d)
    reading.upper, reading.upper_room = rest.data[:payload], payload
    for _ in range(EXTENSIONS):
        if reading.later_fragment or not take_extension(reading):
            break
    return reading


def take_extension(reading: Reading) -> bool:
    """Take one whole extension header off the front of what is left; say whether there was one."""
    rest = reading.upper
    if len(rest) < 8:
        return False
    sizes = {0: 8 * rest[1] + 8, 43: 8 * rest[1] + 8, 60: 8 * rest[1] + 8, 44: 8, 51: 4 * rest[1] + 8}
    size = sizes.get(reading.protocol)
    if size is None or len(rest) < size:
        return False
    if reading.protocol == 44:
        position = int.from_bytes(rest[2:4])
        offset, more = position >> 3, position & 1
        reading.fragment = reading.fragment or offset > 0 or more == 1
        reading.later_fragment = offset > 0
    reading.protocol = rest[0]
    reading.upper = rest[size:]
    reading.upper_room -= size
    return True
