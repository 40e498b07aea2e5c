# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""The tables of `source: xdp`: arrays of the kernel, mapped into the engine, one slice a CPU.

The program writes a slice on its own CPU alone, in the layout of `Tables` (totals.pxd); so for the detector a slice is
one more capture thread, and it reads without a system call.  Our networks go the other way: the trie of prefixes.pyx
is copied into arrays once, before the program runs.

The kernel has no memory that costs nothing until it is touched: every array is there in full from the start, 128 bytes
a host and CPU and a little more.
"""

import errno
import os
from pathlib import Path

from libc.errno cimport errno as c_errno
from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from capture_ext.atomics cimport peek64
from capture_ext.pages cimport Pages
from capture_ext.prefixes cimport Prefixes, Range6
from capture_ext.totals cimport COURSES, REASON_LIMIT, Line, Tables, Totals

from capture_ext.libbpf import LibBpf as _LibBpf
from capture_ext.xdp_program import XdpProgram as _XdpProgram

cdef extern from "<sys/mman.h>" nogil:
    void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)
    int munmap(void *address, size_t length)
    void *MAP_FAILED
    enum:
        PROT_READ
        PROT_WRITE
        MAP_SHARED

cdef enum:
    CHUNK_BYTES = 1024               # an element of the trie's arrays: 256 numbers
    COUNTS_AT = 64                   # where the slice has Tables.packets

SAMPLE_EVERY = 256
"""One frame in so many is kept for the time before an attack."""

MISS_LIMIT = 256
"""IPv6 hosts a CPU asks for between two readings of the ring, 8 ms."""

RING_BYTES = 4 << 20

_ONLINE = Path("/sys/devices/system/cpu/online")


def slices_needed(online):
    """Give how many slices the CPUs of a list such as `0-3,6` need: the number of the last one, and one."""
    return int(online.strip().replace(",", "-").split("-").pop()) + 1


cdef class MappedArray:
    def __dealloc__(self):
        if self.data != NULL:
            munmap(self.data, self.bytes)


cdef class KernelTables:
    """The program with its tables, not attached to anything.

    Args:
        totals: The tables of the engine's own thread for this source: networks and sizes are taken from there.
        action: What becomes of a frame that was counted.
        snaplen: Bytes read of a frame, at most 256.

    Raises:
        OSError: libbpf is missing, or the kernel refuses; the text says why.
    """

    def __init__(self, Totals totals, action, snaplen):
        cdef Prefixes prefixes = totals._prefixes
        cdef const Tables *shape = &totals.tables
        cdef uint32_t hosts = shape.hosts
        cdef uint32_t ipv6 = shape.directory.count * 8
        self._maps = [totals]
        self.slices = slices_needed(_ONLINE.read_text(encoding="ascii"))
        entries = {
            "slices": self.slices,
            "lines": self.slices * 2 * hosts,
            "touched": self.slices * 2 * hosts // 64,
            "tags": max(1, self.slices * ipv6 // 2),
            "wanted": 2 * hosts // 4,
            "stamps": max(1, ipv6 // 2),
            "present": 1024,
            "top": 256,
            "middle": prefixes._middle.bytes // CHUNK_BYTES,
            "bottom": prefixes._bottom.bytes // CHUNK_BYTES,
            "ranges": max(1, prefixes.trie.range_count),
            "places": max(1, ipv6),
            "records": RING_BYTES,
        }
        if max(entries.values()) >= 1 << 32:
            raise OSError(errno.E2BIG, f"{hosts} hosts on {self.slices} CPUs are too many for source: xdp")
        constants = {
            "slices": self.slices,
            "hosts": hosts,
            "first_ipv6": shape.first_ipv6,
            "ipv6_places": ipv6,
            "ranges": prefixes.trie.range_count,
            "count_internal": shape.count_internal,
            "action": action,
            "sample_every": SAMPLE_EVERY,
            "miss_limit": MISS_LIMIT,
            "snaplen": snaplen,
        }
        self.program = _XdpProgram(_LibBpf(), entries, constants)
        for name, pages in (
            ("present", prefixes._present), ("top", prefixes._top), ("middle", prefixes._middle),
            ("bottom", prefixes._bottom),
        ):
            self._copy(name, pages)
        if prefixes.trie.range_count:
            memcpy(
                self._map("ranges", entries["ranges"] * sizeof(Range6)), prefixes.trie.ranges,
                prefixes.trie.range_count * sizeof(Range6),
            )
        self._arrange(shape)

    cdef void *_map(self, str name, size_t size) except NULL:
        """Map an array; it stays mapped as long as this object lives."""
        cdef MappedArray array = MappedArray.__new__(MappedArray)
        cdef void *memory
        size = (size + 4095) // 4096 * 4096
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, self.program.map_fd(name), 0)
        if memory == MAP_FAILED:
            raise OSError(c_errno, f"the map {name} of {size} bytes cannot be mapped: {os.strerror(c_errno)}")
        array.data = memory
        array.bytes = size
        self._maps.append(array)
        return memory

    cdef object _copy(self, str name, Pages pages):
        memcpy(self._map(name, pages.bytes), pages.data, pages.bytes)

    cdef object _arrange(self, const Tables *shape):
        """Map what is shared while the program runs, and make each slice a `Tables`."""
        cdef size_t lines = 2 * <size_t>shape.hosts
        cdef uint32_t ipv6 = shape.directory.count * 8
        cdef Line *counted = <Line *>self._map("lines", self.slices * lines * sizeof(Line))
        cdef uint64_t *touched = <uint64_t *>self._map("touched", self.slices * lines // 8)
        cdef uint32_t *tags = <uint32_t *>self._map("tags", max(2, self.slices * ipv6) * sizeof(uint32_t))
        cdef uint32_t number
        cdef Tables *tables
        self._flows = Pages(lines * sizeof(uint32_t))
        self._slices = <uint8_t *>self._map("slices", <size_t>self.slices * SLICE_BYTES)
        self.control = <Control *>self._map("control", sizeof(Control))
        self.wanted = <uint16_t *>self._map("wanted", lines * sizeof(uint16_t))
        self.stamps = <uint32_t *>self._map("stamps", max(2, ipv6) * sizeof(uint32_t))
        self.places = self.program.map_fd("places")
        self.records = self.program.map_fd("records")
        for number in range(self.slices):
            tables = &self.slice_at(number).tables
            if <uint8_t *>&tables.packets - <uint8_t *>tables != COUNTS_AT:
                raise OSError(errno.ENOEXEC, "bpf/tables.bpf.h does not fit totals.pxd")
            tables.lines = counted + number * lines
            tables.flows = <uint32_t *>self._flows.data
            tables.touched = touched + number * lines // 64
            tables.tags = tags + <size_t>number * ipv6
            tables.hosts = shape.hosts
            tables.first_ipv6 = shape.first_ipv6
            tables.count_internal = shape.count_internal
            tables.trie = shape.trie
            tables.directory = shape.directory

    def frames(self):
        """Give how many frames were counted."""
        cdef uint32_t number
        total = 0
        for number in range(self.slices):
            total += peek64(&self.slice_at(number).tables.frames)
        return total

    def strays(self):
        """Give how many frames arrived on a CPU that came after the program was loaded, and were not counted."""
        return peek64(&self.control.strays)


cdef class SliceTotals(Totals):
    """The totals of one slice."""

    def __init__(self, KernelTables kernel, number):
        self.kernel = kernel
        self.mapped = &kernel.slice_at(number).tables

    def courses(self):
        """See Totals."""
        cdef int course
        figures = []
        for course in range(COURSES):
            figures.append((peek64(&self.mapped.packets[course]), peek64(&self.mapped.bytes[course])))
        return tuple(figures)

    def frames(self):
        """See Totals."""
        cdef int reason
        unparsed = {}
        for reason in range(REASON_LIMIT):
            if peek64(&self.mapped.unparsed[reason]):
                unparsed[reason] = peek64(&self.mapped.unparsed[reason])
        return peek64(&self.mapped.frames), unparsed
