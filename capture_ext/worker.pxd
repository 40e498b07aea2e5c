from libc.stdint cimport uint32_t, uint64_t

from capture_ext.audit cimport AuditPool
from capture_ext.batch cimport BATCH, FrameBatch, Packet
from capture_ext.flows cimport Flows, FlowTable
from capture_ext.samples cimport SampleRing, Samples
from capture_ext.source cimport FrameSource
from capture_ext.totals cimport Aim, Tables, Totals
from capture_ext.tunnel cimport Tunnels

cdef struct Lane:                # what one capture thread works on
    Tables *tables
    FlowTable *flows
    SampleRing *samples
    AuditPool *audits
    const uint32_t *tick
    Tunnels tunnels

cdef struct Work:                # the packets of a batch on their way from frames to counters
    Packet packets[BATCH]
    Aim aims[BATCH]
    uint64_t hashes[BATCH]       # of their flows
    uint32_t begin               # those that are under way
    uint32_t end

cdef void read_batch(Lane *lane, const FrameBatch *batch, Packet *packets) noexcept nogil
cdef void aim_work(Lane *lane, const FrameBatch *batch, Work *work) noexcept nogil
cdef void count_work(Lane *lane, Work *work) noexcept nogil

cdef class Worker:
    cdef public FrameSource source      # not while it runs
    cdef Totals totals
    cdef Flows flows
    cdef Samples samples
    cdef Lane lane
    cdef list _keeps             # what else `lane` points to
    cdef uint32_t _stopped
    cdef int _count_all(self, FrameSource source) noexcept nogil
