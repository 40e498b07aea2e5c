from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from capture_ext.batch cimport FrameBatch, Packet
from capture_ext.kept cimport Kept
from capture_ext.pages cimport Pages
from capture_ext.totals cimport Aim

cdef enum:
    SAMPLE_ENTRIES = 1024        # frames remembered by each thread
    SAMPLE_EVERY = 64            # one frame in so many

cdef struct SampleRing:
    Kept *entries
    uint64_t written             # samples taken so far; the next goes to written % SAMPLE_ENTRIES
    int32_t countdown            # frames until the next one
    uint32_t frame_bytes

cdef void sample_batch(SampleRing *ring, const FrameBatch *batch, const Packet *packets, const Aim *aims,
                       uint32_t begin, uint32_t end) noexcept nogil
cdef bint copy_sample(const SampleRing *ring, uint64_t number, Kept *kept) noexcept nogil

cdef class Samples:
    cdef SampleRing ring
    cdef Pages _entries
