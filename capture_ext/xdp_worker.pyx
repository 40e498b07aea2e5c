# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""The engine's own thread for `source: xdp`.  The program counts; this thread does what the program cannot.

    ring ─► parse ─► aim ─► count what the program could not (an IPv6 host's first packets) ─► audit ─► sample

Every 8 ms it tells the program which lines an audit wants frames of, the number of the tick, and takes what was not
counted at any host into `ipv6_refused`.

When it is stopped it detaches the program first and then reads the ring to its end: all that was counted is counted
whole.
"""

from collections import Counter

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from capture_ext.atomics cimport fetch_add64, grow32, grow64, peek16, peek32, peek64, set16, set32
from capture_ext.audit cimport AUDIT_OPEN, AuditPool, audit_batch
from capture_ext.batch cimport BATCH, PACKET_FRAGMENT, PACKET_SYN, FrameBatch, Packet
from capture_ext.engine cimport Engine
from capture_ext.flows cimport Flows
from capture_ext.frame cimport parse_batch
from capture_ext.samples cimport Samples, sample_batch
from capture_ext.totals cimport (
    COUNT_SYN,
    COURSES,
    KIND_FRAGMENT,
    NO_LINE,
    Aim,
    Line,
    Tables,
    Totals,
    aim_batch,
    touch_batch,
)
from capture_ext.worker cimport Worker
from capture_ext.xdp cimport Xdp
from capture_ext.xdp_places cimport enter_host, sweep_places, tell_place
from capture_ext.xdp_ring cimport DESTINATION_MISSED, FOR_SAMPLE, SOURCE_MISSED
from capture_ext.xdp_tables cimport KernelTables, SliceTotals

from capture_ext.frame import REASONS as _REASONS
from capture_ext.xdp_options import ACTIONS as _ACTIONS
from capture_ext.xdp_places import Places as _Places
from capture_ext.xdp_tables import KernelTables as _KernelTables
from capture_ext.xdp_tables import SliceTotals as _SliceTotals

cdef enum:
    WAIT_MS = 8


cdef void add_one(Line *line, const Packet *packet) noexcept nogil:
    """Count one packet at one line."""
    grow64(&line.bytes[packet.protocol_class], packet.ip_bytes)
    grow32(&line.packets[packet.protocol_class], 1)
    if packet.flags & PACKET_SYN:
        grow32(&line.packets[COUNT_SYN], 1)
    if packet.flags & PACKET_FRAGMENT:
        grow64(&line.bytes[KIND_FRAGMENT], packet.ip_bytes)
        grow32(&line.packets[KIND_FRAGMENT], 1)


cdef class XdpWorker(Worker):
    """Runs one `Xdp`; made by `add_xdp`."""

    def run(self):
        """See Worker."""
        cdef FrameBatch batch
        cdef Packet packets[BATCH]
        cdef int count = 0
        if self.kernel is None:
            return self.xdp.failure()
        with nogil:
            while count >= 0 and not peek32(&self._stopped):
                self.attend()
                count = self.xdp.next_batch(&batch, WAIT_MS)
                if count > 0:
                    parse_batch(&batch, packets)
                    self.handle(&batch, packets)
        self.xdp.detach()
        with nogil:
            self._drain()
        return "" if count >= 0 else self.xdp.failure() or "failed"

    def drain(self):
        """Do all there is to do at this moment; for tests, while `run` does not."""
        self.attend()
        self._drain()

    def tables(self):
        """Give the tables in the kernel; for tests."""
        return self.kernel

    def counted(self):
        """Give (packets, bytes) of each course, the frames, and the unparsed ones by reason, of this source alone."""
        courses, frames, unparsed = [(0, 0)] * COURSES, 0, Counter()
        for number in range(self.kernel.slices if self.kernel is not None else 0):
            totals = _SliceTotals(self.kernel, number)
            courses = [(a + c, b + d) for (a, b), (c, d) in zip(courses, totals.courses())]
            count, reasons = totals.frames()
            frames += count
            unparsed.update({_REASONS[reason]: found for reason, found in reasons.items()})
        return tuple(courses), frames, dict(unparsed)

    cdef void _drain(self) noexcept nogil:
        """Read the ring to its end."""
        cdef FrameBatch batch
        cdef Packet packets[BATCH]
        while self.xdp.ring.take(&batch):
            parse_batch(&batch, packets)
            self.handle(&batch, packets)
        self.attend()

    cdef void handle(self, const FrameBatch *batch, const Packet *packets) noexcept nogil:
        """Take over a batch of the ring, whose flags are those of the ring."""
        cdef Aim aims[BATCH]
        cdef Aim counted[BATCH]
        cdef Tables *tables = self.lane.tables
        cdef uint32_t tick = peek32(self.lane.tick)
        cdef uint32_t flags, i
        for i in range(batch.count):
            if packets[i].family == 6 and self.xdp.ring.flags[i] & SOURCE_MISSED:
                enter_host(&self.places.book, packets[i].source, tick)
            if packets[i].family == 6 and self.xdp.ring.flags[i] & DESTINATION_MISSED:
                enter_host(&self.places.book, packets[i].destination, tick)
        aim_batch(tables, packets, batch.count, tick, aims)
        for i in range(batch.count):
            flags = self.xdp.ring.flags[i]
            counted[i].incoming = aims[i].incoming if flags & DESTINATION_MISSED else NO_LINE
            counted[i].outgoing = aims[i].outgoing if flags & SOURCE_MISSED else NO_LINE
            if counted[i].incoming != NO_LINE:
                add_one(&tables.lines[aims[i].incoming], &packets[i])
                tell_place(&self.places.book, packets[i].destination, aims[i].incoming - tables.first_ipv6)
            if counted[i].outgoing != NO_LINE:
                add_one(&tables.lines[aims[i].outgoing], &packets[i])
                tell_place(
                    &self.places.book, packets[i].source, aims[i].outgoing - tables.hosts - tables.first_ipv6
                )
        touch_batch(tables, counted, batch.count)
        if peek32(&self.lane.audits.open):
            audit_batch(self.lane.audits, batch, packets, aims, 0, batch.count)
        for i in range(batch.count):
            if self.xdp.ring.flags[i] & FOR_SAMPLE:
                self.lane.samples.countdown = 0
                sample_batch(self.lane.samples, batch, packets, aims, i, i + 1)

    cdef void attend(self) noexcept nogil:
        """Exchange news with the program."""
        cdef uint64_t unplaced = 0
        cdef uint32_t number
        set32(&self.kernel.control.tick, peek32(self.lane.tick))
        set32(&self.kernel.control.round, self.kernel.control.round + 1)
        for number in range(self.kernel.slices):
            unplaced += peek64(&self.kernel.slice_at(number).unplaced)
        fetch_add64(&self.lane.tables.directory.refused, unplaced - self._unplaced)
        self._unplaced = unplaced
        sweep_places(&self.places.book)
        if peek32(&self.lane.audits.open):
            self._ask()

    cdef void _ask(self) noexcept nogil:
        """Ask for frames of the lines whose audits want some.

        An audit that ends is not taken back: at most as many frames as it wanted still come, and find nobody.
        """
        cdef const AuditPool *pool = self.lane.audits
        cdef uint32_t slot, line, claimed
        for slot in range(pool.count):
            line = pool.slots[slot].line
            if pool.slots[slot].state != AUDIT_OPEN or peek16(&pool.slot_of[line]) != slot + 1:
                continue
            claimed = peek32(&pool.slots[slot].claimed)
            if claimed < pool.packets:
                set16(&self.kernel.wanted[line], <uint16_t>(pool.packets - claimed))


def add_xdp(Engine engine, Xdp source, bint count_internal):
    """Load the program for a source and give the worker for it; all before the clock runs.

    A program that cannot be loaded is no error here: `open` of the source says why.

    Raises:
        ValueError: If there are more CPUs than the engine has places for capture threads.
    """
    cdef XdpWorker worker = XdpWorker.__new__(XdpWorker)
    cdef KernelTables kernel
    cdef uint32_t number
    worker.source = worker.xdp = source
    worker.totals = Totals(engine.prefixes, engine.hosts6, count_internal)
    worker.flows = Flows(0, 1, bytes(24))
    worker.samples = Samples(engine._frame_bytes)
    engine.enter(worker, &worker.totals.tables)
    try:
        kernel = _KernelTables(worker.totals, _ACTIONS[source.options.role], source.options.snaplen)
        source.prepare(kernel)
    except OSError as error:
        source.refuse(error)
        return worker
    worker.kernel = kernel
    worker.places = _Places()
    worker.places.set_up(kernel, &worker.totals.tables)
    for number in range(kernel.slices):
        add_slice(engine, kernel, number)
    return worker


cdef object add_slice(Engine engine, KernelTables kernel, uint32_t number):
    """Make one slice known to the detector, as the tables of a thread that never runs."""
    cdef Worker worker = Worker.__new__(Worker)
    cdef SliceTotals totals = _SliceTotals(kernel, number)
    worker.totals = totals
    worker.flows = Flows(0, 1, bytes(24))
    worker.samples = Samples(engine._frame_bytes)
    engine.enter(worker, totals.mapped)
