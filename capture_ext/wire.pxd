"""Numbers in network byte order, read from memory the caller has checked."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t


cdef inline uint16_t be16(const uint8_t *data) noexcept nogil:
    """Read 2 bytes at `data`."""
    return <uint16_t>((data[0] << 8) | data[1])


cdef inline uint32_t be32(const uint8_t *data) noexcept nogil:
    """Read 4 bytes at `data`."""
    return (<uint32_t>data[0] << 24) | (<uint32_t>data[1] << 16) | (<uint32_t>data[2] << 8) | data[3]


cdef inline uint64_t be64(const uint8_t *data) noexcept nogil:
    """Read 8 bytes at `data`."""
    return (<uint64_t>be32(data) << 32) | be32(data + 4)
