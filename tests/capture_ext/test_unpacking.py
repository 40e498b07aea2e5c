"""Compressed captures: the same frames as from the plain file, in bounded memory, and a word on what is damaged."""

import gzip
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from backports import zstd

from capture_ext.pcapfile import PcapFile
from capture_ext.reading import read_frames
from capture_ext.source import CapturedFrame, read_all
from capture_ext.unpacking import packing_of
from frames import capture_files as build

DEADLINE = 20.0
MANY = 1 << 20
FRAMES = [Random(number).randbytes(60 + number) for number in range(2000)]
CAPTURE = build.pcap([(number, 0, frame) for number, frame in enumerate(FRAMES)])
SKIPPABLE = b"\x57\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"notes"


def checked_zstd(data: bytes) -> bytes:
    """Compress with a check sum, as the zstd program does."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


PACKINGS: list[tuple[str, Callable[[bytes], bytes]]] = [("gzip", gzip.compress), ("zstd", checked_zstd)]
both = pytest.mark.parametrize(("packing", "pack"), PACKINGS)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Whatever ends a file, its thread ends too."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def read(path: Path, content: bytes) -> tuple[list[bytes], str]:
    """Give the frames of a file and how it ended."""
    path.write_bytes(content)
    source = PcapFile(path)
    source.open()
    try:
        frames = read_frames(source, MANY, DEADLINE)
        return [frame.data for frame in frames], source.failure()
    finally:
        source.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Name a file; its name says nothing of what is in it."""
    return tmp_path / "some.pcap"


@both
def test_the_same_frames(file: Path, packing: str, pack: Callable[[bytes], bytes]) -> None:
    """Compression is found by the first bytes, and changes nothing in the frames."""
    packed = pack(CAPTURE)
    assert packing_of(packed[:4]) == packing
    assert read(file, packed) == (FRAMES, "")
    assert read(file, pack(build.section() + build.interface() + build.enhanced(b"x" * 60))) == ([b"x" * 60], "")


@both
def test_pieces_one_behind_the_other(file: Path, packing: str, pack: Callable[[bytes], bytes]) -> None:
    """Members and frames that follow each other are one file; zeros behind the last are padding."""
    half = len(CAPTURE) // 2
    assert read(file, pack(CAPTURE[:half]) + pack(b"") + pack(CAPTURE[half:])) == (FRAMES, "")
    assert read(file, pack(CAPTURE) + bytes(100_000)) == (FRAMES, "")


def test_a_zstd_file_may_begin_with_a_note(file: Path) -> None:
    """A skippable frame, as parallel compressors write it, is stepped over."""
    assert read(file, SKIPPABLE + checked_zstd(CAPTURE) + SKIPPABLE) == (FRAMES, "")


@both
@pytest.mark.parametrize("kept", [0.2, 0.9])
def test_a_cut_file_gives_what_it_had(file: Path, packing: str, pack: Callable[[bytes], bytes], kept: float) -> None:
    """The frames before the cut, then where it was cut."""
    packed = pack(CAPTURE)
    size = int(len(packed) * kept)
    frames, failure = read(file, packed[:size])
    assert 0 < len(frames) < len(FRAMES)
    assert frames == FRAMES[: len(frames)]
    assert failure == f"{file}: cut off: the {packing} data ends unfinished at byte {size}"


@both
def test_a_damaged_file_says_where(file: Path, packing: str, pack: Callable[[bytes], bytes]) -> None:
    """A wrong byte is found, by the check sum if by nothing else, and the place is named in bytes of the file."""
    packed = bytearray(pack(CAPTURE))
    place = len(packed) // 2
    packed[place] ^= 0x10
    frames, failure = read(file, bytes(packed))
    assert frames[:500] == FRAMES[:500]
    begin, end = failure.removeprefix(f"{file}: the {packing} data is damaged at byte ").split(" (")[0].split(" to ")
    assert 0 < int(begin) < int(end) <= len(packed)
    assert place < int(end)


@both
def test_garbage_behind_a_good_file(file: Path, packing: str, pack: Callable[[bytes], bytes]) -> None:
    """All frames, then a word on what follows."""
    frames, failure = read(file, pack(CAPTURE) + b"Some text that has no business here.")
    assert frames == FRAMES
    assert failure.startswith(f"{file}: the {packing} data is damaged at byte ")


@both
def test_what_is_in_it_must_be_a_capture(file: Path, packing: str, pack: Callable[[bytes], bytes]) -> None:
    """Text, nothing, and a file that was compressed twice are no captures."""
    assert read(file, pack(b"only some text in here"))[1] == (
        f"{file}, unpacked: not a capture file (first bytes 6f 6e 6c 79 20 73 6f 6d)"
    )
    assert read(file, pack(b""))[1] == f"{file}, unpacked: not a capture file (it is empty)"
    assert "unpacked: not a capture file (first bytes" in read(file, pack(pack(CAPTURE)))[1]


def test_a_broken_capture_inside(file: Path) -> None:
    """The byte is that of the unpacked file, and is said to be."""
    frames, failure = read(file, gzip.compress(CAPTURE + build.pcap_record((1, 2, bytes(16)), captured=262145)))
    assert len(frames) == len(FRAMES)
    assert failure == f"{file}, unpacked: the frame at byte {len(CAPTURE)} claims 262145 bytes, more than 262144"


@both
def test_a_reader_that_stops_early(file: Path, packing: str, pack: Callable[[bytes], bytes]) -> None:
    """Closing in the middle ends the thread, although it waits to pass on the rest."""
    file.write_bytes(pack(CAPTURE))  # more than the pipe holds
    source = PcapFile(file)
    for _ in range(3):
        source.open()
        assert len(read_frames(source, 10, DEADLINE)) == 32
        source.close()
        assert read_all(source, MANY) == []


def test_closing_while_the_writer_is_silent() -> None:
    """A pipe whose writer says nothing more does not hold anybody up."""
    reader, writer = os.pipe()
    os.write(writer, gzip.compress(CAPTURE)[:1000])
    source = PcapFile(f"/dev/fd/{reader}")
    source.open()
    assert read_frames(source, 1, DEADLINE)
    source.close()
    os.close(reader)
    os.close(writer)


def test_no_descriptor_is_left(file: Path) -> None:
    """However often a file is read, or found damaged, its descriptors are given back."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # a number is all that is wanted
    for content in [gzip.compress(CAPTURE), gzip.compress(CAPTURE)[:5000], b"\x1f\x8b\x08 not at all"] * 3:
        read(file, content)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_without_descriptors_it_is_a_line(file: Path) -> None:
    """A process that may open no more files says so."""
    file.write_bytes(gzip.compress(CAPTURE))
    source = PcapFile(file)
    bounds = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open(file, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, bounds[1]))
    try:
        with pytest.raises(ValueError, match=r"some.pcap: cannot be unpacked: Too many open files"):
            source.open()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, bounds)
    source.open()
    assert len(read_frames(source, MANY, DEADLINE)) == len(FRAMES)
    source.close()


BOMB = """
import resource, sys
from capture_ext.pcapfile import PcapFile
from capture_ext.reading import drain
source = PcapFile(sys.argv[1])
source.open()
drained = drain(source, 1 << 40, 300.0)
assert not source.failure(), source.failure()
print(drained.frames, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@both
def test_a_bomb_takes_no_memory(file: Path, packing: str, pack: Callable[[bytes], bytes]) -> None:
    """A file of some hundred KiB that unpacks to 400 MB: all its frames, in hardly more memory than a plain one."""
    piece = pack(build.pcap_record((1, 2, bytes(65_535))) * 150)
    file.write_bytes(pack(build.pcap([])) + piece * 40)
    small = file.with_name("plain.pcap")
    small.write_bytes(CAPTURE)
    figures = {}
    for path in (small, file):
        words = [sys.executable, "-c", BOMB, str(path)]
        done = subprocess.run(words, check=True, capture_output=True, text=True, timeout=120)
        figures[path] = [int(word) for word in done.stdout.split()]
    assert file.stat().st_size < 2_000_000
    assert figures[file][0] == 150 * 40
    assert figures[file][1] - figures[small][1] < 32 * 1024  # KiB


def test_a_zstd_file_that_wants_too_much(file: Path) -> None:
    """A frame whose window is above 128 MiB is refused, by its header alone."""
    header = b"\x28\xb5\x2f\xfd" + bytes([0x00, 18 << 3])  # window log 10 + 18: 256 MiB
    frames, failure = read(file, header + bytes([1, 0, 0]))
    assert frames == []
    assert failure.startswith(f"{file}: the zstd data is damaged at byte 0 to 9 (")
    assert "memory" in failure


@both
def test_any_damage_is_survived(file: Path, packing: str, pack: Callable[[bytes], bytes]) -> None:
    """Flipped, cut and repeated pieces: frames that are right as far as they go, or a word, and never a crash."""
    random = Random(20140704)
    packed = pack(CAPTURE[:20_000])
    for _ in range(150):
        damaged = bytearray(packed)
        for _ in range(random.randrange(1, 4)):
            damaged[random.randrange(4, len(damaged))] = random.randrange(256)
        frames: list[CapturedFrame] | list[bytes]
        frames, failure = read(file, bytes(damaged[: random.randrange(5, len(damaged) + 1)]))
        assert failure
        assert len(frames) < len(FRAMES)
