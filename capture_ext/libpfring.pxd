"""Our own declarations of the few functions of libpfring that are used, alike in its releases 6.0.3 to 8.9."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef enum:
    HEADER_BYTES = 512       # the largest known header has 209; room for those to come

cdef struct RingHeader:      # struct pfring_pkthdr of every release from 6.0.3 to 8.9, as far as it is alike
    int64_t seconds
    int64_t microseconds
    uint32_t captured
    uint32_t wire_bytes
    uint64_t nanoseconds     # since the epoch, or of the card's own clock; 0: not set
    uint32_t flags

cdef union HeaderBuffer:
    RingHeader header
    uint8_t room[HEADER_BYTES]

ctypedef void *(*open_function)(const char *device, uint32_t caplen, uint32_t flags) noexcept nogil
ctypedef void (*ring_function)(void *ring) noexcept nogil
ctypedef int (*asking_function)(void *ring) noexcept nogil
ctypedef int (*setting_function)(void *ring, int value) noexcept nogil
ctypedef int (*name_function)(void *ring, char *name) noexcept nogil
ctypedef int (*cluster_function)(void *ring, unsigned int cluster, int kind) noexcept nogil
ctypedef int (*statistics_function)(void *ring, void *figures) noexcept nogil
ctypedef int (*receive_function)(
    void *ring, uint8_t **frame, unsigned int buffer_bytes, void *header, uint8_t wait
) noexcept nogil


cdef class LibPfring:
    """The loaded library; it is never unloaded.  Functions marked optional may be NULL."""
    cdef readonly str name
    cdef open_function open_ring
    cdef ring_function close_ring
    cdef ring_function shutdown_ring           # optional
    cdef asking_function enable_ring
    cdef asking_function get_selectable_fd
    cdef receive_function receive
    cdef statistics_function statistics
    cdef name_function set_application_name    # optional
    cdef setting_function set_socket_mode      # optional
    cdef setting_function set_direction        # optional
    cdef cluster_function set_cluster          # optional

    cdef void *_load(self, tuple names) except NULL
    cdef void *_symbol(self, void *handle, str symbol) except NULL
    cdef bint prepare(self, void *ring) noexcept
    cdef bint join(self, void *ring, unsigned int cluster, int kind) noexcept

cdef int64_t frame_time(const RingHeader *header) noexcept nogil
