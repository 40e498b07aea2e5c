from libc.stdint cimport uint16_t, uint32_t, uint64_t

from capture_ext.batch cimport FrameBatch, Packet
from capture_ext.kept cimport Kept
from capture_ext.pages cimport Pages
from capture_ext.samples cimport SampleRing
from capture_ext.totals cimport Aim

cdef enum:
    AUDIT_LIMIT = 65_534         # slots of a pool

cdef enum AuditState:
    AUDIT_FREE = 0
    AUDIT_OPEN = 1               # wants frames
    AUDIT_FULL = 2               # whole, not yet fetched
    AUDIT_CLOSING = 3            # given up, waits for threads that are still writing

cdef struct AuditSlot:
    uint32_t state               # AuditState
    uint32_t line
    uint32_t outgoing
    uint32_t claimed             # frames that capture threads began to keep
    uint32_t finished            # and finished
    uint32_t expected            # of a closing slot: what `finished` must reach
    uint32_t before              # frames from before, stored behind the others
    uint64_t address[2]          # as in Packet

cdef struct AuditPool:
    uint16_t *slot_of            # by line: slot + 1, 0: no audit
    AuditSlot *slots
    Kept *frames                 # (packets + before) a slot
    uint32_t open                # slots that still want frames: looked at once a batch
    uint32_t count               # slots
    uint32_t packets             # frames after the crossing that fill an audit
    uint32_t before              # frames from before it, at the most
    uint32_t frame_bytes
    uint32_t search              # where the search for a free slot goes on
    uint32_t in_use              # slots that are not free
    uint32_t full                # slots to be fetched
    uint64_t refused             # no slot was free

cdef void audit_batch(AuditPool *pool, const FrameBatch *batch, const Packet *packets, const Aim *aims,
                      uint32_t begin, uint32_t end) noexcept nogil
cdef bint open_audit(AuditPool *pool, uint32_t line, bint outgoing, const uint64_t *address) noexcept nogil
cdef void add_before(AuditPool *pool, uint32_t line, const SampleRing *ring) noexcept nogil
cdef void close_audit(AuditPool *pool, uint32_t line) noexcept nogil
cdef uint32_t settle_audits(AuditPool *pool) noexcept nogil

cdef class Audits:
    cdef AuditPool pool
    cdef Pages _slot_of
    cdef Pages _slots
    cdef Pages _frames
    cdef tuple frames_of(self, uint32_t line)
    cdef uint32_t next_full(self)
