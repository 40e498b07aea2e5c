"""A slow and obvious reading of pcap and pcapng files, to compare the reader with.

A file gives frames, then it ends well or not: `refused` if it does not begin like a capture we read, `broken` if it
stops making sense or stops early, "" if it is whole.
"""

import struct
from typing import NamedTuple, NoReturn

LINK_TYPES = {1, 12, 14, 101, 113, 228, 229, 276}
FRAME_BYTES = 262144
WINDOW_BYTES = 1 << 20
INTERFACES = 4096
TIME_BOUND = 2**62 - 1
SECOND = 10**9
KNOWN_BLOCKS = {1, 2, 3, 6, 0x0A0D0D0A}

Frame = tuple[bytes, int, int, int]  # data, time in ns, link type, bytes on the wire


class BrokenFileError(Exception):
    """Nothing behind this place can be believed."""


def broken() -> NoReturn:
    """Stop reading."""
    raise BrokenFileError


class Interface(NamedTuple):
    """What an interface says about its frames."""

    link_type: int
    snaplen: int
    resolution: int
    offset: int

    def time(self, ticks: int) -> int:
        """Give nanoseconds, held within the bounds of the reader."""
        base = 2 if self.resolution & 0x80 else 10
        seconds = max(-(TIME_BOUND // SECOND), min(TIME_BOUND // SECOND, self.offset))
        unit: int = base ** (self.resolution & 0x7F)
        return min(ticks * SECOND // unit, TIME_BOUND) + seconds * SECOND


def read(content: bytes) -> tuple[list[Frame], str]:
    """Give the frames of a file, and how it ends."""
    frames: list[Frame] = []
    if len(content) < 24:
        return frames, "refused"
    try:
        if content[:4] == b"\x0a\x0d\x0d\x0a":
            Blocks(content, frames).read()
        elif not read_pcap(content, frames):
            return frames, "refused"
    except BrokenFileError:
        return frames, "broken" if frames else "refused"
    return frames, ""


def read_pcap(content: bytes, frames: list[Frame]) -> bool:
    """Append the frames of a pcap; say whether it was one."""
    units = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
    order = "<" if struct.unpack_from("<I", content)[0] in units else ">"
    magic, major, minor, _, _, _, link = struct.unpack_from(order + "IHHIIII", content)
    link &= 0x03FFFFFF
    if magic not in units or (major, minor) != (2, 4) or link not in LINK_TYPES:
        return False
    rest = content[24:]
    while rest:
        if len(rest) < 16:
            broken()
        seconds, fraction, size, wire = struct.unpack_from(order + "IIII", rest)
        if size > FRAME_BYTES or len(rest) < 16 + size:
            broken()
        frames.append((rest[16 : 16 + size], seconds * SECOND + fraction * units[magic], link, wire))
        rest = rest[16 + size :]
    return True


class Blocks:
    """The blocks of a pcapng file."""

    def __init__(self, content: bytes, frames: list[Frame]) -> None:
        self.content = content
        self.frames = frames
        self.order = "<"
        self.interfaces: list[Interface] = []
        self.last_time = 0

    def read(self) -> None:
        """Append the frames of every block."""
        rest = self.content
        while rest:
            if len(rest) < 12:
                broken()
            kind = self.numbers("I", rest)[0]
            if kind == 0x0A0D0D0A:
                self.order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(rest[8:12]) or broken()
            length = self.numbers("I", rest[4:])[0]
            if length < 12 or length % 4 or len(rest) < length or (length > WINDOW_BYTES and kind in KNOWN_BLOCKS):
                broken()
            if length <= WINDOW_BYTES and self.numbers("I", rest[length - 4 :])[0] != length:
                broken()
            self.take(kind, rest[8 : length - 4])
            rest = rest[length:]

    def numbers(self, layout: str, data: bytes) -> tuple[int, ...]:
        """Read numbers in the section's order; a body that is too short is broken."""
        if len(data) < struct.calcsize("=" + layout):
            broken()
        return struct.unpack_from(self.order + layout, data)

    def take(self, kind: int, body: bytes) -> None:
        """Read the body of one block, if we know it."""
        if kind == 0x0A0D0D0A:
            _, major, _, _ = self.numbers("IHHq", body)
            self.interfaces = []
            if major != 1:
                broken()
        elif kind == 1:
            self.take_interface(body)
        elif kind == 3:
            self.take_simple(body)
        elif kind in (2, 6):
            number, high, low, size, wire = self.numbers("IIIII", body)
            number = self.numbers("H", body)[0] if kind == 2 else number
            interface = self.interface(number)
            self.last_time = interface.time(high << 32 | low)
            self.append(interface, body[20:], size, wire)

    def take_interface(self, body: bytes) -> None:
        """Read link type, snap length, and the two options that change times."""
        link_type, _, snaplen = self.numbers("HHI", body)
        resolution, offset = 6, 0
        rest = body[8:]
        while len(rest) >= 4:
            code, size = self.numbers("HH", rest)
            padded = -(-size // 4) * 4
            if code == 0:
                break
            if len(rest) < 4 + padded:
                broken()
            if (code, size) == (9, 1):
                resolution = rest[4]
                if resolution & 0x7F > (63 if resolution & 0x80 else 19):
                    broken()
            if (code, size) == (14, 8):
                (offset,) = self.numbers("q", rest[4:])
            rest = rest[4 + padded :]
        if len(self.interfaces) == INTERFACES:
            broken()
        self.interfaces.append(Interface(link_type, snaplen, resolution, offset))

    def take_simple(self, body: bytes) -> None:
        """Read a frame of interface 0 that has no time of its own."""
        (wire,) = self.numbers("I", body)
        interface = self.interface(0)
        self.append(interface, body[4:], min(wire, interface.snaplen or wire), wire)

    def interface(self, number: int) -> Interface:
        """Give an interface of this section."""
        return self.interfaces[number] if number < len(self.interfaces) else broken()

    def append(self, interface: Interface, data: bytes, size: int, wire: int) -> None:
        """Add one frame, if it lies in its block."""
        if size > len(data) or size > FRAME_BYTES or interface.link_type not in LINK_TYPES:
            broken()
        self.frames.append((data[:size], self.last_time, interface.link_type, wire))
