# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""One capture thread: frames from its source into its own tables.

    frames ─► parse ─► open ─► aim ─► audit ─► sample        ─► count ─► flows ─► touch
              └────── while the frame is there ──────┘  lines └── one batch later ──┘
                                                        asked for

The second half runs after the next batch has come: its lines have had the time to arrive, and so have the next frames,
which were asked for before it.  Nothing waits for that longer than the source has frames at hand.

Threads.  Each worker is run by one thread and is the only writer of its tables.  It reads the tick's number and the
audit pool, which the detector writes.  The lane holds pointers into objects that the worker keeps alive.
"""

from libc.stdint cimport uint8_t, uint32_t

from capture_ext.atomics cimport peek32, read_ahead, set32
from capture_ext.audit cimport audit_batch
from capture_ext.batch cimport FrameBatch, Packet
from capture_ext.flows cimport aim_flows, count_flows
from capture_ext.frame cimport parse_batch
from capture_ext.samples cimport sample_batch
from capture_ext.source cimport SOURCE_ENDED, FrameSource
from capture_ext.totals cimport Line, aim_batch, count_batch, touch_batch
from capture_ext.tunnel cimport open_batch

cdef enum:
    WAIT_MS = 8                  # longest wait for a batch, and so for a stop


cdef void read_batch(Lane *lane, const FrameBatch *batch, Packet *packets) noexcept nogil:
    """Fill the packets of a batch, through the encapsulations that are switched on.  No GIL."""
    parse_batch(batch, packets)
    if lane.tunnels.kinds:
        open_batch(batch, packets, &lane.tunnels)


cdef void aim_work(Lane *lane, const FrameBatch *batch, Work *work) noexcept nogil:
    """Find where the packets under way count and ask for it; keep what is wanted of their frames.  No GIL."""
    cdef uint32_t begin = work.begin
    cdef uint32_t count = work.end - begin
    aim_batch(lane.tables, &work.packets[begin], count, peek32(lane.tick), &work.aims[begin])
    if lane.flows.lines is not NULL:
        aim_flows(lane.flows, lane.tables, &work.packets[begin], &work.aims[begin], count, &work.hashes[begin])
    if peek32(&lane.audits.open):
        audit_batch(lane.audits, batch, work.packets, work.aims, begin, work.end)
    sample_batch(lane.samples, batch, work.packets, work.aims, begin, work.end)


cdef void count_work(Lane *lane, Work *work) noexcept nogil:
    """Count the packets under way, before anything else is aimed; then there are none.  No GIL."""
    cdef uint32_t begin = work.begin
    cdef uint32_t count = work.end - begin
    work.begin = work.end
    count_batch(lane.tables, &work.packets[begin], &work.aims[begin], count)
    if lane.flows.lines is not NULL:
        count_flows(lane.flows, lane.tables, &work.aims[begin], &work.hashes[begin], count, peek32(lane.tick))
    touch_batch(lane.tables, &work.aims[begin], count)


cdef inline void ask_for(const FrameBatch *batch, int count) noexcept nogil:
    """Ask for the memory of all frames, so that the parser does not wait for one after the other."""
    cdef int i
    for i in range(count):
        read_ahead(batch.frames[i].data)


cdef class Worker:
    """Runs one source; made by `Engine.add_worker`."""

    def run(self):
        """Count until stopped (""), until the source ends ("ended") or fails (its failure text).

        Blocks the calling thread without the GIL.
        """
        cdef int ending
        cdef FrameSource source = self.source
        with nogil:
            ending = self._count_all(source)
        if ending >= 0:
            return ""
        return "ended" if ending == SOURCE_ENDED else source.failure() or "failed"

    cdef int _count_all(self, FrameSource source) noexcept nogil:
        """Count until stopped or until there is no more; give what the source said last."""
        cdef FrameBatch batch
        cdef Work work
        cdef int count = 0
        work.begin = work.end = 0
        while count >= 0 and not peek32(&self._stopped):
            count = source.next_batch(&batch, 0 if work.end > work.begin else WAIT_MS)
            ask_for(&batch, count)
            if work.end > work.begin:
                count_work(&self.lane, &work)
            if count > 0:
                read_batch(&self.lane, &batch, work.packets)
                work.begin = 0
                work.end = <uint32_t>count
                aim_work(&self.lane, &batch, &work)
        if work.end > work.begin:
            count_work(&self.lane, &work)
        return count

    def lines(self):
        """Give the memory of the lines themselves, 64 bytes each as in totals.pxd; for debuggers and tests.

        Valid as long as the worker is.
        """
        cdef size_t size = 2 * <size_t>self.lane.tables.hosts * sizeof(Line)
        return memoryview(<uint8_t[:size]><uint8_t *>self.lane.tables.lines)

    def stop(self):
        """Make `run` return within WAIT_MS; any thread."""
        set32(&self._stopped, 1)
