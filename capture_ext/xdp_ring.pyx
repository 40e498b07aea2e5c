# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""The reading end of a BPF ring buffer.

Two pages of positions, then the data, mapped twice in a row so that no record is cut.  A record is a header of 8 bytes,
its length with two flags, and what was written; positions only grow.  Frames stay where they are until the next call.
Source: Documentation/bpf/ringbuf.rst of Linux.

One thread reads.
"""

import os

from libc.errno cimport errno as c_errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from capture_ext.atomics cimport take32
from capture_ext.batch cimport BATCH, Frame, FrameBatch
from capture_ext.frame cimport LINK_ETHERNET

cdef extern from *:
    uint64_t take64 "fnm_take"(const uint64_t *place) noexcept nogil
    void give64 "fnm_give"(uint64_t *place, uint64_t value) noexcept nogil

cdef extern from "<sys/mman.h>" nogil:
    void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)
    int munmap(void *address, size_t length)
    void *MAP_FAILED
    enum:
        PROT_READ
        PROT_WRITE
        MAP_SHARED

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *result)
    enum:
        CLOCK_MONOTONIC
        CLOCK_REALTIME

cdef extern from *:
    const uint32_t BUSY "0x80000000u"        # being written
    const uint32_t DISCARDED "0x40000000u"

cdef enum:
    HEADER_BYTES = 8
    NS = 1_000_000_000


cdef int64_t clock_ns(int clock) noexcept nogil:
    cdef timespec now
    clock_gettime(clock, &now)
    return <int64_t>now.tv_sec * NS + now.tv_nsec


cdef class RecordRing:
    """The reading end.

    Args:
        fd: The map; it may be closed afterwards.
        size: Its data, a power of 2.

    Raises:
        OSError: It cannot be mapped.
    """

    def __init__(self, int fd, size_t size):
        cdef size_t page = os.sysconf("SC_PAGESIZE")
        cdef void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
        cdef void *producer
        if consumer == MAP_FAILED:
            raise OSError(c_errno, f"the ring cannot be mapped: {os.strerror(c_errno)}")
        producer = mmap(NULL, page + 2 * size, PROT_READ, MAP_SHARED, fd, page)
        if producer == MAP_FAILED:
            number = c_errno
            munmap(consumer, page)
            raise OSError(number, f"the ring cannot be mapped: {os.strerror(number)}")
        self._consumer = <uint64_t *>consumer
        self._producer = <const uint64_t *>producer
        self._data = <const uint8_t *>producer + page
        self._size = size
        self._mapped = page + 2 * size
        self._next = self._consumer[0]

    def __dealloc__(self):
        if self._consumer != NULL:
            munmap(self._consumer, self._mapped - 2 * self._size)
            munmap(<void *>self._producer, self._mapped)

    cdef Record *_record(self, bint *waits) noexcept nogil:
        """Step over the next record and give it, NULL for one that was discarded; sets `waits` if none is whole."""
        cdef const uint8_t *place = self._data + (self._next & (self._size - 1))
        cdef uint32_t header
        waits[0] = True
        if self._next >= take64(self._producer):
            return NULL
        header = take32(<const uint32_t *>place)
        if header & BUSY:
            return NULL
        waits[0] = False
        self._next += ((header & ~DISCARDED) + HEADER_BYTES + 7) & ~<uint64_t>7
        return NULL if header & DISCARDED else <Record *>(place + HEADER_BYTES)

    cdef uint32_t take(self, FrameBatch *batch) noexcept nogil:
        """Fill `batch` and `flags`; give how many.  The frames of the last batch are given back.  No GIL."""
        cdef int64_t to_epoch = 0
        cdef Record *record
        cdef Frame *frame
        cdef bint waits = False
        give64(self._consumer, self._next)
        batch.count = 0
        while batch.count < BATCH:
            record = self._record(&waits)
            if waits:
                break
            if record == NULL:
                continue
            if to_epoch == 0:
                to_epoch = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC)
            frame = &batch.frames[batch.count]
            frame.data = record.frame
            frame.captured = min(record.captured, <uint32_t>sizeof(record.frame))
            frame.wire_bytes = record.wire_bytes
            frame.stripped_tag = 0
            frame.link_type = LINK_ETHERNET
            frame.timestamp_ns = <int64_t>(record.time_ns + <uint64_t>to_epoch)
            self.flags[batch.count] = record.flags
            batch.count += 1
        return batch.count

    def records(self):
        """Give a batch of what waits, each (flags, bytes on the wire, first bytes of the frame); for tests."""
        cdef FrameBatch batch
        cdef uint32_t i
        found = []
        for i in range(self.take(&batch)):
            frame = (<const char *>batch.frames[i].data)[:batch.frames[i].captured]
            found.append((self.flags[i], batch.frames[i].wire_bytes, frame))
        return found
