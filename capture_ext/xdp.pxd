from libc.stdint cimport uint32_t

from capture_ext.batch cimport FrameBatch
from capture_ext.source cimport FrameSource
from capture_ext.xdp_ring cimport RecordRing
from capture_ext.xdp_tables cimport KernelTables


cdef class Xdp(FrameSource):
    """One interface, counted in the kernel."""
    cdef readonly object options     # XdpOptions
    cdef object _links               # XdpLinks
    cdef KernelTables kernel         # None until the engine has given it
    cdef RecordRing ring
    cdef object _problem             # OSError: why there is no `kernel`
    cdef object _socket              # in the interface's namespace; None when closed
    cdef object _member              # packet socket that holds promiscuous mode, or None
    cdef object _drops               # InterfaceDrops
    cdef object _statistics          # SourceStatistics of the last look
    cdef object _place               # xdp_links.Place
    cdef str _mode
    cdef str _failure
    cdef readonly bint succeeds      # whether it waits, or waited, for a program before it
    cdef uint32_t _failed
    cdef object _before              # frames and strays counted before `open`

    cdef object prepare(self, KernelTables kernel)
    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil
