from libc.stdint cimport uint32_t

from capture_ext.audit cimport AuditPool
from capture_ext.batch cimport FrameBatch, Packet
from capture_ext.flows cimport Flows, FlowTable
from capture_ext.samples cimport SampleRing, Samples
from capture_ext.source cimport FrameSource
from capture_ext.totals cimport Tables, Totals
from capture_ext.tunnel cimport Tunnels

cdef struct Lane:                # what one capture thread works on
    Tables *tables
    FlowTable *flows
    SampleRing *samples
    AuditPool *audits
    const uint32_t *tick
    Tunnels tunnels

cdef void read_batch(Lane *lane, const FrameBatch *batch, Packet *packets) noexcept nogil
cdef void process(Lane *lane, const FrameBatch *batch, const Packet *packets, uint32_t begin,
                  uint32_t end) noexcept nogil

cdef class Worker:
    cdef public FrameSource source      # not while it runs
    cdef Totals totals
    cdef Flows flows
    cdef Samples samples
    cdef Lane lane
    cdef list _keeps             # what else `lane` points to
    cdef uint32_t _stopped
