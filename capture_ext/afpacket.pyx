# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Frames of an interface through a packet socket: a TPACKET_V3 ring shared with the kernel.

The ring is a row of blocks.  The kernel fills them in turn and hands one over when it is full or its oldest frame has
waited `timeout_ms`; we walk them in the same turn (see tpacket.pyx) and give each back when the batch after its last
frame is asked for, because frames are not copied and stay valid until then.

Rules:
* A block that is ours is read to its end even after the socket reported an error, so nothing that arrived is lost
  when an interface goes down.  The last block, not yet full, is waited for.
* A failure stays: next_batch gives SOURCE_FAILED until the source is opened again.  The caller decides when.
* The kernel would go on by itself when an interface comes back up; that is not relied upon, because it may be
  another interface by then.

Threads: next_batch belongs to one capture thread.  `statistics` may be called from another; it reads one counter of
the capture thread and sets one flag for it.
"""

import errno
import fcntl
import os
import struct

from libc.errno cimport EINTR
from libc.errno cimport errno as c_errno

from capture_ext.batch cimport FrameBatch
from capture_ext.source cimport SOURCE_FAILED, FrameSource
from capture_ext.tpacket cimport BLOCK_CORRUPT, begin_block, block_is_ours, give_block_back, take_frames

from capture_ext.interface import has_carrier
from capture_ext.interface_drops import InterfaceDrops
from capture_ext.offloads import merging_offloads, merging_warning
from capture_ext.packet_socket import CaptureOptions, open_packet_socket
from capture_ext.source import SourceStatistics


cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int c_poll "poll" (pollfd *fds, unsigned long count, int timeout_ms)
    enum:
        POLLIN
        POLLERR
        POLLHUP
        POLLNVAL

cdef extern from "<sys/socket.h>" nogil:
    ctypedef unsigned int socklen_t
    int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
    enum:
        SOL_SOCKET
        SO_ERROR

cdef extern from "<sys/mman.h>" nogil:
    void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)
    int munmap(void *address, size_t length)
    void *MAP_FAILED
    enum:
        PROT_READ
        PROT_WRITE
        MAP_SHARED

cdef enum:
    CORRUPT = -1
    LOST = -2
    NOT_OPEN = -3

_SOL_PACKET = 263            # linux/socket.h
_PACKET_STATISTICS = 6       # linux/if_packet.h; every reading sets the kernel's figures to zero
_SIOCGIFNAME = 0x8910        # linux/sockios.h


cdef class AfPacket(FrameSource):
    """Frames that arrive on an interface, each once; frames that this machine sends are left out.

    `wire_bytes` of a frame whose tag the kernel has stripped is without the tag's 4 bytes.

    Args:
        interface: Its name.
        snaplen: Bytes kept of a frame.
        block_bytes, blocks: Size of the ring; it is memory of the kernel and counts as resident.  However little a
            block holds, it is handed over after `timeout_ms`: nobody reading, a ring is full after `blocks` times
            that, half a second by default, or earlier.
        timeout_ms: Longest time a frame waits in a block that is not full.
        promiscuous: Whether frames to other stations are asked for, as a mirror port needs.
        fanout_group: Number that the sockets which share the frames of the interface have in common, 0: none.
        fanout_mode: `queue`, `cpu`, `hash`, `lb` or `rnd`, see packet_socket.FANOUT_MODES.  A frame whose ring is full
            goes to another one of the group.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __cinit__(self, *_: object, **__: object) -> None:
        self._ring = NULL
        self._fd = -1
        self._failed = NOT_OPEN

    def __init__(
        self,
        interface: str,
        *,
        snaplen: int = 192,
        block_bytes: int = 1 << 20,
        blocks: int = 64,
        timeout_ms: int = 8,
        promiscuous: bool = True,
        fanout_group: int = 0,
        fanout_mode: str = "queue",
    ) -> None:
        self._options = CaptureOptions(
            interface, snaplen, block_bytes, blocks, timeout_ms, promiscuous, fanout_group, fanout_mode
        )
        self._statistics = SourceStatistics(0, 0, 0)
        self._failure = f"{self.describe()}: not open"

    def __dealloc__(self) -> None:
        if self._ring != NULL:
            munmap(self._ring, <size_t>self._block_bytes * self._blocks)

    def open(self) -> None:
        """Open the socket and map its ring, in the network namespace of the calling thread.

        Raises:
            OSError: The interface is missing or down, no CAP_NET_RAW, no memory; the text says which and the remedy.
            ValueError: The interface's frames are neither Ethernet nor bare IP.
        """
        self.close()
        sock, self._interface_index, self._link_type = open_packet_socket(self._options)
        self._block_bytes = self._options.block_bytes
        self._blocks = self._options.blocks
        self._retire_ms = self._options.timeout_ms
        cdef size_t length = <size_t>self._block_bytes * self._blocks
        cdef void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, sock.fileno(), 0)
        if memory == MAP_FAILED:
            number = c_errno
            sock.close()
            raise OSError(number, f"af_packet {self._options.interface}: mapping its ring: {os.strerror(number)}")
        self._ring = <uint8_t *>memory
        self._socket = sock
        self._fd = sock.fileno()
        self._drops = InterfaceDrops(self._interface_index)
        self._statistics = SourceStatistics(0, 0, 0)
        self._block = 0
        self._holding = False
        self._cursor.left = 0
        self._received = 0
        self._error = 0
        self._lost = False
        self._failed = 0

    def close(self) -> None:
        """Give ring and socket back; the last statistics stay."""
        if self._socket is None:
            return
        self.statistics()
        self._failure = self.failure()
        munmap(self._ring, <size_t>self._block_bytes * self._blocks)
        self._ring = NULL
        self._drops.close()
        self._socket.close()
        self._socket = None
        self._fd = -1
        self._failed = NOT_OPEN

    def statistics(self) -> SourceStatistics:
        """Give the counts since `open`; also looks whether the interface is still there and has its name.

        `dropped_ring`: the ring was full.  `dropped_interface`: rx_missed_errors and rx_fifo_errors.  `dropped_kernel`:
        rx_dropped.
        """
        if self._socket is None:
            return self._statistics
        figures = struct.unpack_from("II", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12))
        dropped = self._statistics.dropped_ring + figures[1]
        lost = self._drops.count()
        self._statistics = SourceStatistics(self._received, dropped, lost.interface, lost.kernel)
        if self._name_now() != self._options.interface:
            self._lost = True
        return self._statistics

    def warnings(self) -> tuple[str, ...]:
        """Say what is wrong although it runs: no carrier, offloads that merge packets."""
        if self._socket is None:
            return ()
        interface = self._options.interface
        found = []
        if not has_carrier(self._socket, interface):
            found.append(f"{interface}: no carrier, so nothing arrives: look at the cable and its other end")
        merging = merging_offloads(self._socket, interface)
        if merging:
            found.append(merging_warning(interface, merging))
        return tuple(found)

    def describe(self) -> str:
        """Name the source: `af_packet eth3`."""
        return f"af_packet {self._options.interface}"

    def failure(self) -> str:
        """Say why next_batch gave SOURCE_FAILED, "" if it did not; the text outlives `close`."""
        if not self._failed:
            return ""
        if self._failed == NOT_OPEN:
            return self._failure
        return f"{self.describe()}: {self._reason()}"

    def _reason(self) -> str:
        interface = self._options.interface
        if self._failed == CORRUPT:
            return "the kernel's ring is corrupt"
        if self._failed not in (LOST, errno.ENETDOWN):
            return os.strerror(self._failed)
        name = self._name_now()
        if name is None:
            return "the interface is gone"
        if name != interface:
            return f"the interface is now named {name}"
        return f"the interface went down: ip link set dev {interface} up"

    def _name_now(self) -> str | None:
        request = struct.pack("16si20x", b"", self._interface_index)
        try:
            answer = fcntl.ioctl(self._socket, _SIOCGIFNAME, request)
        except (OSError, TypeError):
            return None
        return answer[:16].split(b"\0")[0].decode(errors="replace")

    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil:
        """Fill `batch` from one block; see FrameSource.  No GIL."""
        cdef int count
        batch.count = 0
        if self._failed:
            return SOURCE_FAILED
        while self._cursor.left == 0:
            if not self._next_block(timeout_ms):
                return SOURCE_FAILED if self._failed else 0
            timeout_ms = 0
        count = take_frames(&self._cursor, batch)
        if count == BLOCK_CORRUPT:
            self._failed = CORRUPT
            return SOURCE_FAILED
        self._received += count
        return count

    cdef bint _next_block(self, int timeout_ms) noexcept nogil:
        """Give the block that was read back and begin the next one; False: none in time, or `_failed` says why."""
        cdef uint8_t *block = self._ring + <size_t>self._block * self._block_bytes
        if self._holding:
            self._holding = False
            give_block_back(block)
            self._block = self._block + 1 if self._block + 1 < self._blocks else 0
            block = self._ring + <size_t>self._block * self._block_bytes
        if not block_is_ours(block):
            if not self._error:
                self._wait(timeout_ms)
            if not block_is_ours(block):
                self._failed = self._error
                return False
        self._holding = True
        if begin_block(&self._cursor, block, self._block_bytes, self._link_type) == BLOCK_CORRUPT:
            self._failed = CORRUPT
            return False
        return True

    cdef void _wait(self, int timeout_ms) noexcept nogil:
        """Sleep until the kernel hands a block over, `timeout_ms` at most; an error is left in `_error`."""
        cdef pollfd waiting
        cdef socklen_t length = sizeof(int)
        cdef int ready
        if self._lost:
            self._error = LOST
        else:
            waiting.fd = self._fd
            waiting.events = POLLIN
            waiting.revents = 0
            ready = c_poll(&waiting, 1, timeout_ms)
            if ready < 0 and c_errno != EINTR:
                self._error = c_errno
            if ready <= 0 or not waiting.revents & (POLLERR | POLLHUP | POLLNVAL):
                return
            if getsockopt(self._fd, SOL_SOCKET, SO_ERROR, &self._error, &length) < 0:
                self._error = c_errno
        # What arrived before lies in a block that the kernel still holds; it hands it over within its timeout.
        c_poll(NULL, 0, 2 * self._retire_ms + 1)
