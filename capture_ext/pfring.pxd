from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from capture_ext.batch cimport Frame, FrameBatch
from capture_ext.libpfring cimport HeaderBuffer, LibPfring, receive_function, ring_function
from capture_ext.source cimport FrameSource

cdef class PfRing(FrameSource):
    """One ring on a device, or one member of a cluster on it."""
    cdef object _options          # RingOptions
    cdef object _interface        # the kernel's name of the device, None: it has none
    cdef object _drops            # InterfaceDrops, or None
    cdef object _control          # socket.socket in the namespace of the ring, or None
    cdef object _statistics       # SourceStatistics of the last look
    cdef object _warnings         # tuple[str, ...]
    cdef str _failure             # text of the last failure, once closed
    cdef str _lost                # what statistics() found out about the interface, "" if it is well
    cdef LibPfring _functions
    cdef receive_function _receive_frame
    cdef ring_function _close_ring
    cdef void *_ring              # NULL when closed
    cdef uint8_t *_memory         # BATCH x `_snaplen`: the frames of the batch given last; made at the first open
    cdef uint32_t _snaplen
    cdef uint16_t _link_type
    cdef bint _woken              # the descriptor woke us and no frame has come since
    cdef int _fd                  # -1: the device has none
    cdef uint64_t _received
    cdef int _error               # what pfring_recv gave; frames before it are still given
    cdef int _failed              # why next_batch gave SOURCE_FAILED or SOURCE_ENDED, 0: it did not
    cdef bint _file               # whether the device is a capture file of the library
    cdef bint _interface_lost     # set by statistics(), read by next_batch
    cdef HeaderBuffer _header

    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil
    cdef uint32_t _receive(self, FrameBatch *batch) noexcept nogil
    cdef void _keep(self, Frame *frame, uint32_t slot, const uint8_t *data) noexcept nogil
    cdef void _wait(self, int timeout_ms) noexcept nogil
    cdef void _release(self)
