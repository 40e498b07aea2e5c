"""A kept frame and the packet in it: what the sample ring and the audits are made of."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from capture_ext.batch cimport Frame, Packet

cdef enum:
    FRAME_BYTES_LIMIT = 512      # most bytes kept of a frame
    LINK_ETHERNET = 1            # https://www.tcpdump.org/linktypes.html
    ADDRESSES_BYTES = 12         # both Ethernet addresses; a tag stands behind them
    TAG_BYTES = 4

cdef struct Kept:
    uint32_t state               # ring: sequence lock; audit: 1 when whole
    uint32_t incoming            # lines the packet was counted at, or NO_LINE
    uint32_t outgoing
    uint32_t wire_bytes
    int64_t timestamp_ns
    Packet packet
    uint16_t link_type
    uint16_t bytes               # used of `frame`
    uint8_t course               # Course
    uint8_t frame[FRAME_BYTES_LIMIT]


cdef inline void put16(uint8_t *place, uint32_t value) noexcept nogil:
    """Write 2 bytes in network byte order."""
    place[0] = <uint8_t>(value >> 8)
    place[1] = <uint8_t>value


cdef inline void keep_frame(Kept *kept, const Frame *frame, uint32_t limit) noexcept nogil:
    """Copy the first `limit` bytes of a frame, with the tag that the kernel took off where it was (IEEE 802.1Q, 9)."""
    cdef uint32_t tag = 0
    kept.timestamp_ns = frame.timestamp_ns
    kept.link_type = frame.link_type
    kept.wire_bytes = frame.wire_bytes
    if frame.stripped_tag == 0 or frame.link_type != LINK_ETHERNET or frame.captured < ADDRESSES_BYTES:
        kept.bytes = <uint16_t>min(frame.captured, limit)
        memcpy(kept.frame, frame.data, kept.bytes)
        return
    tag = TAG_BYTES
    memcpy(kept.frame, frame.data, ADDRESSES_BYTES)
    put16(kept.frame + ADDRESSES_BYTES, frame.stripped_tag >> 16)
    put16(kept.frame + ADDRESSES_BYTES + 2, frame.stripped_tag & 0xffff)
    kept.bytes = <uint16_t>min(frame.captured + tag, max(limit, ADDRESSES_BYTES + tag))
    memcpy(kept.frame + ADDRESSES_BYTES + tag, frame.data + ADDRESSES_BYTES, kept.bytes - ADDRESSES_BYTES - tag)
    kept.wire_bytes += tag


cdef object kept_frame(const Kept *kept, bint before)
cdef list by_time(list frames)
