# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""What every source of frames gives."""

from typing import NamedTuple

from capture_ext.batch cimport Frame, FrameBatch


class SourceStatistics(NamedTuple):
    """Frames of one source since it was opened.

    Attributes:
        received: Frames given to the engine.
        dropped_ring: Frames lost because the ring was full (kernel or PF_RING figure).
        dropped_interface: Frames lost by the interface before any listener, since the source was opened.
        dropped_kernel: Frames the kernel counts as dropped at the interface since then: it had no room for them on
            their way to any listener; or they were given to us, and no protocol of this machine had a use for them.
    """

    received: int
    dropped_ring: int
    dropped_interface: int
    dropped_kernel: int = 0


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

    def warnings(self) -> tuple[str, ...]:
        """Say what is wrong although it runs, a line each."""
        return ()

    def failure(self) -> str:
        """Give the text of the last failure, "" if there was none."""
        return ""


class CapturedFrame(NamedTuple):
    """One frame as a source gave it.

    Attributes:
        data: The captured bytes, link header included.
        timestamp_ns: Nanoseconds since the epoch.
        link_type: pcap link type.
        wire_bytes: Length on the wire.
        stripped_tag: VLAN tag taken off by the kernel: TPID << 16 | TCI; 0: none.
    """

    data: bytes
    timestamp_ns: int
    link_type: int
    wire_bytes: int
    stripped_tag: int


cdef object captured_frame(const Frame *frame):
    data = (<const char *>frame.data)[:frame.captured]
    return CapturedFrame(data, frame.timestamp_ns, frame.link_type, frame.wire_bytes, frame.stripped_tag)


def read_all(source: FrameSource, limit: int) -> list[CapturedFrame]:
    """Copy the frames of an open source, until it ends, fails, has none at hand, or `limit` are read.

    Whole batches are taken from the source; what is above `limit` is lost.
    """
    cdef FrameSource frames = source
    cdef FrameBatch batch
    cdef int count, i
    result = []
    while len(result) < limit:
        with nogil:
            count = frames.next_batch(&batch, 0)
        if count <= 0:
            break
        for i in range(count):
            result.append(captured_frame(&batch.frames[i]))
    return result[:limit]
