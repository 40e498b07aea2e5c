from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from capture_ext.batch cimport FrameBatch
from capture_ext.source cimport FrameSource
from capture_ext.tpacket cimport BlockCursor


cdef class AfPacket(FrameSource):
    """The ring of one interface, or one member of a fanout group on it."""
    cdef object _options          # CaptureOptions
    cdef object _socket           # socket.socket, None when closed
    cdef object _drops            # InterfaceDrops, None when closed
    cdef object _statistics       # SourceStatistics of the last look
    cdef str _failure             # text of the last failure, once closed
    cdef uint8_t *_ring           # `_block_bytes` x `_blocks`, mapped; NULL when closed
    cdef uint32_t _block_bytes
    cdef uint32_t _blocks
    cdef uint32_t _block          # index of the block to read next, or being read
    cdef bint _holding            # whether that block is ours and not given back
    cdef BlockCursor _cursor
    cdef int _fd
    cdef int _interface_index
    cdef int _retire_ms           # the kernel hands a block over after that time
    cdef uint16_t _link_type
    cdef uint64_t _received
    cdef int _error               # errno the socket reported; blocks that are full are still read
    cdef int _failed              # why next_batch gave SOURCE_FAILED, 0: it did not
    cdef bint _lost               # set by statistics(), read by next_batch

    cdef int next_batch(self, FrameBatch *batch, int timeout_ms) noexcept nogil
    cdef bint _next_block(self, int timeout_ms) noexcept nogil
    cdef void _wait(self, int timeout_ms) noexcept nogil
