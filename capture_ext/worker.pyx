# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""One capture thread: frames from its source into its own tables.

    frames ─► parse ─► open ─► aim ─► count ─► flows ─► touch ─► audit ─► sample

Threads.  Each worker is run by one thread and is the only writer of its tables.  It reads the tick's number and the
audit pool, which the detector writes.  The lane holds pointers into objects that the worker keeps alive.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from capture_ext.atomics cimport peek32, read_ahead, set32
from capture_ext.audit cimport audit_batch
from capture_ext.batch cimport BATCH, FrameBatch, Packet
from capture_ext.flows cimport aim_flows, count_flows
from capture_ext.frame cimport parse_batch
from capture_ext.samples cimport sample_batch
from capture_ext.source cimport SOURCE_ENDED, FrameSource
from capture_ext.totals cimport Aim, Line, aim_batch, count_batch, touch_batch
from capture_ext.tunnel cimport open_batch

cdef enum:
    WAIT_MS = 8                  # longest wait for a batch, and so for a stop


cdef void read_batch(Lane *lane, const FrameBatch *batch, Packet *packets) noexcept nogil:
    """Fill the packets of a batch, through the encapsulations that are switched on.  No GIL."""
    parse_batch(batch, packets)
    if lane.tunnels.kinds:
        open_batch(batch, packets, &lane.tunnels)


cdef void process(
    Lane *lane, const FrameBatch *batch, const Packet *packets, uint32_t begin, uint32_t end
) noexcept nogil:
    """Count the packets `begin` to `end` of a batch.  No GIL."""
    cdef Aim aims[BATCH]
    cdef uint64_t hashes[BATCH]
    cdef uint32_t tick = peek32(lane.tick)
    cdef uint32_t count = end - begin
    cdef const Packet *first = &packets[begin]
    aim_batch(lane.tables, first, count, tick, &aims[begin])
    if lane.flows.lines is not NULL:
        aim_flows(lane.flows, lane.tables, first, &aims[begin], count, &hashes[begin])
    count_batch(lane.tables, first, &aims[begin], count)
    if lane.flows.lines is not NULL:
        count_flows(lane.flows, lane.tables, &aims[begin], &hashes[begin], count, tick)
    touch_batch(lane.tables, &aims[begin], count)
    if peek32(&lane.audits.open):
        audit_batch(lane.audits, batch, packets, aims, begin, end)
    sample_batch(lane.samples, batch, packets, aims, begin, end)


cdef inline void ask_for(const FrameBatch *batch) noexcept nogil:
    """Ask for the memory of all frames, so that the parser does not wait for one after the other."""
    cdef uint32_t i
    for i in range(batch.count):
        read_ahead(batch.frames[i].data)


cdef class Worker:
    """Runs one source; made by `Engine.add_worker`."""

    def run(self):
        """Count until stopped (""), until the source ends ("ended") or fails (its failure text).

        Blocks the calling thread without the GIL.
        """
        cdef FrameBatch batch
        cdef Packet packets[BATCH]
        cdef int count = 0
        cdef FrameSource source = self.source
        with nogil:
            while count >= 0 and not peek32(&self._stopped):
                count = source.next_batch(&batch, WAIT_MS)
                if count > 0:
                    ask_for(&batch)
                    read_batch(&self.lane, &batch, packets)
                    process(&self.lane, &batch, packets, 0, <uint32_t>count)
        if count >= 0:
            return ""
        return "ended" if count == SOURCE_ENDED else source.failure() or "failed"

    def lines(self):
        """Give the memory of the lines themselves, 64 bytes each as in totals.pxd; for debuggers and tests.

        Valid as long as the worker is.
        """
        cdef size_t size = 2 * <size_t>self.lane.tables.hosts * sizeof(Line)
        return memoryview(<uint8_t[:size]><uint8_t *>self.lane.tables.lines)

    def stop(self):
        """Make `run` return within WAIT_MS; any thread."""
        set32(&self._stopped, 1)
