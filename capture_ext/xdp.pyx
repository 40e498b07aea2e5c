# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""`source: xdp`: an interface whose frames are counted in the kernel, before it makes packets of them.

Frames never come this way: the program (bpf/count.bpf.c) counts them in tables that the engine reads as it reads those
of a capture thread.  What comes through the ring are the frames the engine wants whole; xdp_worker.pyx takes them.

The program is loaded once, with the engine; `open` attaches it and `close` detaches it, so that an interface that goes
and comes back counts on in the same tables.  It is attached in the driver where the driver can, and otherwise behind
it; `describe` says which.

Threads: next_batch belongs to one capture thread; `statistics` may be called from another, and sets one flag for it.
"""

import contextlib
import errno
import socket
import time

from capture_ext.atomics cimport peek32, set32
from capture_ext.batch cimport FrameBatch
from capture_ext.source cimport SOURCE_FAILED, FrameSource
from capture_ext.xdp_tables cimport KernelTables

from capture_ext.interface import has_carrier, interface_index, interface_link_type, interface_problem
from capture_ext.interface_drops import InterfaceDrops
from capture_ext.source import SourceStatistics
from capture_ext.xdp_links import namespace_number
from capture_ext.xdp_options import SNAPLEN_LIMIT as _SNAPLEN_LIMIT
from capture_ext.xdp_options import XdpOptions, explained, join_promiscuous
from capture_ext.xdp_ring import RecordRing as _RecordRing
from capture_ext.xdp_tables import RING_BYTES as _RING_BYTES

cdef extern from "<unistd.h>" nogil:
    int usleep(unsigned int microseconds)

_ETHERNET = 1
_RUN_SECONDS = 0.001
"""Longer than any run of the program takes: one that began before it was detached has ended by then."""


cdef class Xdp(FrameSource):
    """Frames that arrive on an interface, counted in the kernel; made ready by `add_xdp`.

    Args:
        interface: Its name.
        links: Who counts where, the same object for every engine of the process.
        role: `mirror`: counted frames are dropped; `router`: they go on.
        snaplen: Bytes read of a frame; above 256 is 256.
        promiscuous: Whether frames to other stations are asked for, as a mirror port needs.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(
        self, interface: str, links: object, *, role: str = "mirror", snaplen: int = 192, promiscuous: bool = True
    ) -> None:
        self.options = XdpOptions(interface, role, min(snaplen, _SNAPLEN_LIMIT), promiscuous)
        self._links = links
        self._statistics = SourceStatistics(0, 0, 0)
        self._before = (0, 0)
        self._mode = ""
        self._failure = f"{self.describe()}: not open"
        self._failed = 1

    cdef object prepare(self, KernelTables kernel):
        """Take the loaded program."""
        self.ring = _RecordRing(kernel.records, _RING_BYTES)
        self.kernel = kernel

    def refuse(self, problem: OSError) -> None:
        """Note why there is no program; `open` says it."""
        self._problem = problem

    @property
    def counts_alone(self) -> bool:
        """Whether nobody else in this process can have counted the same frames."""
        return self.options.role == "mirror" or self.succeeds

    def open(self) -> None:
        """Attach the program, in the network namespace of the calling thread.

        Raises:
            OSError: The interface is missing or down, another program is there, no privilege, no libbpf, a kernel too
                old; the text says which and the remedy.
            ValueError: The interface has no Ethernet frames.
        """
        self.close()
        name = self.options.interface
        if self.kernel is None:
            problem = self._problem or OSError(errno.EINVAL, "belongs to no engine")
            raise OSError(problem.errno, f"xdp {name}: {problem.strerror}")
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self._attach(sock)
        except OSError as error:
            sock.close()
            raise explained(name, error) from error
        except BaseException:
            sock.close()
            raise
        self._socket = sock
        self._drops = InterfaceDrops(self._place[1])
        self._statistics = SourceStatistics(0, 0, 0)
        self._failure = ""
        set32(&self._failed, 0)

    def _attach(self, sock: object) -> None:
        name = self.options.interface
        index = interface_index(sock, name)
        if interface_link_type(sock, name) != _ETHERNET:
            raise ValueError(f"{name} has no Ethernet frames; source: xdp reads nothing else")
        problem = interface_problem(sock, name)
        if problem:
            raise OSError(errno.ENETDOWN, problem)
        with contextlib.ExitStack() as undo:
            if self.options.promiscuous:
                self._member = undo.enter_context(join_promiscuous(index))
            self._before = (self.kernel.frames(), self.kernel.strays())
            self._place = (namespace_number(), index)
            self._mode, self.succeeds = self._links.enter(self._place, self.kernel.program)
            undo.pop_all()

    def detach(self) -> None:
        """Detach the program; returns when no run of it is under way.  Safe to call twice."""
        if self._place is not None:
            self._links.leave(self._place, self.kernel.program)
            self._place = None
            time.sleep(_RUN_SECONDS)

    def close(self) -> None:
        """Detach the program; what it counted stays, and so do the last statistics."""
        if self._socket is None:
            return
        self.detach()
        self.statistics()
        self._failure = self.failure() or f"{self.describe()}: not open"
        if self._member is not None:
            self._member.close()
            self._member = None
        self._drops.close()
        self._socket.close()
        self._socket = None
        set32(&self._failed, 1)

    def statistics(self) -> object:
        """Give the counts since `open`; also looks whether the interface is still there and up.

        `received`: counted by the program.  `dropped_ring`: not counted, because they arrived on a CPU that came after
        the program was loaded.  `dropped_interface`, `dropped_kernel`: see InterfaceDrops.
        """
        if self._socket is None:
            return self._statistics
        frames, strays = self._before
        lost = self._drops.count()
        self._statistics = SourceStatistics(
            self.kernel.frames() - frames, self.kernel.strays() - strays, lost.interface, lost.kernel
        )
        self._look()
        return self._statistics

    def _look(self) -> None:
        """Fail if the interface is gone, down, renamed or another one by now."""
        name = self.options.interface
        if self._place is None or self._failure:
            return
        try:
            problem = "" if interface_index(self._socket, name) == self._place[1] else "is another interface now"
        except OSError:
            problem = "the interface is gone or was renamed"
        problem = problem or interface_problem(self._socket, name)
        if problem:
            self._failure = f"xdp {name}: {problem}"
            set32(&self._failed, 1)

    def warnings(self) -> tuple[str, ...]:
        """Say what is wrong although it runs: no carrier."""
        name = self.options.interface
        if self._socket is None or has_carrier(self._socket, name):
            return ()
        return (f"{name}: no carrier, so nothing arrives: look at the cable and its other end",)

    def describe(self) -> str:
        """Name the source: `xdp eth3`, once open with the way it is attached."""
        return f"xdp {self.options.interface}" + (f" ({self._mode})" if self._mode else "")

    def failure(self) -> str:
        """Say why next_batch gave SOURCE_FAILED, "" if it did not."""
        return self._failure

    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil:
        """Fill `batch` with frames of the ring, `ring.flags` says what for; see FrameSource.  No GIL.

        The program wakes nobody up: whoever reads looks again after `timeout_ms`.
        """
        cdef uint32_t count
        batch.count = 0
        if peek32(&self._failed):
            return SOURCE_FAILED
        count = self.ring.take(batch)
        if count == 0 and timeout_ms:
            usleep(timeout_ms * 1000)
            count = self.ring.take(batch)
        return <int>count
