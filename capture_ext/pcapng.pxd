"""Frames out of pcapng blocks."""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from capture_ext.batch cimport Frame
from capture_ext.window cimport Fault, Window

cdef enum:
    INTERFACES = 4096            # described in one section, more are a fault

cdef struct Interface:
    uint64_t multiplier          # nanoseconds = ticks * multiplier / divisor + offset_ns
    uint64_t divisor
    int64_t offset_ns
    uint32_t snaplen             # 0: none
    uint16_t link_type
    bint is_read                 # whether the parser reads that link type

cdef struct Section:
    bint swapped                 # the other byte order than the host's
    uint32_t interface_count
    Interface *interfaces        # INTERFACES; belongs to the source
    int64_t last_ns              # time of the last frame, which a simple packet block has to borrow
    uint64_t skip_begin          # of the block longer than the window that is stepped over
    uint64_t skip_end            # 0: there is none

cdef int next_frame(Window *window, Section *section, Frame *frame, bint may_fill, Fault *fault) noexcept nogil
