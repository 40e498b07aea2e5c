from libc.stdint cimport uint32_t, uint64_t

from capture_ext.batch cimport Packet
from capture_ext.mixing cimport SEEDS
from capture_ext.pages cimport Pages
from capture_ext.totals cimport Aim, Tables

cdef enum:
    FLOW_WAYS = 8                # entries of a cache line

cdef struct FlowLine:
    uint32_t tags[FLOW_WAYS]     # part of the flow's hash
    uint32_t ticks[FLOW_WAYS]    # tick in which the flow was counted last

cdef struct FlowTable:
    FlowLine *lines              # NULL: flows are not counted
    uint32_t count
    uint32_t window_ticks
    uint64_t seed[SEEDS]
    uint64_t missed              # packets whose flow found no room

cdef void aim_flows(FlowTable *table, const Tables *tables, const Packet *packets, const Aim *aims, uint32_t count,
                    uint64_t *hashes) noexcept nogil
cdef void count_flows(FlowTable *table, Tables *tables, const Aim *aims, const uint64_t *hashes, uint32_t count,
                      uint32_t tick) noexcept nogil

cdef class Flows:
    cdef FlowTable table
    cdef Pages _lines
