# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""What every source of frames gives."""

from typing import NamedTuple

from capture_ext.batch cimport FrameBatch


class SourceStatistics(NamedTuple):
    """Frames of one source since it was opened.

    Attributes:
        received: Frames given to the engine.
        dropped_ring: Frames lost because the ring was full (kernel or PF_RING figure).
        dropped_interface: Frames lost by the interface before any listener, since the source was opened.
    """

    received: int
    dropped_ring: int
    dropped_interface: int


cdef class FrameSource:
    """Base of every source; see source.pxd for the contract."""

    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil:
        """Fill `batch`; return the number of frames, 0 after `timeout_ms` without one, or a SOURCE_ value.

        No GIL.  Frames stay valid until the next call.  `timeout_ms` 0 does not wait.
        """
        return SOURCE_ENDED

    def open(self) -> None:
        """Acquire what the source needs; OSError or ValueError says what failed and what to do."""

    def close(self) -> None:
        """Release it; safe to call twice."""

    def statistics(self) -> SourceStatistics:
        """Give the counts since `open`."""
        return SourceStatistics(0, 0, 0)

    def describe(self) -> str:
        """Name the source for people: backend and interface or file."""
        return ""

    def failure(self) -> str:
        """Give the text of the last failure, "" if there was none."""
        return ""
