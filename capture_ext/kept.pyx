# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Kept frames as Python values; how they are kept is in kept.pxd."""

from operator import attrgetter
from typing import NamedTuple

from capture_ext.batch cimport PACKET_FRAGMENT


class KeptFrame(NamedTuple):
    """One kept frame, numbers as in its headers; fields as those of `AuditPacket`."""

    timestamp_ns: int
    family: int
    source: int
    destination: int
    source_port: int
    destination_port: int
    protocol: int
    ip_bytes: int
    tcp_flags: int
    fragment: bool
    before: bool
    link_type: int
    wire_bytes: int
    frame: bytes


cdef object kept_frame(const Kept *kept, bint before):
    return KeptFrame(
        kept.timestamp_ns,
        kept.packet.family,
        (<object>kept.packet.source[0] << 64) | kept.packet.source[1],
        (<object>kept.packet.destination[0] << 64) | kept.packet.destination[1],
        kept.packet.source_port,
        kept.packet.destination_port,
        kept.packet.protocol,
        kept.packet.ip_bytes,
        kept.packet.tcp_flags,
        bool(kept.packet.flags & PACKET_FRAGMENT),
        bool(before),
        kept.link_type,
        kept.wire_bytes,
        (<const char *>kept.frame)[:kept.bytes],
    )


cdef list by_time(list frames):
    """Sort kept frames by time."""
    return sorted(frames, key=attrgetter("timestamp_ns"))
