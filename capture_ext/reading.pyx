# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Read a source from Python: for looking at frames, for tests and for measuring a source without an engine."""

import time
from typing import NamedTuple

from libc.stdint cimport int64_t, uint32_t, uint64_t

from capture_ext.batch cimport FrameBatch
from capture_ext.source cimport FrameSource

from capture_ext.source import CapturedFrame


cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int clock_gettime(int clock, timespec *result)
    enum:
        CLOCK_MONOTONIC
        CLOCK_THREAD_CPUTIME_ID

cdef enum:
    WAIT_MS = 20
    TOUCHED_BYTE = 47        # TCP flags in a plain frame: how far a parser reads


class Drained(NamedTuple):
    """What reading a source without keeping anything came to.

    Attributes:
        frames: Frames read.
        bytes: Their lengths on the wire.
        cpu_ns: CPU time of the reading thread.
        outcome: What the last next_batch gave: 0 or more, or a SOURCE_ value.
    """

    frames: int
    bytes: int
    cpu_ns: int
    outcome: int


def read_frames(FrameSource source not None, uint64_t limit, double seconds) -> list[CapturedFrame]:
    """Copy frames until there are `limit`, none has come for `seconds`, or the source ended or failed.

    A batch is never split: up to BATCH - 1 frames more than `limit` may come.
    """
    cdef FrameBatch batch
    cdef uint32_t index
    cdef int count = 1           # looks once at least
    cdef list found = []
    deadline = time.monotonic() + seconds
    while count >= 0 and <uint64_t>len(found) < limit and (count > 0 or time.monotonic() < deadline):
        with nogil:
            count = source.next_batch(&batch, WAIT_MS)
        if count > 0:
            deadline = time.monotonic() + seconds
        for index in range(count if count > 0 else 0):
            frame = &batch.frames[index]
            found.append(CapturedFrame(
                frame.data[:frame.captured], frame.timestamp_ns, frame.link_type, frame.wire_bytes, frame.stripped_tag
            ))
    return found


def drain(FrameSource source not None, uint64_t limit, double seconds) -> Drained:
    """Read and touch frames, without the GIL, until there are `limit`, `seconds` have passed, or the source ended."""
    cdef FrameBatch batch
    cdef uint32_t index
    cdef uint64_t frames = 0
    cdef uint64_t total = 0
    cdef uint32_t touched = 0
    cdef int count = 0
    cdef int64_t started, deadline
    with nogil:
        deadline = _now(CLOCK_MONOTONIC) + <int64_t>(seconds * 1e9)
        started = _now(CLOCK_THREAD_CPUTIME_ID)
        while frames < limit:
            count = source.next_batch(&batch, WAIT_MS)
            if count < 0 or count == 0 and _now(CLOCK_MONOTONIC) >= deadline:
                break
            for index in range(<uint32_t>count):
                total += batch.frames[index].wire_bytes
                if batch.frames[index].captured > TOUCHED_BYTE:
                    touched ^= batch.frames[index].data[TOUCHED_BYTE]
            frames += <uint32_t>count
        started = _now(CLOCK_THREAD_CPUTIME_ID) - started
    _sink[0] = touched
    return Drained(frames, total, started, count)


cdef uint32_t[1] _sink           # keeps the compiler from leaving out the touching


cdef inline int64_t _now(int clock) noexcept nogil:
    cdef timespec now
    clock_gettime(clock, &now)
    return <int64_t>now.tv_sec * 1_000_000_000 + now.tv_nsec
