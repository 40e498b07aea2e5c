from libc.stdint cimport int64_t, uint32_t, uint64_t

from capture_ext.audit cimport Audits
from capture_ext.detector cimport Scene
from capture_ext.hosts6 cimport Hosts6
from capture_ext.limits cimport Limits
from capture_ext.pages cimport Pages
from capture_ext.prefixes cimport Prefixes
from capture_ext.rates cimport Rates
from capture_ext.totals cimport Tables
from capture_ext.worker cimport Worker

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass

cdef class Engine:
    cdef Scene scene
    cdef pthread_mutex_t mutex
    cdef readonly Prefixes prefixes
    cdef readonly Hosts6 hosts6
    cdef readonly Limits limits
    cdef readonly list workers
    cdef Rates rates
    cdef Audits audits
    cdef list _pages
    cdef Pages _tick
    cdef bytes _seed
    cdef uint32_t _flow_limit
    cdef uint32_t _frame_bytes
    cdef uint32_t _stopped
    cdef readonly uint64_t lateness_ns
    cdef readonly uint64_t late_5ms, late_50ms, late_500ms      # ticks that came so late at least
    cdef void lock(self) noexcept nogil
    cdef void unlock(self) noexcept nogil
    cdef bint tick_at(self, int64_t now_ns) noexcept nogil
    cdef void note_lateness(self, int64_t late_ns) noexcept nogil
    cdef void *_take(self, size_t size)
    cdef object _allocate(self)
    cdef object enter(self, Worker worker, Tables *tables)
    cdef uint32_t line_of(self, int family, object address, bint outgoing)
    cdef object _enter(self, object address)
