from libc.stdint cimport uint32_t

from capture_ext.libbpf cimport LibBpf, close_function

cdef struct Sizes:                   # `sizes` in bpf/tables.bpf.h
    uint32_t slices
    uint32_t hosts
    uint32_t first_ipv6
    uint32_t ipv6_places
    uint32_t ranges
    uint32_t count_internal
    uint32_t action
    uint32_t sample_every
    uint32_t miss_limit
    uint32_t snaplen


cdef class XdpProgram:
    """The program in the kernel, not attached to anything."""
    cdef LibBpf library
    cdef readonly int fd
    cdef void *_object
    cdef close_function _close       # of the library, which may be gone first when garbage is collected
    cdef bytes _log

    cdef object _size_map(self, str name, uint32_t entries)
    cdef int map_fd(self, str name) except -1
