from libc.stdint cimport uint8_t, uint32_t, uint64_t

from capture_ext.hosts6 cimport Directory
from capture_ext.libbpf cimport delete_function, update_function
from capture_ext.pages cimport Pages
from capture_ext.totals cimport Tables
from capture_ext.xdp_tables cimport KernelTables

cdef struct PlaceBook:               # what the kernel was told, and how to tell it
    Tables *tables                   # of the engine's own thread
    Tables *first                    # of the first slice
    uint32_t slices
    uint32_t *stamps                 # by place: tick in which the program saw it last
    uint64_t (*keys)[2]              # by place: the address the program was told
    uint32_t *known                  # by place: the generation it was told, 0: none
    uint32_t swept                   # bucket that the sweep comes to next
    int map
    update_function update
    delete_function delete

cdef void enter_host(PlaceBook *book, const uint64_t *address, uint32_t tick) noexcept nogil
cdef void tell_place(PlaceBook *book, const uint64_t *address, uint32_t place) noexcept nogil
cdef void sweep_places(PlaceBook *book) noexcept nogil


cdef class Places:
    """Owns the memory of a PlaceBook."""
    cdef PlaceBook book
    cdef KernelTables _kernel
    cdef Pages _keys
    cdef Pages _known

    cdef object set_up(self, KernelTables kernel, Tables *tables)
