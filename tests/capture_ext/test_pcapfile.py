"""Capture files of both formats; the bytes are built in frames/capture_files.py."""

import errno
import os
import struct
from pathlib import Path

import pytest

from capture_ext.pcapfile import PcapFile
from capture_ext.source import CapturedFrame, SourceStatistics, read_all
from frames import capture_files as build
from frames.capture_files import BIG, LITTLE

FRAMES = [bytes([number]) * (20 + number) for number in range(100)]
SECOND = 10**9
MANY = 1 << 20


def read(path: Path, content: bytes) -> tuple[list[CapturedFrame], str]:
    """Give the frames of a file and how it ended."""
    path.write_bytes(content)
    source = PcapFile(path)
    source.open()
    try:
        return read_all(source, MANY), source.failure()
    finally:
        source.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Name a file to be written."""
    return tmp_path / "some.pcap"


@pytest.mark.parametrize("order", [LITTLE, BIG])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_pcap_in_both_orders_and_units(file: Path, order: str, nanoseconds: bool) -> None:
    """Every frame comes out whole and in order, its time in nanoseconds."""
    records = [(1404482394, number, frame) for number, frame in enumerate(FRAMES)]
    frames, failure = read(file, build.pcap(records, order, nanoseconds=nanoseconds))
    unit = 1 if nanoseconds else 1000
    assert failure == ""
    assert [frame.data for frame in frames] == FRAMES
    assert [frame.timestamp_ns for frame in frames] == [1404482394 * SECOND + n * unit for n in range(100)]
    assert {(frame.link_type, frame.stripped_tag) for frame in frames} == {(1, 0)}


def test_a_cut_frame_keeps_its_wire_length(file: Path) -> None:
    """A mirror that cuts frames leaves their length on the wire."""
    content = build.pcap_header() + build.pcap_record((1, 2, b"x" * 96), wire_bytes=1514)
    frames, _ = read(file, content)
    assert [(len(frame.data), frame.wire_bytes) for frame in frames] == [(96, 1514)]


@pytest.mark.parametrize("link_type", [1, 12, 14, 101, 113, 228, 229, 276])
def test_every_link_type_of_the_parser(file: Path, link_type: int) -> None:
    """What the parser reads, the file reader lets through."""
    frames, _ = read(file, build.pcap([(0, 0, b"abc")], link_type=link_type))
    assert [frame.link_type for frame in frames] == [link_type]
    frames, _ = read(file, build.section() + build.interface(link_type) + build.enhanced(b"abc"))
    assert [frame.link_type for frame in frames] == [link_type]


@pytest.mark.parametrize(
    "content",
    [
        build.pcap([(0, 0, b"abc")], link_type=147),
        build.section() + build.interface(147) + build.enhanced(b"abc"),
    ],
)
def test_another_link_type_is_refused_by_name(file: Path, content: bytes) -> None:
    """The error names the file, the number and what would do."""
    with pytest.raises(ValueError, match=r"some.pcap: .*link type 147, supported are 1 Ethernet, 12, 14 and 101 raw"):
        read(file, content)


def test_a_check_sequence_is_no_part_of_the_link_type(file: Path) -> None:
    """The upper bits of a pcap file's link type tell about the FCS."""
    frames, _ = read(file, build.pcap([(0, 0, b"abc")], link_type=1 | 0x24000000))
    assert [frame.link_type for frame in frames] == [1]


@pytest.mark.parametrize("order", [LITTLE, BIG])
def test_pcapng_blocks_of_every_kind(file: Path, order: str) -> None:
    """Enhanced, obsolete and simple packet blocks give frames; blocks that are not known are stepped over."""
    content = b"".join(
        [
            build.section(order),
            build.interface(order=order),
            build.block(4, b"name", order),
            build.enhanced(b"first", 3_000_001, order=order, options=build.option(1, b"comment", order)),
            build.block(0xBAD, bytes(2_000_000), order),
            build.obsolete(b"second", 4_000_000, order=order),
            build.simple(b"third", order=order),
            build.block(5, bytes(12), order),
        ]
    )
    frames, failure = read(file, content)
    assert failure == ""
    assert [frame.data for frame in frames] == [b"first", b"second", b"third"]
    assert [frame.timestamp_ns for frame in frames] == [3_000_001_000, 4 * SECOND, 4 * SECOND]


def test_each_interface_has_its_link_type_and_each_section_its_interfaces(file: Path) -> None:
    """A new section may change the byte order and begins without interfaces."""
    content = (
        build.section(LITTLE)
        + build.interface(1)
        + build.interface(101)
        + build.enhanced(b"raw", interface=1)
        + build.enhanced(b"ethernet", interface=0)
        + build.section(BIG)
        + build.interface(113, BIG)
        + build.enhanced(b"cooked", order=BIG)
        + build.enhanced(b"nobody's", order=BIG, interface=1)
    )
    frames, failure = read(file, content)
    assert [(frame.data, frame.link_type) for frame in frames] == [(b"raw", 101), (b"ethernet", 1), (b"cooked", 113)]
    assert failure.endswith("names interface 1, which is not described")


@pytest.mark.parametrize(
    ("resolution", "ticks", "expected"),
    [
        (0, 7, 7 * SECOND),
        (3, 7, 7_000_000),
        (6, 7, 7000),
        (9, 7, 7),
        (10, 79, 7),
        (12, 7_999, 7),
        (19, 7 * 10**19 // 4, 1_750_000_000),
        (0x80, 7, 7 * SECOND),
        (0x80 | 1, 7, 3_500_000_000),
        (0x80 | 20, 3 << 19, 1_500_000_000),
        (0x80 | 63, (1 << 63) + (1 << 62), 1_500_000_000),
    ],
)
def test_time_resolutions(file: Path, resolution: int, ticks: int, expected: int) -> None:
    """if_tsresol is a negative power of ten, or of two when its first bit is set."""
    options = build.option(9, bytes([resolution])) + build.option(0, b"")
    content = build.section() + build.interface(options=options) + build.enhanced(b"x", ticks)
    assert [frame.timestamp_ns for frame in read(file, content)[0]] == [expected]


@pytest.mark.parametrize("order", [LITTLE, BIG])
@pytest.mark.parametrize("seconds", [1_700_000_000, -5])
def test_time_offset(file: Path, order: str, seconds: int) -> None:
    """if_tsoffset is added, in seconds, whichever option comes first."""
    options = build.option(14, struct.pack(order + "q", seconds), order) + build.option(9, b"\x09", order)
    content = build.section(order) + build.interface(order=order, options=options)
    frames, _ = read(file, content + build.enhanced(b"x", 9 * SECOND + 1, order=order))
    assert [frame.timestamp_ns for frame in frames] == [(seconds + 9) * SECOND + 1]


@pytest.mark.parametrize("seconds", [2**63 - 1, -(2**63)])
def test_times_out_of_range_are_held_within_it(file: Path, seconds: int) -> None:
    """No time, however hostile, overflows."""
    content = build.section() + build.interface(options=build.option(14, struct.pack("<q", seconds)))
    frames, _ = read(file, content + build.enhanced(b"x", 2**64 - 1))
    assert -(2**63) <= frames[0].timestamp_ns < 2**63
    assert (frames[0].timestamp_ns > 2**62) is (seconds > 0)


def test_a_simple_packet_is_cut_by_the_snap_length(file: Path) -> None:
    """A simple packet block tells the length on the wire alone."""
    content = build.section() + build.interface(snaplen=64) + build.simple(b"y" * 64, wire_bytes=1500)
    frames, failure = read(file, content)
    assert [(len(frame.data), frame.wire_bytes) for frame in frames] == [(64, 1500)]
    assert failure == ""


@pytest.mark.parametrize("cut", [1, 15, 16, 17, 35])
def test_a_cut_pcap_gives_what_is_before_the_cut(file: Path, cut: int) -> None:
    """99 frames, then a failure that names the byte and what is missing."""
    whole = build.pcap([(1, 2, frame) for frame in FRAMES[:99]])
    last = build.pcap_record((1, 2, b"z" * 20))
    frames, failure = read(file, whole + last[: len(last) - cut])
    assert [frame.data for frame in frames] == FRAMES[:99]
    what, missing = ("frame", cut) if cut <= 20 else ("frame header", cut - 20)
    assert failure == f"{file}: cut off: the {what} at byte {len(whole)} lacks {missing} bytes"


@pytest.mark.parametrize("cut", [1, 4, 30, 47])
def test_a_cut_pcapng_gives_what_is_before_the_cut(file: Path, cut: int) -> None:
    """The same for a block."""
    whole = build.section() + build.interface() + b"".join(build.enhanced(frame) for frame in FRAMES)
    last = build.enhanced(b"z" * 16)
    frames, failure = read(file, whole + last[: len(last) - cut])
    assert [frame.data for frame in frames] == FRAMES
    assert failure.startswith(f"{file}: cut off: the block at byte {len(whole)} lacks ")


GOOD = build.section() + build.interface() + build.enhanced(b"good")


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (build.block(6, b"", length=0), "has the length 0: too short"),
        (build.block(9, b"", length=8), "has the length 8: too short"),
        (build.block(9, b"", length=13), "has the length 13: too short for its type, or no multiple of 4"),
        (build.block(6, bytes(16)), "has the length 28: too short"),
        (build.block(3, b""), "has the length 12: too short"),
        (build.block(1, b""), "has the length 12: too short"),
        (build.block(2, bytes(16)), "has the length 28: too short"),
        (build.block(9, b"", trailer=16), r"ends with another length \(16\) than it begins with"),
        (build.block(6, b"", length=0xFFFFFFFC), "claims 4294967292 bytes, more than 1048576"),
        (build.block(9, b"", length=0xFFFFFFFC), "cut off: the block at byte 84 lacks 4294967196 bytes"),
        (build.enhanced(b"abcd", captured=5), "claims 5 bytes, more than the block has"),
        (build.enhanced(b"abcd", captured=0xFFFFFFFF), "claims 4294967295 bytes, more than the block has"),
        (build.enhanced(bytes(262145)), "claims 262145 bytes, more than 262144"),
        (build.simple(b"abcd", wire_bytes=5), "claims 5 bytes, more than the block has"),
        (build.enhanced(b"abcd", interface=1), "names interface 1, which is not described"),
        (build.interface(147) + build.enhanced(b"abcd", interface=1), "has link type 147, supported are 1"),
        (build.interface(options=build.option(9, b"\x14")), "has time resolution 0x14"),
        (build.interface(options=build.option(9, b"\xc0")), "has time resolution 0xc0"),
        (build.interface(options=struct.pack("<HH", 2, 5)), "option 2 of the interface at byte"),
        (build.interface() * 4096, "more than 4096 interfaces"),
        (build.section(major=2), "has pcapng version 2, supported is 1"),
        (build.block(0x0A0D0D0A, bytes(16)), r"has no byte order \(0x00000000\)"),
        (build.section() + build.enhanced(b"abcd"), "names interface 0, which is not described"),
        (build.section() + build.simple(b"abcd"), "names interface 0, which is not described"),
    ],
)
def test_a_broken_block_ends_the_file(file: Path, bad: bytes, text: str) -> None:
    """The frames before it are given; the failure says where and what; nothing behind it is believed."""
    frames, failure = read(file, GOOD + bad + GOOD)
    assert [frame.data for frame in frames] == [b"good"]
    with pytest.raises(AssertionError, match=text):
        raise AssertionError(failure)


def test_a_huge_frame_ends_a_pcap(file: Path) -> None:
    """A length that no capture has is a broken file, not a reason to take memory."""
    content = build.pcap([(1, 2, b"good")]) + build.pcap_record((1, 2, bytes(16)), captured=262145)
    frames, failure = read(file, content)
    assert [frame.data for frame in frames] == [b"good"]
    assert failure == f"{file}: the frame at byte 44 claims 262145 bytes, more than 262144"


def test_the_largest_frames_pass(file: Path) -> None:
    """Frames at the bound, more than the window holds at once."""
    records = [(number, 0, bytes([number]) * 262144) for number in range(12)]
    frames, failure = read(file, build.pcap(records))
    assert [frame.data for frame in frames] == [data for _, _, data in records]
    assert failure == ""


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", r"some.pcap: not a capture file \(it is empty\)"),
        (b"GET /", r"some.pcap: not a capture file \(first bytes 47 45 54 20 2f\)"),
        (bytes(range(64)), r"some.pcap: not a capture file \(first bytes 00 01 02 03 04 05 06 07\)"),
        (build.pcap_header()[:23], "not a capture file"),
        (b"\xd4\xc3\xb2\xa1\x01\x00\x04\x00" + bytes(16), "some.pcap: pcap version 1.4, supported is 2.4"),
        (build.section()[:-1], "cut off: the block at byte 0 lacks 1 bytes"),
        (build.block(0x0A0D0D0A, bytes(16)), "the section at byte 0 has no byte order"),
    ],
)
def test_what_is_not_a_capture_is_refused(file: Path, content: bytes, text: str) -> None:
    """One line that names the file and shows what is in it."""
    with pytest.raises(ValueError, match=text):
        read(file, content)


@pytest.mark.parametrize("content", [build.pcap([]), build.section(), build.section() + build.interface(147)])
def test_a_capture_without_frames_just_ends(file: Path, content: bytes) -> None:
    """Nothing captured is no fault."""
    assert read(file, content) == ([], "")


def test_a_file_that_shrinks_while_it_is_read_ends(file: Path) -> None:
    """No SIGBUS: the frames that were read stay, the rest is a cut."""
    file.write_bytes(build.pcap([(0, 0, bytes(1000))] * 5000))
    source = PcapFile(file)
    source.open()
    before = read_all(source, 32)
    os.truncate(file, 24)
    after = read_all(source, MANY)
    assert len(before) == 32
    assert len(after) < 5000 - 32
    assert source.failure().startswith(f"{file}: cut off: the frame")
    source.close()


def test_a_pipe_will_do() -> None:
    """What a decompressor writes can be read without a file between."""
    reader, writer = os.pipe()
    os.write(writer, build.pcap([(1, 2, b"abc")]))
    os.close(writer)
    source = PcapFile(f"/dev/fd/{reader}")
    source.open()
    assert [frame.data for frame in read_all(source, MANY)] == [b"abc"]
    source.close()
    os.close(reader)


def test_what_cannot_be_opened_or_read(tmp_path: Path) -> None:
    """The system's own error, with the name."""
    with pytest.raises(FileNotFoundError, match=r"missing\.pcap"):
        PcapFile(tmp_path / "missing.pcap").open()
    with pytest.raises(OSError, match=str(tmp_path)) as caught:
        PcapFile(tmp_path).open()
    assert caught.value.errno == errno.EISDIR


def test_a_source_can_be_opened_again(file: Path) -> None:
    """Every `open` starts at the first frame; a closed source has none, and closing twice is safe."""
    file.write_bytes(build.pcap([(0, 0, frame) for frame in FRAMES]))
    source = PcapFile(str(file))
    assert read_all(source, MANY) == []
    for _ in range(2):
        source.open()
        assert len(read_all(source, MANY)) == 100
        assert source.statistics() == SourceStatistics(100, 0, 0)
    source.open()
    source.close()
    source.close()
    assert read_all(source, MANY) == []
    assert source.describe() == f"pcapfile {file}"
