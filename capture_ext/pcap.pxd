"""Frames out of the records of a pcap file."""

from libc.stdint cimport uint16_t, uint32_t

from capture_ext.batch cimport Frame
from capture_ext.window cimport Fault, Window

cdef struct PcapHeader:
    bint swapped             # the other byte order than the host's
    uint32_t unit_ns         # nanoseconds of one unit of the second timestamp field: 1000 or 1
    uint16_t link_type

cdef int read_pcap_header(Window *window, PcapHeader *pcap, Fault *fault) noexcept nogil
cdef int read_record(Window *window, const PcapHeader *pcap, Frame *frame, bint may_fill, Fault *fault) noexcept nogil
