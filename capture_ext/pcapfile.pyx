# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Frames from a pcap or pcapng file, a pipe, or standard input; compressed by gzip or zstd, or not.

The file is read through a window of our own memory (window.pxd), so that one that is cut while it is read ends, and
does not kill the process.  A broken file gives the frames before the break, then SOURCE_FAILED; `failure()` says at
which byte and what is wrong.  A file that is broken before its first frame, or whose first frame has a link type we
do not read, is refused by `open`, if that much of it is there: `open` never waits.

What it is, the first bytes say, never the name.  A compressed file is unpacked by a thread (unpacking.py) into a pipe,
and the window reads the pipe; so the loop is the same for all of them, and holds no Python but at that one change.

A file that is followed has no end.  When it has no more bytes it is looked at, whether it is still as long as what was
read and still the one of that name; a record that is there in part is waited for.

Frames without a time (simple packet blocks of pcapng) get that of the frame before.
"""

import errno
import os
import stat
import sys

from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from posix.unistd cimport close as close_descriptor

from capture_ext.batch cimport BATCH, Frame, FrameBatch
from capture_ext.pcap cimport read_pcap_header, read_record
from capture_ext.pcapng cimport INTERFACES, Interface, next_frame
from capture_ext.source cimport SOURCE_ENDED, SOURCE_FAILED
from capture_ext.window cimport (
    FILE_BROKEN,
    FILE_CUT,
    FILE_ENDED,
    FRAME_BYTES,
    GOT_FRAME,
    GROWING_FILE,
    NO_CAPTURE,
    NO_FAULT,
    PACKED,
    PIPE,
    READ_FAILED,
    STARVED,
    UNPACKING,
    WHOLE_FILE,
    WINDOW_BYTES,
    Fault,
    WindowKind,
    broken,
    change_of,
    first,
    held,
    need,
    start,
)
from capture_ext.wire cimport host32

from capture_ext.file_faults import explained
from capture_ext.source import SourceStatistics
from capture_ext.unpacking import Unpacker, packing_of

cdef enum:
    MAGIC_BYTES = 4
    PCAPNG = 0x0a0d0d0a
    SHOWN_BYTES = 8

_STANDARD_INPUT = "-"


cdef class PcapFile(FrameSource):
    """One capture file, read once from start to end; see the module.

    Args:
        path: The file; a pipe will do.  `-` is standard input.
        follow: Whether to wait for more at the end of the file.

    `open` raises OSError if it cannot be read, ValueError if it is not a capture we read.
    """

    def __cinit__(self, *_args: object, **_named: object) -> None:
        self.ending = SOURCE_ENDED
        self.window.fd = -1
        self.window.memory = <uint8_t *>malloc(WINDOW_BYTES)
        self.section.interfaces = <Interface *>malloc(INTERFACES * sizeof(Interface))
        if self.window.memory is NULL or self.section.interfaces is NULL:
            raise MemoryError

    def __init__(self, path: str | os.PathLike[str], *, follow: bool = False) -> None:
        name = os.fspath(path)
        self.path = None if name == _STANDARD_INPUT else os.fsencode(name)
        self.path_text = NULL
        if self.path is not None:
            self.path_text = self.path
        self.name = name if self.path is not None else "standard input"
        self.follow = follow
        self.unpacking = ""

    def __dealloc__(self) -> None:
        if self.window.fd >= 0:
            close_descriptor(self.window.fd)
        free(self.window.memory)
        free(self.section.interfaces)

    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil:
        """See FrameSource; only a pipe and a followed file make one wait."""
        if self.ahead.count > 0:
            memcpy(batch, &self.ahead, sizeof(FrameBatch))
            self.ahead.count = 0
        else:
            self.window.wait_ms = timeout_ms
            self.read_batch(batch)
        self.received += batch.count
        return <int>batch.count if batch.count > 0 else self.ending

    cdef int read_batch(self, FrameBatch *batch) noexcept nogil:
        """Fill `batch`, and `ending` if the file has one; the frames of one batch lie in one window."""
        cdef int step = GOT_FRAME
        batch.count = 0
        if self.ending:
            return 0
        if self.form == FORM_UNKNOWN:
            step = self.read_form()
        while step == GOT_FRAME and batch.count < BATCH:
            step = self.read_frame(&batch.frames[batch.count], batch.count == 0)
            if step == GOT_FRAME:
                batch.count += 1
        if step == STARVED and self.window.kind == GROWING_FILE:
            step = self.look()
        if step < 0:
            self.ending = self.ended(step)
        return 0

    cdef int read_form(self) noexcept nogil:
        """Find out what the file is, once its first bytes are there; return a Step, GOT_FRAME if it is known."""
        cdef int step = need(&self.window, MAGIC_BYTES, True, NO_CAPTURE, &self.fault)
        if step < 0:
            return broken(&self.fault, NO_CAPTURE, &self.window, held(&self.window))
        if step != GOT_FRAME:
            return step
        if host32(first(&self.window), False) == PCAPNG:
            self.form = FORM_PCAPNG
            return GOT_FRAME
        if self.unpacker is None:
            step = self.unpack()
            if step != GOT_FRAME:
                return step
        step = read_pcap_header(&self.window, &self.pcap, &self.fault)
        if step == GOT_FRAME:
            self.form = FORM_PCAP
        return step

    cdef int read_frame(self, Frame *frame, bint may_fill) noexcept nogil:
        """Fill `frame` from the next record; return a Step."""
        if self.form == FORM_PCAPNG:
            return next_frame(&self.window, &self.section, frame, may_fill, &self.fault)
        return read_record(&self.window, &self.pcap, frame, may_fill, &self.fault)

    cdef int look(self) noexcept nogil:
        """See what became of a followed file that gives no more; return a Step.

        One that was removed or replaced is read to its end first.
        """
        self.change = change_of(&self.window, self.path_text)
        if self.change == FILE_CUT:
            return FILE_BROKEN
        if self.change != NO_FAULT:
            self.window.kind = WHOLE_FILE
        return STARVED

    cdef int ended(self, int step) noexcept nogil:
        """Give what the source says of a file that has ended or is broken."""
        if self.change != NO_FAULT:
            step = broken(&self.fault, self.change, &self.window, self.window.offset + held(&self.window))
        elif self.unpacker is not None:
            step = self.ended_unpacking(step)
        return SOURCE_ENDED if step == FILE_ENDED else SOURCE_FAILED

    cdef int unpack(self) noexcept with gil:
        """Begin to unpack a compressed file; return a Step, GOT_FRAME if it is none."""
        cdef int fd = self.window.fd
        beginning = first(&self.window)[:held(&self.window)]
        packing = packing_of(beginning[:MAGIC_BYTES])
        if not packing:
            return GOT_FRAME
        if self.window.kind == GROWING_FILE:
            return broken(&self.fault, PACKED, &self.window, 0)
        self.window.fd = -1
        try:
            self.unpacker = Unpacker(packing, fd, beginning, self.name)
        except (OSError, RuntimeError) as error:
            self.unpacking = f"{self.name}: cannot be unpacked: {getattr(error, 'strerror', None) or error}"
            return broken(&self.fault, UNPACKING, &self.window, 0)
        start(&self.window, self.unpacker.fd, PIPE)
        return STARVED

    cdef int ended_unpacking(self, int step) noexcept with gil:
        """Give the Step of a compressed file that has ended: what ended its unpacking comes first."""
        self.unpacking = self.unpacker.failure
        return broken(&self.fault, UNPACKING, &self.window, 0) if self.unpacking else step

    def open(self) -> None:
        """Open the file, from its start, and read its first frames if they are there."""
        self.close()
        fd = self._descriptor()
        start(&self.window, fd, self._kind_of(fd))
        memset(&self.fault, 0, sizeof(Fault))
        self.change = NO_FAULT
        self.form = FORM_UNKNOWN
        self.section.interface_count = 0
        self.section.last_ns = 0
        self.section.skip_end = 0
        self.unpacking = ""
        self.received = 0
        self.ending = 0
        try:
            with nogil:
                self.read_batch(&self.ahead)
            if self.ahead.count == 0 and self.ending == SOURCE_FAILED:
                self._refuse()
        except BaseException:
            self.close()
            raise

    def _descriptor(self) -> int:
        """Open what is to be read; a pipe without a writer makes nobody wait."""
        if self.path is not None:
            fd = os.open(self.name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            os.set_blocking(fd, True)
            return fd
        if sys.__stdin__ is None:
            raise OSError(errno.EBADF, "it is closed", self.name)
        if os.isatty(0):
            raise ValueError(f"{self.name}: it is a terminal: pipe a capture into it")
        return os.dup(0)

    def _kind_of(self, fd: int) -> WindowKind:
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode):
            return GROWING_FILE if self.follow else WHOLE_FILE
        if stat.S_ISDIR(mode) or stat.S_ISBLK(mode):
            return WHOLE_FILE
        return PIPE

    def _refuse(self) -> None:
        """Raise for a file that is broken before its first frame."""
        if self.fault.code == READ_FAILED:
            raise OSError(self.window.error, os.strerror(self.window.error), self.name)
        raise ValueError(self.failure())

    def close(self) -> None:
        """Close the file; no frame comes any more."""
        if self.window.fd >= 0:
            close_descriptor(self.window.fd)
        if self.unpacker is not None:
            self.unpacker.join()
        self.unpacker = None
        self.window.fd = -1
        self.ending = SOURCE_ENDED
        self.ahead.count = 0

    def statistics(self) -> SourceStatistics:
        """Give the frames read; a file drops none."""
        return SourceStatistics(self.received, 0, 0)

    def describe(self) -> str:
        """Name the file."""
        return f"pcapfile {self.name}"

    def failure(self) -> str:
        """Say what is wrong with the file and at which byte."""
        if self.unpacking:
            return self.unpacking
        name = f"{self.name}, unpacked" if self.unpacker is not None else self.name
        return explained(
            name,
            self.fault.code,
            offset=self.fault.offset,
            value=self.fault.value,
            beginning=first(&self.window)[:min(held(&self.window), <size_t>SHOWN_BYTES)],
            frame_bytes=FRAME_BYTES,
            window_bytes=WINDOW_BYTES,
            interfaces=INTERFACES,
        )
