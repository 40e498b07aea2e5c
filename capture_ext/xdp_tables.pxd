from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from capture_ext.pages cimport Pages
from capture_ext.totals cimport Tables, Totals
from capture_ext.xdp_program cimport XdpProgram

cdef enum:
    SLICE_BYTES = 1088               # struct slice in bpf/tables.bpf.h

cdef struct Slice:                   # its beginning
    Tables tables
    uint64_t unplaced                # IPv6 packets that count at no host

cdef struct Control:                 # struct control
    uint32_t tick
    uint32_t round
    uint64_t strays                  # frames on a CPU without a slice


cdef class MappedArray:
    """The memory of one array map, shared with the program."""
    cdef void *data
    cdef size_t bytes


cdef class KernelTables:
    """What the program counts in, and what it looks things up in."""
    cdef readonly XdpProgram program
    cdef readonly uint32_t slices
    cdef Control *control
    cdef uint16_t *wanted            # by line: frames an audit still wants
    cdef uint32_t *stamps            # by IPv6 place: tick in which it was seen last
    cdef int places                  # the map from IPv6 addresses to places
    cdef int records                 # the ring
    cdef uint8_t *_slices
    cdef Pages _flows
    cdef list _maps

    cdef inline Slice *slice_at(self, uint32_t number) noexcept nogil:
        return <Slice *>(self._slices + <size_t>number * SLICE_BYTES)

    cdef void *_map(self, str name, size_t size) except NULL
    cdef object _copy(self, str name, Pages pages)
    cdef object _arrange(self, const Tables *shape)


cdef class SliceTotals(Totals):
    """The tables of one CPU, which the program writes."""
    cdef KernelTables kernel
    cdef Tables *mapped
