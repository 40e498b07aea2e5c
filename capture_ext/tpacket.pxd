"""C names of the TPACKET_V3 block walker."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from capture_ext.batch cimport FrameBatch

cdef struct BlockCursor:
    const uint8_t *block     # the block that is being walked
    uint32_t used            # bytes of it that hold frames, from its start
    uint32_t offset          # of the next frame
    uint32_t left            # frames not handed out yet
    uint16_t link_type

cdef enum:
    BLOCK_CORRUPT = -1

cdef bint block_is_ours(const uint8_t *block) noexcept nogil
cdef void give_block_back(uint8_t *block) noexcept nogil
cdef int begin_block(
    BlockCursor *cursor, const uint8_t *block, uint32_t block_bytes, uint16_t link_type
) noexcept nogil
cdef int take_frames(BlockCursor *cursor, FrameBatch *batch) noexcept nogil
