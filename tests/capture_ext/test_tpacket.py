"""Blocks of a TPACKET_V3 ring, laid out by hand."""

import struct
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture_ext.tpacket import frames_of_block

BLOCK_HEADER = 48
FRAME_HEADER = 48
MAC_OFFSET = 82
VLAN_VALID = 0x10
TPID_VALID = 0x40


@dataclass(frozen=True, slots=True)
class Laid:
    """One frame as the kernel lays it into a block."""

    data: bytes
    wire_bytes: int
    status: int = 1
    tci: int = 0
    tpid: int = 0
    seconds: int = 1_400_000_000
    nanoseconds: int = 5

    def packed(self, *, last: bool) -> bytes:
        """Give struct tpacket3_hdr, the gap and the bytes, padded to 8."""
        size = -(-(MAC_OFFSET + len(self.data)) // 8) * 8
        header = struct.pack(
            "=IIIIIIHHIIHH",
            0 if last else size,
            self.seconds,
            self.nanoseconds,
            len(self.data),
            self.wire_bytes,
            self.status,
            MAC_OFFSET,
            MAC_OFFSET + 14,
            0,
            self.tci,
            self.tpid,
            0,
        )
        return header.ljust(MAC_OFFSET, b"\0") + self.data.ljust(size - MAC_OFFSET, b"\0")


def block_of(*frames: Laid) -> bytes:
    """Give a block as the kernel hands it over."""
    body = b"".join(frame.packed(last=frame is frames[-1]) for frame in frames)
    header = struct.pack("=IIIIII", 1, 0, 1, len(frames), BLOCK_HEADER, BLOCK_HEADER + len(body))
    return header.ljust(BLOCK_HEADER, b"\0") + body


def spoiled(block: bytes, offset: int, value: int) -> bytes:
    """Put a 32-bit word into a block."""
    return block[:offset] + struct.pack("=I", value) + block[offset + 4 :]


TWO = block_of(Laid(b"first frame", 11), Laid(b"second", 1500))


def test_frames_come_in_order_with_both_lengths() -> None:
    """A frame gives its kept bytes, its length on the wire and its time in nanoseconds."""
    assert frames_of_block(TWO) == [
        (b"first frame", 11, 0, 1_400_000_000_000_000_005),
        (b"second", 1500, 0, 1_400_000_000_000_000_005),
    ]


def test_more_frames_than_a_batch() -> None:
    """A block is read to its end, batch after batch."""
    frames = [Laid(struct.pack("I", number), 60) for number in range(1000)]
    assert [data for data, *_ in frames_of_block(block_of(*frames))] == [frame.data for frame in frames]


@pytest.mark.parametrize(
    ("status", "tci", "tpid", "tag"),
    [
        (1, 0x0123, 0x8100, 0),
        (1 | VLAN_VALID | TPID_VALID, 0x2123, 0x88A8, 0x88A8_2123),
        (1 | VLAN_VALID, 0x0FFE, 0, 0x8100_0FFE),
        (1 | VLAN_VALID | TPID_VALID, 0, 0x8100, 0x8100_0000),
    ],
)
def test_stripped_tag(status: int, tci: int, tpid: int, tag: int) -> None:
    """The tag counts only if the kernel marks it valid; without a TPID it is 802.1Q; VLAN 0 is a tag too."""
    block = block_of(Laid(b"x", 1, status=status, tci=tci, tpid=tpid))
    assert frames_of_block(block)[0][2] == tag


def test_time_after_2038() -> None:
    """Seconds are unsigned: the time holds until 2106."""
    seconds = (1 << 32) - 1
    assert frames_of_block(block_of(Laid(b"x", 1, seconds=seconds)))[0][3] == seconds * 10**9 + 5


def test_empty_block() -> None:
    """A block without frames gives none."""
    assert frames_of_block(spoiled(TWO, 12, 0)) == []


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (12, 3),  # more frames than there are
        (16, 0),  # first frame inside the block's header
        (16, BLOCK_HEADER + 4),  # first frame not aligned
        (16, 1 << 20),  # first frame outside
        (16, 0xFFFF_FFF8),
        (20, 1 << 20),  # block longer than its memory
        (20, BLOCK_HEADER + 40),  # block shorter than a frame's header
        (BLOCK_HEADER, 0),  # no next frame, but one more announced
        (BLOCK_HEADER, 8),  # next frame inside this one's header
        (BLOCK_HEADER, 100),  # not aligned
        (BLOCK_HEADER, 1 << 20),  # outside
        (BLOCK_HEADER, 0xFFFF_FFF8),
        (BLOCK_HEADER + 12, 1 << 20),  # kept bytes beyond the block
        (BLOCK_HEADER + 12, 0xFFFF_FFFF),
        (BLOCK_HEADER + 24, 0xFFFF),  # link header beyond the block
        (BLOCK_HEADER + 24, 8),  # link header inside the frame's header
    ],
)
def test_lengths_that_lead_out_of_the_block(offset: int, value: int) -> None:
    """No offset or length is followed out of the block: it is reported as corrupt."""
    with pytest.raises(ValueError, match="corrupt block"):
        frames_of_block(spoiled(TWO, offset, value))


def test_every_truncation() -> None:
    """A block cut anywhere is reported, never read past its end."""
    for length in range(len(TWO)):
        with pytest.raises(ValueError, match="block"):
            frames_of_block(TWO[:length])


@given(st.integers(0, len(TWO) // 4 - 1), st.integers(0, 0xFFFF_FFFF))
def test_any_word(index: int, value: int) -> None:
    """Whatever one word of a block says, frames of the block come out or the error, nothing else."""
    try:
        found = frames_of_block(spoiled(TWO, index * 4, value))
    except ValueError:
        return
    assert all(len(data) <= len(TWO) for data, *_ in found)
