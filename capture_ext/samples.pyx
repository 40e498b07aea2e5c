# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""The last frames from before a crossing: one frame in 64, always on.

When a host crosses its threshold it is too late to keep what came before.  So each capture thread keeps one frame in
SAMPLE_EVERY in a ring of its own; at the crossing the detector picks the victim's out of it.  Which one of its batch it
is changes from time to time, so that traffic with a rhythm does not hide from it.

The thread is the only writer; each entry has a sequence lock, odd while it is written.  A reader that meets one being
written, or rewritten meanwhile, leaves it out.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from capture_ext.atomics cimport ACQUIRE, RELEASE, fence, give32, peek32, set32, set64, take32
from capture_ext.batch cimport FrameBatch, Packet
from capture_ext.kept cimport FRAME_BYTES_LIMIT, Kept, keep_frame
from capture_ext.pages cimport Pages
from capture_ext.totals cimport Aim


cdef enum:
    STRIDE = 13                  # prime to every power of 2


cdef void sample_batch(
    SampleRing *ring, const FrameBatch *batch, const Packet *packets, const Aim *aims, uint32_t begin, uint32_t end
) noexcept nogil:
    """Keep a frame of the packets `begin` to `end` of a batch when it is time for one.  No GIL."""
    cdef Kept *kept
    cdef uint32_t i
    ring.countdown -= <int32_t>(end - begin)
    if ring.countdown > 0 or begin == end:
        return
    ring.countdown += SAMPLE_EVERY
    i = begin + <uint32_t>(ring.written * STRIDE % (end - begin))
    if not aims[i].parsed:
        return
    kept = &ring.entries[ring.written % SAMPLE_ENTRIES]
    set32(&kept.state, kept.state + 1)
    fence(RELEASE)
    keep_frame(kept, &batch.frames[i], ring.frame_bytes)
    kept.packet = packets[i]
    set32(&kept.incoming, aims[i].incoming)
    set32(&kept.outgoing, aims[i].outgoing)
    kept.course = aims[i].course
    give32(&kept.state, kept.state + 1)
    set64(&ring.written, ring.written + 1)


cdef bint copy_sample(const SampleRing *ring, uint64_t number, Kept *kept) noexcept nogil:
    """Copy a sample by its running number; False if it is being written."""
    cdef const Kept *entry = &ring.entries[number % SAMPLE_ENTRIES]
    cdef uint32_t before = take32(&entry.state)
    if before & 1 or before == 0:
        return False
    memcpy(kept, entry, sizeof(Kept))
    fence(ACQUIRE)
    return peek32(&entry.state) == before


cdef class Samples:
    """The sample ring of one capture thread; `frame_bytes` are kept of each frame.

    Raises:
        ValueError: If `frame_bytes` is out of range.
    """

    def __init__(self, frame_bytes):
        if not 16 <= frame_bytes <= FRAME_BYTES_LIMIT:
            raise ValueError(f"{frame_bytes} bytes of a frame: 16 to {FRAME_BYTES_LIMIT} can be kept")
        self.ring.frame_bytes = frame_bytes
        self.ring.countdown = SAMPLE_EVERY
        self._entries = Pages(SAMPLE_ENTRIES * sizeof(Kept))
        self.ring.entries = <Kept *>self._entries.data
