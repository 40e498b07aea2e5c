# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Frames from a pcap or pcapng file.

The file is read through a window of our own memory (window.pxd), so that one that is cut while it is read ends, and
does not kill the process.  A broken file gives the frames before the break, then SOURCE_FAILED; `failure()` says at
which byte and what is wrong.  A file that is broken before its first frame, or whose first frame has a link type we
do not read, is refused by `open`.

Frames without a time (simple packet blocks of pcapng) get that of the frame before.

Source: draft-ietf-opsawg-pcap, sections 4 and 5; pcapng.pyx for the other.
"""

import os

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from posix.unistd cimport close as close_descriptor

from capture_ext.batch cimport BATCH, Frame, FrameBatch
from capture_ext.frame cimport is_link_type
from capture_ext.pcapng cimport INTERFACES, Interface, next_frame
from capture_ext.source cimport SOURCE_ENDED, SOURCE_FAILED
from capture_ext.window cimport (
    CUT_FRAME,
    CUT_HEADER,
    FRAME_BYTES,
    FRAME_TOO_LONG,
    GOT_FRAME,
    READ_FAILED,
    WINDOW_BYTES,
    Fault,
    Window,
    advance,
    broken,
    fill,
    first,
    held,
    need,
    start,
)
from capture_ext.wire cimport host16, host32

from capture_ext.frame import LINK_TYPES as _LINK_TYPES
from capture_ext.source import SourceStatistics

# Texts of window.FaultCode, in its order.
FAULTS = (
    "",
    "read failed",
    "cut off: the frame header at byte {offset} lacks {value} bytes",
    "cut off: the frame at byte {offset} lacks {value} bytes",
    "cut off: the block at byte {offset} lacks {value} bytes",
    "the frame at byte {offset} claims {value} bytes, more than {frame_bytes}",
    "the block at byte {offset} has the length {value}: too short for its type, or no multiple of 4",
    "the block at byte {offset} ends with another length ({value}) than it begins with",
    "the block at byte {offset} claims {value} bytes, more than {window_bytes}",
    "the frame in the block at byte {offset} claims {value} bytes, more than the block has",
    "the section at byte {offset} has no byte order (0x{value:08x})",
    "the section at byte {offset} has pcapng version {value}, supported is 1",
    "the frame at byte {offset} names interface {value}, which is not described",
    "the block at byte {offset} describes more than {interfaces} interfaces",
    "option {value} of the interface at byte {offset} runs past its block",
    "the interface at byte {offset} has time resolution 0x{value:02x}, supported are 10^-0 to 10^-19 and 2^-0 to 2^-63",
    "the frame at byte {offset} has link type {value}, supported are {link_types}",
)

cdef enum:
    PCAP_MICROSECONDS = 0xa1b2c3d4
    PCAP_NANOSECONDS = 0xa1b23c4d
    PCAPNG = 0x0a0d0d0a
    PCAP_BYTES = 24
    PCAP_MAJOR = 2
    PCAP_MINOR = 4
    LINK_TYPE_BITS = 0x03ffffff  # the others tell about the frame check sequence
    RECORD_BYTES = 16
    NANOSECONDS = 1000000000


cdef int read_record(Window *window, const PcapHeader *pcap, Frame *frame, bint may_fill, Fault *fault) noexcept nogil:
    """Fill `frame` from the next record of a pcap file; return a Step."""
    cdef const uint8_t *record
    cdef uint32_t captured
    cdef int step = need(window, RECORD_BYTES, may_fill, CUT_HEADER, fault)
    if step != GOT_FRAME:
        return step
    captured = host32(first(window) + 8, pcap.swapped)
    if captured > FRAME_BYTES:
        return broken(fault, FRAME_TOO_LONG, window, captured)
    step = need(window, RECORD_BYTES + captured, may_fill, CUT_FRAME, fault)
    if step != GOT_FRAME:
        return step
    record = first(window)
    frame.data = record + RECORD_BYTES
    frame.captured = captured
    frame.wire_bytes = host32(record + 12, pcap.swapped)
    frame.stripped_tag = 0
    frame.link_type = pcap.link_type
    frame.timestamp_ns = (
        <int64_t>host32(record, pcap.swapped) * NANOSECONDS
        + <int64_t>host32(record + 4, pcap.swapped) * pcap.unit_ns
    )
    advance(window, RECORD_BYTES + captured)
    return GOT_FRAME


cdef class PcapFile(FrameSource):
    """One capture file, read once from start to end; see the module.

    Args:
        path: The file; a pipe will do.

    `open` raises OSError if it cannot be read, ValueError if it is not a capture we read.
    """

    def __cinit__(self, *_args: object) -> None:
        self.ending = SOURCE_ENDED
        self.window.fd = -1
        self.window.memory = <uint8_t *>malloc(WINDOW_BYTES)
        self.section.interfaces = <Interface *>malloc(INTERFACES * sizeof(Interface))
        if self.window.memory is NULL or self.section.interfaces is NULL:
            raise MemoryError

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)

    def __dealloc__(self) -> None:
        if self.window.fd >= 0:
            close_descriptor(self.window.fd)
        free(self.window.memory)
        free(self.section.interfaces)

    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil:
        """See FrameSource; a file never makes one wait, so 0 is never returned."""
        if self.ahead.count > 0:
            memcpy(batch, &self.ahead, sizeof(FrameBatch))
            self.ahead.count = 0
        else:
            self.read_batch(batch)
        self.received += batch.count
        return <int>batch.count if batch.count > 0 else self.ending

    cdef int read_batch(self, FrameBatch *batch) noexcept nogil:
        """Fill `batch`, and `ending` if the file has one; the frames of one batch lie in one window."""
        cdef int step = GOT_FRAME
        batch.count = 0
        while step == GOT_FRAME and batch.count < BATCH and self.ending == 0:
            step = self.read_frame(&batch.frames[batch.count], batch.count == 0)
            if step == GOT_FRAME:
                batch.count += 1
            elif step < 0:
                self.ending = step
        return 0

    cdef int read_frame(self, Frame *frame, bint may_fill) noexcept nogil:
        """Fill `frame` from the next record; return a Step."""
        if self.is_pcapng:
            return next_frame(&self.window, &self.section, frame, may_fill, &self.fault)
        return read_record(&self.window, &self.pcap, frame, may_fill, &self.fault)

    def open(self) -> None:
        """Open the file, from its start, and read its first frames."""
        self.close()
        start(&self.window, os.open(self.path, os.O_RDONLY | os.O_CLOEXEC))
        memset(&self.fault, 0, sizeof(Fault))
        self.received = 0
        self.ending = 0
        try:
            self._read_header()
            with nogil:
                self.read_batch(&self.ahead)
            if self.ahead.count == 0 and self.ending == SOURCE_FAILED:
                self._refuse()
        except BaseException:
            self.close()
            raise

    def _read_header(self) -> None:
        """Find out which format it is, and take the header of a pcap file."""
        cdef const uint8_t *header
        cdef uint32_t magic
        with nogil:
            fill(&self.window, PCAP_BYTES)
        header = first(&self.window)
        if held(&self.window) < PCAP_BYTES:
            self._refuse_header()
        magic = host32(header, False)
        self.is_pcapng = magic == PCAPNG
        if self.is_pcapng:
            self.section.interface_count = 0
            self.section.last_ns = 0
            return
        self.pcap.swapped = magic != PCAP_MICROSECONDS and magic != PCAP_NANOSECONDS
        magic = host32(header, self.pcap.swapped)
        if magic != PCAP_MICROSECONDS and magic != PCAP_NANOSECONDS:
            self._refuse_header()
        self.pcap.unit_ns = 1 if magic == PCAP_NANOSECONDS else 1000
        self._read_pcap_header()

    def _read_pcap_header(self) -> None:
        """Check version and link type of a pcap file, and step to its first record."""
        cdef const uint8_t *header = first(&self.window)
        cdef uint32_t link_type = host32(header + 20, self.pcap.swapped) & LINK_TYPE_BITS
        major, minor = host16(header + 4, self.pcap.swapped), host16(header + 6, self.pcap.swapped)
        if (major, minor) != (PCAP_MAJOR, PCAP_MINOR):
            raise ValueError(f"{self.path}: pcap version {major}.{minor}, supported is {PCAP_MAJOR}.{PCAP_MINOR}")
        if not is_link_type(link_type):
            raise ValueError(f"{self.path}: link type {link_type}, supported are {_LINK_TYPES}")
        self.pcap.link_type = <uint16_t>link_type
        advance(&self.window, PCAP_BYTES)

    def _refuse_header(self) -> None:
        """Raise for a file that does not begin like a capture."""
        if self.window.error:
            raise OSError(self.window.error, os.strerror(self.window.error), self.path)
        data = first(&self.window)[:min(held(&self.window), <size_t>8)]
        shown = f"first bytes {data.hex(' ')}" if data else "it is empty"
        raise ValueError(f"{self.path}: not a capture file ({shown})")

    def _refuse(self) -> None:
        """Raise for a file that is broken before its first frame."""
        if self.fault.code == READ_FAILED:
            raise OSError(self.window.error, os.strerror(self.window.error), self.path)
        raise ValueError(self.failure())

    def close(self) -> None:
        """Close the file; no frame comes any more."""
        if self.window.fd >= 0:
            close_descriptor(self.window.fd)
        self.window.fd = -1
        self.ending = SOURCE_ENDED
        self.ahead.count = 0

    def statistics(self) -> SourceStatistics:
        """Give the frames read; a file drops none."""
        return SourceStatistics(self.received, 0, 0)

    def describe(self) -> str:
        """Name the file."""
        return f"pcapfile {self.path}"

    def failure(self) -> str:
        """Say what is wrong with the file and at which byte."""
        if self.fault.code == READ_FAILED:
            return f"{self.path}: {os.strerror(self.fault.value)} at byte {self.fault.offset}"
        text = FAULTS[self.fault.code].format(
            offset=self.fault.offset,
            value=self.fault.value,
            link_types=_LINK_TYPES,
            frame_bytes=FRAME_BYTES,
            window_bytes=WINDOW_BYTES,
            interfaces=INTERFACES,
        )
        return f"{self.path}: {text}" if text else ""
