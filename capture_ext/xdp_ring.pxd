from libc.stdint cimport uint8_t, uint32_t, uint64_t

from capture_ext.batch cimport BATCH, FrameBatch

cdef enum RecordFlag:                # record.flags in bpf/tables.bpf.h
    FOR_AUDIT = 1
    FOR_SAMPLE = 2
    SOURCE_MISSED = 4
    DESTINATION_MISSED = 8

cdef struct Record:                  # its beginning
    uint64_t time_ns
    uint32_t flags
    uint32_t wire_bytes
    uint32_t captured
    uint32_t unused
    uint8_t frame[256]


cdef class RecordRing:
    """The reading end of the ring through which the program gives whole frames."""
    cdef uint32_t flags[BATCH]       # of the last batch
    cdef uint64_t *_consumer
    cdef const uint64_t *_producer
    cdef const uint8_t *_data
    cdef uint64_t _next              # where the next batch begins
    cdef uint64_t _size
    cdef size_t _mapped

    cdef uint32_t take(self, FrameBatch *batch) noexcept nogil
    cdef Record *_record(self, bint *waits) noexcept nogil
