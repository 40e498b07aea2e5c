# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""The evidence: the first frames of a host after its crossing, and some from before.

A pool of slots.  The detector opens one for a line (a host and direction) at the crossing; from then on every capture
thread keeps that line's frames in it until it is full.  Each claims a place by an atomic add, writes the frame, marks
it whole and counts it finished.  While no slot is open the loop looks at one number a batch and at nothing else.

    free ──open──► open ──all claimed──► full (told to the loop) ──close──► closing ──all finished──► free
                     └────────────────────────close─────────────────────────────┘

A slot is used again only when every claim in it is finished.  One race is left: a thread that looked up a line's slot
and was put to sleep before its claim may claim in the slot's next life.  Readers leave out a frame whose address is
not the slot's, so such a frame costs the next audit one of its places and never shows another host's traffic.

When the pool is empty no audit is opened: `refused`; the crossing itself is not held up by that.
"""

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from capture_ext.atomics cimport exchange32, fetch_add32, give32, peek16, peek32, peek64, set16, take32
from capture_ext.batch cimport FrameBatch, Packet
from capture_ext.kept cimport FRAME_BYTES_LIMIT, Kept, by_time, keep_frame, kept_frame
from capture_ext.pages cimport Pages
from capture_ext.samples cimport SAMPLE_ENTRIES, SampleRing, copy_sample
from capture_ext.totals cimport NO_LINE, Aim


cdef extern from *:
    const int64_t BEFORE_NS "10000000000LL"    # frames older than 10 s tell nothing about what began now


cdef inline Kept *frame_at(const AuditPool *pool, uint32_t slot, uint32_t place) noexcept nogil:
    return &pool.frames[<size_t>slot * (pool.packets + pool.before) + place]


cdef void keep(
    AuditPool *pool, uint32_t slot, const FrameBatch *batch, const Packet *packet, const Aim *aim, uint32_t i
) noexcept nogil:
    """Keep frame `i` in an open slot, if there is a place."""
    cdef AuditSlot *audit = &pool.slots[slot]
    cdef uint32_t place
    cdef Kept *kept
    if peek32(&audit.claimed) >= pool.packets:
        return
    place = fetch_add32(&audit.claimed, 1)
    if place >= pool.packets:
        return
    kept = frame_at(pool, slot, place)
    keep_frame(kept, &batch.frames[i], pool.frame_bytes)
    kept.packet = packet[0]
    kept.incoming = aim.incoming
    kept.outgoing = aim.outgoing
    give32(&kept.state, 1)
    fetch_add32(&audit.finished, 1)


cdef void audit_batch(
    AuditPool *pool, const FrameBatch *batch, const Packet *packets, const Aim *aims, uint32_t begin, uint32_t end
) noexcept nogil:
    """Keep the frames of the packets `begin` to `end` that an open audit wants.  No GIL."""
    cdef uint32_t i, slot
    for i in range(begin, end):
        if aims[i].incoming != NO_LINE:
            slot = peek16(&pool.slot_of[aims[i].incoming])
            if slot:
                keep(pool, slot - 1, batch, &packets[i], &aims[i], i)
        if aims[i].outgoing != NO_LINE:
            slot = peek16(&pool.slot_of[aims[i].outgoing])
            if slot:
                keep(pool, slot - 1, batch, &packets[i], &aims[i], i)


cdef uint32_t free_slot(AuditPool *pool) noexcept nogil:
    """Give a free slot, NO_LINE if there is none."""
    cdef uint32_t _tried
    if pool.in_use >= pool.count:
        return NO_LINE
    for _tried in range(pool.count):
        pool.search = pool.search + 1 if pool.search + 1 < pool.count else 0
        if pool.slots[pool.search].state == AUDIT_FREE:
            return pool.search
    return NO_LINE


cdef bint open_audit(AuditPool *pool, uint32_t line, bint outgoing, const uint64_t *address) noexcept nogil:
    """Begin to keep the frames of a line; False (counted) if no slot is free, True if it has one already."""
    cdef uint32_t slot, place
    cdef AuditSlot *audit
    if pool.slot_of[line]:
        return True
    slot = free_slot(pool)
    if slot == NO_LINE:
        pool.refused += 1
        return False
    audit = &pool.slots[slot]
    audit.state = AUDIT_OPEN
    audit.line = line
    audit.outgoing = outgoing
    audit.address[0] = address[0]
    audit.address[1] = address[1]
    audit.before = audit.finished = 0
    for place in range(pool.packets):
        frame_at(pool, slot, place).state = 0
    give32(&audit.claimed, 0)
    pool.in_use += 1
    set16(&pool.slot_of[line], <uint16_t>(slot + 1))
    give32(&pool.open, pool.open + 1)
    return True


cdef bint belongs(const AuditSlot *audit, const Kept *kept) noexcept nogil:
    """Whether a kept frame is of the slot's host, in its direction."""
    if audit.outgoing:
        return kept.packet.source[0] == audit.address[0] and kept.packet.source[1] == audit.address[1]
    return kept.packet.destination[0] == audit.address[0] and kept.packet.destination[1] == audit.address[1]


cdef uint32_t place_before(const AuditPool *pool, uint32_t slot, const Kept *sample) noexcept nogil:
    """Give the place for a frame from before: a free one, else that of the oldest if it is older; else NO_LINE."""
    cdef const AuditSlot *audit = &pool.slots[slot]
    cdef const Kept *frames
    cdef uint32_t place, oldest = 0
    if audit.before < pool.before:
        return audit.before
    if pool.before == 0:
        return NO_LINE
    frames = frame_at(pool, slot, pool.packets)
    for place in range(1, pool.before):
        if frames[place].timestamp_ns < frames[oldest].timestamp_ns:
            oldest = place
    return oldest if frames[oldest].timestamp_ns < sample.timestamp_ns else NO_LINE


cdef void add_before(AuditPool *pool, uint32_t line, const SampleRing *ring) noexcept nogil:
    """Take the latest frames of a line out of a sample ring into its audit, if they are not from long ago."""
    cdef uint32_t slot = pool.slot_of[line]
    cdef uint64_t written = peek64(&ring.written)
    cdef uint64_t back
    cdef int64_t oldest = 0
    cdef uint32_t place
    cdef const Kept *entry
    cdef Kept sample
    if slot == 0:
        return
    slot -= 1
    if written and copy_sample(ring, written - 1, &sample):
        oldest = sample.timestamp_ns - BEFORE_NS
    for back in range(1, min(written, <uint64_t>SAMPLE_ENTRIES) + 1):
        entry = &ring.entries[(written - back) % SAMPLE_ENTRIES]
        if peek32(&entry.incoming) != line and peek32(&entry.outgoing) != line:
            continue
        if not copy_sample(ring, written - back, &sample) or not belongs(&pool.slots[slot], &sample):
            continue
        place = place_before(pool, slot, &sample)
        if place == NO_LINE or sample.timestamp_ns < oldest:
            return
        frame_at(pool, slot, pool.packets + place)[0] = sample
        pool.slots[slot].before = max(pool.slots[slot].before, place + 1)


cdef void close_audit(AuditPool *pool, uint32_t line) noexcept nogil:
    """End the audit of a line, if there is one."""
    cdef uint32_t slot = pool.slot_of[line]
    cdef AuditSlot *audit
    if slot == 0:
        return
    audit = &pool.slots[slot - 1]
    set16(&pool.slot_of[line], 0)
    if audit.state == AUDIT_OPEN:
        give32(&pool.open, pool.open - 1)
    else:
        pool.full -= 1
    audit.expected = min(exchange32(&audit.claimed, pool.packets), pool.packets)
    audit.state = AUDIT_CLOSING
    settle_slot(pool, audit)


cdef void settle_slot(AuditPool *pool, AuditSlot *audit) noexcept nogil:
    """Take a slot on if its frames are whole."""
    cdef uint32_t finished = take32(&audit.finished)
    if audit.state == AUDIT_OPEN and finished >= pool.packets:
        audit.state = AUDIT_FULL
        pool.full += 1
        give32(&pool.open, pool.open - 1)
    elif audit.state == AUDIT_CLOSING and finished >= audit.expected:
        audit.state = AUDIT_FREE
        pool.in_use -= 1


cdef uint32_t settle_audits(AuditPool *pool) noexcept nogil:
    """Find the audits that became full; give how many wait to be fetched.  The detector's, once a tick."""
    cdef uint32_t slot
    if pool.in_use:
        for slot in range(pool.count):
            settle_slot(pool, &pool.slots[slot])
    return pool.full


cdef class Audits:
    """The pool of audits.  The detector opens and closes; capture threads fill.

    Args:
        lines: How many lines there are.
        slots: Audits at once.
        packets: Frames after the crossing that fill one.
        before: Frames from before it, at the most.
        frame_bytes: Bytes kept of a frame.

    Raises:
        ValueError: If a number is out of range.
    """

    def __init__(self, lines, slots, packets, before, frame_bytes):
        if not (0 <= slots <= AUDIT_LIMIT and 1 <= packets <= 10_000 and 0 <= before <= SAMPLE_ENTRIES):
            raise ValueError(f"{slots} audits of {packets} packets and {before} before: out of range")
        if not 16 <= frame_bytes <= FRAME_BYTES_LIMIT:
            raise ValueError(f"{frame_bytes} bytes of a frame: 16 to {FRAME_BYTES_LIMIT} can be kept")
        self._slot_of = Pages(lines * sizeof(uint16_t))
        self._slots = Pages(slots * sizeof(AuditSlot))
        self._frames = Pages(slots * (packets + before) * sizeof(Kept))
        self.pool.slot_of = <uint16_t *>self._slot_of.data
        self.pool.slots = <AuditSlot *>self._slots.data
        self.pool.frames = <Kept *>self._frames.data
        self.pool.count = slots
        self.pool.packets = packets
        self.pool.before = before
        self.pool.frame_bytes = frame_bytes

    cdef tuple frames_of(self, uint32_t line):
        """Give the frames kept for a line, by time, and whether its audit is full.  Only who may close it asks."""
        cdef uint32_t slot = self.pool.slot_of[line]
        cdef const AuditSlot *audit
        cdef const Kept *kept
        cdef uint32_t place
        before, after = [], []
        if slot == 0:
            return [], False
        audit = &self.pool.slots[slot - 1]
        for place in range(audit.before):
            before.append(kept_frame(frame_at(&self.pool, slot - 1, self.pool.packets + place), True))
        for place in range(min(peek32(&audit.claimed), self.pool.packets)):
            kept = frame_at(&self.pool, slot - 1, place)
            if take32(&kept.state) and belongs(audit, kept):
                after.append(kept_frame(kept, False))
        return by_time(before) + by_time(after), audit.state == AUDIT_FULL

    cdef uint32_t next_full(self):
        """Give the line of an audit that is full, NO_LINE if there is none.  Its frames stay until it is closed."""
        cdef uint32_t slot
        for slot in range(self.pool.count if self.pool.full else 0):
            if self.pool.slots[slot].state == AUDIT_FULL:
                return self.pool.slots[slot].line
        return NO_LINE

    def counts(self):
        """Give how many audits are in use and how many were refused."""
        return self.pool.in_use, self.pool.refused
