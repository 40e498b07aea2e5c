"""Capture files built byte by byte, right ones and wrong ones."""

import struct
from collections.abc import Iterable

LITTLE = "<"
BIG = ">"

Record = tuple[int, int, bytes]  # seconds, fraction, frame


def pcap_header(order: str = LITTLE, magic: int = 0xA1B2C3D4, link_type: int = 1) -> bytes:
    """Give the file header of a pcap."""
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type)


def pcap_record(
    record: Record, order: str = LITTLE, wire_bytes: int | None = None, captured: int | None = None
) -> bytes:
    """Give one record of a pcap; `captured` may lie."""
    seconds, fraction, frame = record
    size = len(frame)
    header = (seconds, fraction, size if captured is None else captured, size if wire_bytes is None else wire_bytes)
    return struct.pack(order + "IIII", *header) + frame


def pcap(records: Iterable[Record], order: str = LITTLE, *, nanoseconds: bool = False, link_type: int = 1) -> bytes:
    """Give a whole pcap."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    return pcap_header(order, magic, link_type) + b"".join(pcap_record(record, order) for record in records)


def padded(data: bytes) -> bytes:
    """Fill up to a multiple of 4."""
    return data + bytes(-len(data) % 4)


def block(kind: int, body: bytes, order: str = LITTLE, length: int | None = None, trailer: int | None = None) -> bytes:
    """Give a pcapng block; both lengths may lie."""
    size = len(body) + 12 if length is None else length
    end = size if trailer is None else trailer
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", end)


def section(order: str = LITTLE, major: int = 1) -> bytes:
    """Give a section header block."""
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, major, 0, -1), order)


def option(code: int, value: bytes, order: str = LITTLE) -> bytes:
    """Give one option."""
    return struct.pack(order + "HH", code, len(value)) + padded(value)


def interface(link_type: int = 1, order: str = LITTLE, snaplen: int = 0, options: bytes = b"") -> bytes:
    """Give an interface description block."""
    return block(1, struct.pack(order + "HHI", link_type, 0, snaplen) + options, order)


def enhanced(
    frame: bytes,
    ticks: int = 0,
    interface: int = 0,
    order: str = LITTLE,
    captured: int | None = None,
    wire_bytes: int | None = None,
    options: bytes = b"",
) -> bytes:
    """Give an enhanced packet block; `captured` may lie."""
    size = len(frame) if captured is None else captured
    wire = len(frame) if wire_bytes is None else wire_bytes
    fields = struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xFFFFFFFF, size, wire)
    return block(6, fields + padded(frame) + options, order)


def obsolete(frame: bytes, ticks: int = 0, interface: int = 0, order: str = LITTLE) -> bytes:
    """Give a packet block, the obsolete kind."""
    fields = (interface, 7, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(2, struct.pack(order + "HHIIII", *fields) + padded(frame), order)


def simple(frame: bytes, wire_bytes: int | None = None, order: str = LITTLE) -> bytes:
    """Give a simple packet block."""
    wire = len(frame) if wire_bytes is None else wire_bytes
    return block(3, struct.pack(order + "I", wire) + padded(frame), order)
