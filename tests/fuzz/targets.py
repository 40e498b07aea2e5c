"""What the fuzzer calls: one reader a target, that raises when an input is not read as the slow reading reads it.

`run.py` lets libFuzzer call them with what it makes of the seeds, `test_targets.py` with what was found once.
"""

import mmap
import os
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from capture_ext.frame import parse
from capture_ext.pcapfile import PcapFile
from capture_ext.source import read_all
from capture_ext.unpacking import packing_of
from capture_ext.xdp_ring import RecordRing
from frames import capture_files as build
from frames import file_oracle, golden, oracle, ring_oracle
from frames.capture_files import BIG, LITTLE
from frames.tunnel_oracle import ALL as KINDS
from frames.tunnel_oracle import Opener

LINK_TYPES = [1, 12, 14, 101, 113, 228, 229, 276]
ALL_KINDS = (1 << len(KINDS)) - 1
FRAMES_LIMIT = 1 << 20
RING_BYTES = 4096
FOUND = Path(__file__).parent / "found"
"""One folder a target, with inputs that were read wrongly once, or by a planted mistake."""


class MemoryFile:
    """A file without a disk, and a source that reads it."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("capture")
        self.source = PcapFile(f"/proc/self/fd/{self.descriptor}")

    def read(self, content: bytes) -> tuple[list[file_oracle.Frame], str]:
        """Give the frames of a file, and how it ends, in the words of the slow reading."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, content, 0)
        try:
            self.source.open()
        except ValueError:
            return [], "refused"
        frames = [(frame.data, *frame[1:4]) for frame in read_all(self.source, FRAMES_LIMIT)]
        self.source.close()
        return frames, "broken" if self.source.failure() else ""

    def __del__(self) -> None:
        os.close(self.descriptor)


class Frames:
    """Parses a frame; the first byte chooses its link type."""

    def __call__(self, data: bytes) -> None:
        if not data:
            return
        link_type, content = LINK_TYPES[data[0] % len(LINK_TYPES)], data[1:]
        found, expected = parse(content, link_type), oracle.read(content, link_type)
        if found != expected:
            raise AssertionError(f"link type {link_type}, {content.hex()}: {found}, and not {expected}")


class Tunnels:
    """Parses a frame through encapsulations: the first byte is its link type, the bits of the second its switches."""

    def __call__(self, data: bytes) -> None:
        if len(data) < 2:
            return
        link_type, content = LINK_TYPES[data[0] % len(LINK_TYPES)], data[2:]
        kinds = tuple(kind for bit, kind in enumerate(KINDS) if data[1] >> bit & 1)
        found, expected = parse(content, link_type, decapsulate=kinds), Opener(kinds).read(content, link_type)
        if found != expected:
            raise AssertionError(f"link type {link_type}, {kinds}, {content.hex()}: {found}, and not {expected}")


class CaptureFiles:
    """Reads a capture file.  What unpacks is left out: its thread makes no run like the one before."""

    def __init__(self) -> None:
        self._file = MemoryFile()

    def __call__(self, data: bytes) -> None:
        if packing_of(data[:4]):
            return
        found, expected = self._file.read(data), file_oracle.read(data)
        if found != expected:
            raise AssertionError(f"{data.hex()}: {found}, and not {expected}")


class Rings:
    """Reads what the program of `source: xdp` gives whole: two positions, in units of 8 bytes, and the ring."""

    def __init__(self) -> None:
        self._descriptor = os.memfd_create("ring")
        os.ftruncate(self._descriptor, 2 * mmap.PAGESIZE + 2 * RING_BYTES)

    def __call__(self, data: bytes) -> None:
        if len(data) < 4:
            return
        first, length = struct.unpack_from("=HH", data)
        consumer = first * 8
        producer = consumer + length * 8 % (RING_BYTES + 8)
        content = data[4 : 4 + RING_BYTES].ljust(RING_BYTES, b"\0")
        os.pwrite(self._descriptor, struct.pack("=Q", consumer), 0)
        os.pwrite(self._descriptor, struct.pack("=Q", producer), mmap.PAGESIZE)
        os.pwrite(self._descriptor, content + content, 2 * mmap.PAGESIZE)
        found, expected = (
            RecordRing(self._descriptor, RING_BYTES).records(),
            ring_oracle.read(content, consumer, producer),
        )
        if found != expected:
            raise AssertionError(f"{consumer} to {producer}, {content.hex()}: {found}, and not {expected}")

    def __del__(self) -> None:
        os.close(self._descriptor)


def golden_frames() -> list[bytes]:
    """Give every golden frame behind its link type's byte."""
    return [bytes([LINK_TYPES.index(case.link_type)]) + case.frame for case in golden.load_all()]


def golden_tunnels() -> list[bytes]:
    """Give every golden frame with tunnels behind its link type's byte, with everything switched on."""
    return [bytes([LINK_TYPES.index(case.link_type), ALL_KINDS]) + case.frame for case in golden.load_tunnels()]


def right_files() -> list[bytes]:
    """Give files with everything the reader knows, in both orders."""
    frames = [bytes([number]) * (number * 7 % 61) for number in range(6)]
    records = [(1404482394 + number, number, frame) for number, frame in enumerate(frames)]
    files = [build.pcap(records, order, nanoseconds=unit) for order in (LITTLE, BIG) for unit in (False, True)]
    for order in (LITTLE, BIG):
        times = build.option(14, struct.pack(order + "q", 1_400_000_000), order) + build.option(9, b"\x89", order)
        blocks = [
            build.section(order),
            build.interface(1, order, 40, build.option(2, b"eth0", order) + build.option(0, b"", order)),
            build.interface(101, order, 0, times),
            build.enhanced(frames[1], 1 << 50, 0, order, options=build.option(1, b"seen", order)),
            build.enhanced(frames[5], 5 << 33, 1, order),
            build.simple(frames[3], order=order),
            build.block(5, bytes(12), order),
            build.obsolete(frames[2], 1 << 40, 1, order),
        ]
        files.append(b"".join(blocks))
    return [*files, files[4] + files[5]]


def seed_files() -> list[bytes]:
    """Give the right files, and small ones with a block each, in which a change meets what matters sooner."""
    files = right_files()
    for order in (LITTLE, BIG):
        for link_type in (1, 101):
            begin = build.section(order) + build.interface(link_type, order)
            for content in (bytes(8), bytes(5)):
                files.append(begin + build.enhanced(content, 1 << 50, 0, order))
                files.append(begin + build.simple(content, order=order))
                files.append(begin + build.obsolete(content, 1 << 40, 0, order))
        files.append(build.pcap([(1404482394, 1, bytes(8))], order))
    return files


def seed_rings() -> list[bytes]:
    """Give rings with whole records, some that are being written or were discarded, and one over the end."""
    rings = []
    for mark in (0, ring_oracle.BUSY, ring_oracle.DISCARDED):
        for size in (0, 14, 60, 256, 1514):
            first, second = ring_oracle.written(2, bytes(range(60))), ring_oracle.written(4, bytes(size), mark)
            content = first + second + first
            rings.append(struct.pack("=HH", 0, len(content) // 8) + content)
            turned = (content.ljust(RING_BYTES, b"\0"))[-200:] + content[:-200]
            rings.append(struct.pack("=HH", RING_BYTES // 8 - 25, len(content) // 8) + turned)
    return rings


class Target(NamedTuple):
    """Who reads the inputs, and what they begin with."""

    reader: Callable[[], Callable[[bytes], None]]
    seeds: Callable[[], Iterable[bytes]]
    input_bytes: int


TARGETS = {
    "frame": Target(Frames, golden_frames, 512),
    "tunnel": Target(Tunnels, golden_tunnels, 512),
    "pcapfile": Target(CaptureFiles, seed_files, 2048),
    "ring": Target(Rings, seed_rings, 1024),
}


def reader(name: str) -> Callable[[bytes], None]:
    """Give what reads the inputs of a target."""
    return TARGETS[name].reader()
