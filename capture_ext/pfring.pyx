# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Frames of a device through PF_RING.

The library lends a frame until the next is asked for, so what is kept of it is copied into the memory of the batch.
Of a frame's header only the first 36 bytes are read: what follows differs between releases.  The kernel module puts
stripped tags back into the frame, so there is no stripped tag here.

The library is asked without waiting; then the ring's descriptor is polled, in slices, because the module wakes a
sleeper only when a fair number of frames waits.  Waking a blocked pfring_recv is not possible in time.

Before the ring is enabled it is told to give received frames alone, and joins its cluster.  What is only a nicety may
fail and becomes a warning; a cluster that was asked for may not, because then each member would count every frame.

Threads: next_batch belongs to one capture thread.  `statistics` may be called from another; it reads one counter of
the capture thread and sets one flag for it.
"""

import errno
import os
import socket

from libc.errno cimport errno as c_errno
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from capture_ext.batch cimport BATCH, Frame, FrameBatch
from capture_ext.libpfring cimport HeaderBuffer, LibPfring, RingHeader, frame_time
from capture_ext.source cimport SOURCE_ENDED, SOURCE_FAILED, FrameSource

from capture_ext.interface import interface_index, interface_link_type, interface_problem
from capture_ext.interface_drops import Drops, InterfaceDrops
from capture_ext.pfring_device import RingOptions, available, device_interface
from capture_ext.pfring_device import explained_join, explained_open, explained_receive
from capture_ext.source import SourceStatistics

__all__ = ["PfRing", "available"]


cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int c_poll "poll" (pollfd *fds, unsigned long count, int timeout_ms)
    enum:
        POLLIN

cdef extern from *:
    """
    #include <errno.h>
    #define c_errno_clear() ((void)(errno = 0))
    """
    void c_errno_clear() noexcept nogil

cdef enum:
    FLAG_PROMISC = 8
    FLAG_TIMESTAMP = 16
    FLAG_DO_NOT_PARSE = 512
    LINKTYPE_ETHERNET = 1
    SLICE_MS = 8                 # longest sleep between two looks at the ring
    END_OF_FILE = -2             # pfring_recv on a capture file
    INTERFACE_LOST = -1000       # out of the library's range
    NOT_OPEN = -1001


cdef class PfRing(FrameSource):
    """Frames that a device receives, each once.

    Args:
        device: As PF_RING names it: `eth3`, `zc:eth3`, `eth3@2` for one receive queue, `pcap:FILE`.
        snaplen: Bytes kept of a frame.
        promiscuous: Whether frames to other stations are asked for, as a mirror port needs.
        cluster: Number that the rings which share the frames of the device have in common, 0: none.
        cluster_type: `per_flow`, `round_robin`, `per_flow_2_tuple`, `_4_tuple`, `_5_tuple` or `per_flow_tcp_5_tuple`.
        library: libpfring to load instead of the installed one.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __cinit__(self, *_: object, **__: object) -> None:
        self._ring = NULL
        self._memory = NULL
        self._failed = NOT_OPEN

    def __init__(
        self,
        device: str,
        *,
        snaplen: int = 192,
        promiscuous: bool = True,
        cluster: int = 0,
        cluster_type: str = "per_flow",
        library: str | None = None,
    ) -> None:
        self._options = RingOptions(device, snaplen, promiscuous, cluster, cluster_type, library)
        self._file = device.startswith("pcap:")
        self._statistics = SourceStatistics(0, 0, 0)
        self._warnings = ()
        self._failure = f"{self.describe()}: not open"

    def __dealloc__(self) -> None:
        if self._ring != NULL:
            self._close_ring(self._ring)
        free(self._memory)

    def open(self) -> None:
        """Load the library and open an enabled ring, in the network namespace of the calling thread.

        Raises:
            OSError: The library, the module, the device or the privilege is missing, or a cluster that was asked for
                cannot be had; the text says which and the remedy.
            ValueError: The interface's frames are neither Ethernet nor bare IP.
        """
        self.close()
        self._load()
        name = os.fsencode(self._options.device)
        cdef const char *device = name
        cdef uint32_t promiscuous = FLAG_PROMISC if self._options.promiscuous else 0
        cdef int number
        with nogil:
            c_errno_clear()
            self._ring = self._functions.open_ring(
                device, self._snaplen, FLAG_TIMESTAMP | FLAG_DO_NOT_PARSE | promiscuous
            )
            number = c_errno
        if self._ring == NULL:
            raise explained_open(self._options.device, number)
        try:
            self._set_up()
            self._watch()
        except BaseException:
            self._release()
            raise
        self._statistics = SourceStatistics(0, 0, 0)
        self._received = 0
        self._woken = False
        self._error = 0
        self._lost = ""
        self._interface_lost = False
        self._failed = 0

    def _load(self) -> None:
        self._functions = LibPfring(self._options.library)
        self._receive_frame = self._functions.receive
        self._close_ring = self._functions.close_ring
        self._snaplen = self._options.snaplen
        if self._memory == NULL:
            self._memory = <uint8_t *>malloc(<size_t>BATCH * self._snaplen)
        if self._memory == NULL:
            raise MemoryError
        memset(&self._header, 0, sizeof(HeaderBuffer))

    def _set_up(self) -> None:
        cdef LibPfring use = self._functions
        self._warnings = ()
        if not use.prepare(self._ring) and not self._file:
            self._warnings = (f"{self.describe()}: frames that this machine sends are counted too",)
        cluster = self._options.cluster
        if cluster and not use.join(self._ring, cluster, self._options.cluster_number):
            raise explained_join(self._options.device, cluster)
        cdef int outcome = use.enable_ring(self._ring)
        if outcome != 0:
            raise OSError(errno.EIO, f"{self.describe()}: the ring cannot be enabled ({outcome})")
        self._fd = use.get_selectable_fd(self._ring)

    def _watch(self) -> None:
        """Find the kernel's interface behind the device, if there is one: its link type, drops and state."""
        self._link_type = LINKTYPE_ETHERNET
        interface = device_interface(self._options.device)
        control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        problem = interface_problem(control, interface) if interface else "there is none"
        if problem:
            control.close()
            if interface in [name for _, name in socket.if_nameindex()]:
                raise OSError(errno.ENETDOWN, f"{self.describe()}: {problem}")
            return
        self._control = control
        self._link_type = interface_link_type(control, interface)
        self._drops = InterfaceDrops(interface_index(control, interface))
        self._interface = interface

    def close(self) -> None:
        """Give the ring back; the last statistics stay."""
        if self._ring == NULL:
            return
        self.statistics()
        self._failure = self.failure()
        self._release()

    cdef void _release(self):
        if self._functions.shutdown_ring != NULL:
            self._functions.shutdown_ring(self._ring)
        self._close_ring(self._ring)
        self._ring = NULL
        self._failed = NOT_OPEN
        for held in (self._control, self._drops):
            if held is not None:
                held.close()
        self._control = self._drops = self._interface = None

    def statistics(self) -> SourceStatistics:
        """Give the counts since `open`; also looks whether the interface is still there and up.

        `dropped_ring` is the module's figure, which stays at its last value where a device has none.
        """
        if self._ring == NULL:
            return self._statistics
        cdef uint64_t[8] figures              # the library writes two or three of them
        memset(figures, 0, sizeof(figures))
        dropped = self._statistics.dropped_ring
        if self._functions.statistics(self._ring, figures) == 0:
            dropped = figures[1]
        lost = self._drops.count() if self._drops else Drops(0, 0)
        self._statistics = SourceStatistics(self._received, dropped, lost.interface, lost.kernel)
        if self._interface:
            self._lost = interface_problem(self._control, self._interface, self._drops.index)
            self._interface_lost = self._interface_lost or bool(self._lost)
        return self._statistics

    def describe(self) -> str:
        """Name the source: `pf_ring eth3`."""
        return f"pf_ring {self._options.device}"

    def warnings(self) -> tuple[str, ...]:
        """Give what did not work at `open` and did not have to."""
        return self._warnings

    def failure(self) -> str:
        """Say why next_batch gave SOURCE_FAILED, "" if it did not; the text outlives `close`."""
        if self._failed == NOT_OPEN:
            return self._failure
        if not self._failed or self._file and self._failed == END_OF_FILE:
            return ""
        if self._failed == INTERFACE_LOST:
            return f"{self.describe()}: {self._lost or 'the interface was gone or down'}"
        return f"{self.describe()}: {explained_receive(self._failed)}"

    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil:
        """Fill `batch` with copies of what waits in the ring; see FrameSource.  No GIL."""
        cdef uint32_t count
        batch.count = 0
        while not self._failed:
            count = 0 if self._error else self._receive(batch)
            if count:
                batch.count = count
                self._received += count
                self._woken = False
                return <int>count
            if self._interface_lost and not self._error:
                self._error = INTERFACE_LOST
            self._failed = self._error
            if self._failed:
                break
            if timeout_ms <= 0:
                return 0
            self._wait(timeout_ms if timeout_ms < SLICE_MS else SLICE_MS)
            timeout_ms -= SLICE_MS
        return SOURCE_ENDED if self._file and self._failed == END_OF_FILE else SOURCE_FAILED

    cdef uint32_t _receive(self, FrameBatch *batch) noexcept nogil:
        """Copy what is there into the batch, BATCH at most; an error is left in `_error`.  Returns the number."""
        cdef uint32_t count = 0
        cdef uint8_t *data
        cdef int outcome
        while count < BATCH:
            data = NULL
            outcome = self._receive_frame(self._ring, &data, 0, &self._header, 0)
            if outcome < 0:
                self._error = outcome
            if outcome <= 0 or data == NULL:
                break
            self._keep(&batch.frames[count], count, data)
            count += 1
        return count

    cdef void _keep(self, Frame *frame, uint32_t slot, const uint8_t *data) noexcept nogil:
        cdef const RingHeader *header = &self._header.header
        cdef uint8_t *room = self._memory + <size_t>slot * self._snaplen
        frame.captured = header.captured if header.captured < self._snaplen else self._snaplen
        memcpy(room, data, frame.captured)
        frame.data = room
        frame.wire_bytes = header.wire_bytes
        frame.stripped_tag = 0
        frame.link_type = self._link_type
        frame.timestamp_ns = frame_time(header)

    cdef void _wait(self, int timeout_ms) noexcept nogil:
        """Sleep until the ring's descriptor wakes us, `timeout_ms` at most.

        A descriptor that woke us for nothing is not trusted until a frame came: it could keep a core busy.
        """
        cdef pollfd waiting
        if self._fd < 0 or self._woken:
            c_poll(NULL, 0, timeout_ms)
            return
        waiting.fd = self._fd
        waiting.events = POLLIN
        waiting.revents = 0
        self._woken = c_poll(&waiting, 1, timeout_ms) != 0
