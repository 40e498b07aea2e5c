"""The reader of capture files on files that no one would write, against the slow reading."""

import os
import struct
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from capture_ext.pcapfile import PcapFile
from capture_ext.source import read_all
from capture_ext.unpacking import packing_of
from frames import capture_files as build
from frames import file_oracle
from frames.capture_files import BIG, LITTLE
from frames.mutations import mutated

INPUTS = 40_000
MANY = 1 << 20


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
        frames = [(frame.data, *frame[1:4]) for frame in read_all(self.source, MANY)]
        self.source.close()
        return frames, "broken" if self.source.failure() else ""


@pytest.fixture(scope="module")
def memory_file() -> Iterator[MemoryFile]:
    """Give one file for all inputs."""
    file = MemoryFile()
    yield file
    os.close(file.descriptor)


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


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=100), st.sampled_from(right_files()), st.integers(0, 60))
def test_arbitrary_bytes_behind_a_right_beginning(tail: bytes, right: bytes, kept: int) -> None:
    """Any bytes behind any beginning give what the slow reading gives."""
    content = right[:kept] + tail
    assume(not packing_of(content[:4]))
    file = MemoryFile()
    try:
        assert file.read(content) == file_oracle.read(content)
    finally:
        os.close(file.descriptor)


def test_right_files_are_whole(memory_file: MemoryFile) -> None:
    """What the mutations start from has nothing wrong."""
    for content in right_files():
        frames, ending = memory_file.read(content)
        assert (len(frames) >= 4, ending) == (True, "")
        assert (frames, ending) == file_oracle.read(content)


def test_every_piece_of_a_file(memory_file: MemoryFile) -> None:
    """Wherever a file is cut, the frames before the cut are given."""
    for content in right_files():
        for size in range(len(content)):
            assert memory_file.read(content[:size]) == file_oracle.read(content[:size]), size


def test_many_mutations(memory_file: MemoryFile) -> None:
    """No file makes the reader stumble, hang, or give what is not in it."""
    random = Random(20140704)
    files = right_files()
    content = files[0]
    for number in range(INPUTS):
        right = random.choice(files)
        content = mutated(content if number & 1 else right, right, random)
        assert memory_file.read(content) == file_oracle.read(content), content.hex()
