"""A slow and obvious reading of a BPF ring buffer of frames, with nothing in common with the fast one."""

import struct

__all__ = ["BUSY", "DISCARDED", "Record", "read", "written"]

BUSY = 0x80000000
DISCARDED = 0x40000000
BATCH = 32
FRAME_BYTES = 256
HEADER = struct.Struct("=II")
RECORD = struct.Struct(f"=QIIII{FRAME_BYTES}s")

Record = tuple[int, int, bytes]
"""Flags, bytes on the wire, the first bytes of the frame."""


def read(data: bytes, consumer: int, producer: int) -> list[Record]:
    """Give the records of one batch; `data` is the ring, whose end goes on at its beginning."""
    ring = data + data
    found: list[Record] = []
    while consumer < producer and len(found) < BATCH:
        place = consumer % len(data)
        length, _ = HEADER.unpack_from(ring, place)
        if length & BUSY:
            break
        consumer += (length % DISCARDED + HEADER.size + 7) // 8 * 8
        if not length & DISCARDED:
            _, flags, wire_bytes, captured, _, frame = RECORD.unpack_from(ring, place + HEADER.size)
            found.append((flags, wire_bytes, frame[:captured]))
    return found


def written(flags: int, frame: bytes, mark: int = 0) -> bytes:
    """Give a record as the kernel writes it; `mark`: BUSY or DISCARDED."""
    record = RECORD.pack(1, flags, len(frame), min(len(frame), FRAME_BYTES), 0, frame[:FRAME_BYTES])
    return HEADER.pack(len(record) | mark, 0) + record
