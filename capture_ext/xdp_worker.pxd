from libc.stdint cimport uint32_t, uint64_t

from capture_ext.batch cimport FrameBatch, Packet
from capture_ext.worker cimport Worker
from capture_ext.xdp cimport Xdp
from capture_ext.xdp_places cimport Places
from capture_ext.xdp_tables cimport KernelTables


cdef class XdpWorker(Worker):
    cdef Xdp xdp
    cdef KernelTables kernel         # None: the program could not be loaded
    cdef Places places
    cdef uint64_t _unplaced          # of all slices, as the directory knows it

    cdef void handle(self, const FrameBatch *batch, const Packet *packets) noexcept nogil
    cdef void attend(self) noexcept nogil
    cdef void _ask(self) noexcept nogil
    cdef void _drain(self) noexcept nogil
