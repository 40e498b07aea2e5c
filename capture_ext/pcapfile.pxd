from libc.stdint cimport uint16_t, uint32_t, uint64_t

from capture_ext.batch cimport Frame, FrameBatch
from capture_ext.pcapng cimport Section
from capture_ext.source cimport FrameSource
from capture_ext.window cimport Fault, Window

cdef struct PcapHeader:
    bint swapped             # the other byte order than the host's
    uint32_t unit_ns         # nanoseconds of one unit of the second timestamp field: 1000 or 1
    uint16_t link_type


cdef class PcapFile(FrameSource):
    cdef object path
    cdef Window window
    cdef Fault fault
    cdef PcapHeader pcap
    cdef Section section
    cdef bint is_pcapng
    cdef int ending              # 0 while frames may come, else SOURCE_ENDED or SOURCE_FAILED
    cdef FrameBatch ahead        # read by `open`, given by the first `next_batch`
    cdef uint64_t received
    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil
    cdef int read_batch(self, FrameBatch *batch) noexcept nogil
    cdef int read_frame(self, Frame *frame, bint may_fill) noexcept nogil
