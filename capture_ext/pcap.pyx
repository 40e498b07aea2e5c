# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Walk the records of a pcap file.

Source: draft-ietf-opsawg-pcap, sections 4 and 5.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from capture_ext.frame cimport is_link_type
from capture_ext.window cimport (
    CUT_FRAME,
    CUT_HEADER,
    FRAME_BYTES,
    FRAME_TOO_LONG,
    GOT_FRAME,
    NO_CAPTURE,
    PCAP_LINK_TYPE,
    PCAP_VERSION,
    Fault,
    Window,
    advance,
    broken,
    first,
    held,
    need,
)
from capture_ext.wire cimport host16, host32

cdef enum:
    MICROSECONDS = 0xa1b2c3d4
    NANOSECONDS = 0xa1b23c4d
    HEADER_BYTES = 24
    VERSION = 2 << 16 | 4        # major, minor
    LINK_TYPE_BITS = 0x03ffffff  # the others tell about the frame check sequence
    RECORD_BYTES = 16
    SECOND_NS = 1000000000
    SHOWN_BYTES = 8


cdef inline bint is_magic(uint32_t magic) noexcept nogil:
    return magic == MICROSECONDS or magic == NANOSECONDS


cdef int read_pcap_header(Window *window, PcapHeader *pcap, Fault *fault) noexcept nogil:
    """Take the header at the window's first byte and step to the first record; return a Step, GOT_FRAME if it is right.
    """
    cdef const uint8_t *header
    cdef uint32_t version, link_type
    cdef int step = need(window, HEADER_BYTES, True, NO_CAPTURE, fault)
    if step < 0:
        return broken(fault, NO_CAPTURE, window, min(held(window), <size_t>SHOWN_BYTES))
    if step != GOT_FRAME:
        return step
    header = first(window)
    pcap.swapped = not is_magic(host32(header, False))
    if not is_magic(host32(header, pcap.swapped)):
        return broken(fault, NO_CAPTURE, window, SHOWN_BYTES)
    pcap.unit_ns = 1 if host32(header, pcap.swapped) == <uint32_t>NANOSECONDS else 1000
    version = <uint32_t>host16(header + 4, pcap.swapped) << 16 | host16(header + 6, pcap.swapped)
    if version != VERSION:
        return broken(fault, PCAP_VERSION, window, version)
    link_type = host32(header + 20, pcap.swapped) & LINK_TYPE_BITS
    if not is_link_type(link_type):
        return broken(fault, PCAP_LINK_TYPE, window, link_type)
    pcap.link_type = <uint16_t>link_type
    advance(window, HEADER_BYTES)
    return GOT_FRAME


cdef int read_record(Window *window, const PcapHeader *pcap, Frame *frame, bint may_fill, Fault *fault) noexcept nogil:
    """Fill `frame` from the next record; return a Step."""
    cdef const uint8_t *record
    cdef uint32_t captured
    cdef int step = need(window, RECORD_BYTES, may_fill, CUT_HEADER, fault)
    if step != GOT_FRAME:
        return step
    captured = host32(first(window) + 8, pcap.swapped)
    if captured > FRAME_BYTES:
        return broken(fault, FRAME_TOO_LONG, window, captured)
    step = need(window, RECORD_BYTES + captured, may_fill, CUT_FRAME, fault)
    if step != GOT_FRAME:
        return step
    record = first(window)
    frame.data = record + RECORD_BYTES
    frame.captured = captured
    frame.wire_bytes = host32(record + 12, pcap.swapped)
    frame.stripped_tag = 0
    frame.link_type = pcap.link_type
    frame.timestamp_ns = (
        <int64_t>host32(record, pcap.swapped) * SECOND_NS + <int64_t>host32(record + 4, pcap.swapped) * pcap.unit_ns
    )
    advance(window, RECORD_BYTES + captured)
    return GOT_FRAME
