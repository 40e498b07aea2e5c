from capture_ext.batch cimport FrameBatch


cdef class FrameSource:
    """One queue of frames.  `open` and `close` with the GIL, `next_batch` without; one thread at a time.

    Python methods every source has: `open()`, `close()` (safe twice), `statistics() -> SourceStatistics`,
    `describe() -> str` (e.g. `af_packet eth3`), `failure() -> str` (text of the last SOURCE_FAILED, else "").
    """
    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil


cdef enum:
    SOURCE_ENDED = -1    # no frame will come any more (end of a file)
    SOURCE_FAILED = -2   # the reason is in failure(); the caller closes, waits and opens again
