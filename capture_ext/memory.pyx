# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Frames that stand in memory: for the benchmark, which plays them many times, and for tests."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from capture_ext.atomics cimport read_ahead
from capture_ext.batch cimport BATCH, Frame, FrameBatch
from capture_ext.pages cimport Pages
from capture_ext.source cimport SOURCE_ENDED, SOURCE_FAILED, FrameSource

from capture_ext.source import SourceStatistics

cdef enum:
    AHEAD = 64                   # frames whose index is asked for in advance; asking past the end does no harm

cdef struct Stored:
    int64_t timestamp_ns
    uint32_t place               # in strides
    uint32_t bytes


cdef class MemoryFrames(FrameSource):
    """Gives frames in their order, `rounds` times.

    Args:
        frames: (nanoseconds since the epoch, frame).
        link_type: pcap link type of all of them.
        stripped_tag: VLAN tag that a kernel would have taken off, TPID << 16 | TCI; 0: none.
        rounds: How often all are given.
        stride: Bytes from one frame to the next in memory, rounded up to what a frame needs.
        failure: What the source fails with after the last frame; "": it ends.
    """

    cdef Pages _index
    cdef Pages _data
    cdef uint64_t _count
    cdef uint64_t _next
    cdef uint64_t _rounds
    cdef uint64_t _first_rounds
    cdef int _ending
    cdef str _failure
    cdef uint64_t _received
    cdef uint16_t _link_type
    cdef uint32_t _stride
    cdef uint32_t _stripped_tag

    def __init__(
        self, frames, *, uint16_t link_type=1, uint32_t stripped_tag=0, uint64_t rounds=1, stride=64, str failure=""
    ):
        cdef Stored *stored
        cdef uint32_t place = 0
        cdef const uint8_t[::1] data
        cdef uint64_t i
        self._count = len(frames)
        self._rounds = self._first_rounds = rounds if self._count else 0
        self._failure = failure
        self._ending = SOURCE_FAILED if failure else SOURCE_ENDED
        self._link_type = link_type
        self._stride = stride
        self._stripped_tag = stripped_tag
        self._index = Pages(self._count * sizeof(Stored), True)
        self._data = Pages(sum([(len(frame) + stride - 1) // stride * stride for _, frame in frames]), True)
        stored = <Stored *>self._index.data
        for i, (timestamp_ns, frame) in enumerate(frames):
            data = frame
            stored[i].timestamp_ns = timestamp_ns
            stored[i].place = place
            stored[i].bytes = len(frame)
            if len(frame):
                memcpy(<uint8_t *>self._data.data + <uint64_t>place * self._stride, &data[0], len(frame))
            place += (len(frame) + stride - 1) // stride

    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil:
        """See FrameSource."""
        cdef const Stored *stored = <const Stored *>self._index.data
        cdef uint32_t i
        cdef Frame *frame
        if self._next == self._count:
            self._next = 0
            self._rounds -= self._rounds > 0
        if self._rounds == 0:
            return self._ending
        batch.count = <uint32_t>min(<uint64_t>BATCH, self._count - self._next)
        for i in range(batch.count):
            frame = &batch.frames[i]
            read_ahead(&stored[self._next + i + AHEAD])
            frame.data = <const uint8_t *>self._data.data + <uint64_t>stored[self._next + i].place * self._stride
            frame.captured = frame.wire_bytes = stored[self._next + i].bytes
            frame.timestamp_ns = stored[self._next + i].timestamp_ns
            frame.stripped_tag = self._stripped_tag
            frame.link_type = self._link_type
        self._next += batch.count
        self._received += batch.count
        return <int>batch.count

    def open(self):
        """See FrameSource; gives all frames again."""
        self._next = self._received = 0
        self._rounds = self._first_rounds

    def failure(self):
        """See FrameSource."""
        return self._failure if self._rounds == 0 else ""

    def statistics(self):
        """See FrameSource."""
        return SourceStatistics(self._received, 0, 0)

    def describe(self):
        """See FrameSource."""
        return f"memory of {self._count} frames"
