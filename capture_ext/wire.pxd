"""Numbers read from memory the caller has checked: in network byte order, or in either order of a file."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    uint16_t __builtin_bswap16(uint16_t value) noexcept nogil
    uint32_t __builtin_bswap32(uint32_t value) noexcept nogil
    uint64_t __builtin_bswap64(uint64_t value) noexcept nogil


cdef inline uint16_t be16(const uint8_t *data) noexcept nogil:
    """Read 2 bytes at `data`."""
    return <uint16_t>((data[0] << 8) | data[1])


cdef inline uint32_t be32(const uint8_t *data) noexcept nogil:
    """Read 4 bytes at `data`."""
    return (<uint32_t>data[0] << 24) | (<uint32_t>data[1] << 16) | (<uint32_t>data[2] << 8) | data[3]


cdef inline uint64_t be64(const uint8_t *data) noexcept nogil:
    """Read 8 bytes at `data`."""
    return (<uint64_t>be32(data) << 32) | be32(data + 4)


cdef inline uint16_t host16(const uint8_t *data, bint swapped) noexcept nogil:
    """Read 2 bytes at `data` in the host's order, or in the other one if `swapped`."""
    cdef uint16_t value
    memcpy(&value, data, sizeof(value))
    return __builtin_bswap16(value) if swapped else value


cdef inline uint32_t host32(const uint8_t *data, bint swapped) noexcept nogil:
    """Read 4 bytes at `data` in the host's order, or in the other one if `swapped`."""
    cdef uint32_t value
    memcpy(&value, data, sizeof(value))
    return __builtin_bswap32(value) if swapped else value


cdef inline uint64_t host64(const uint8_t *data, bint swapped) noexcept nogil:
    """Read 8 bytes at `data` in the host's order, or in the other one if `swapped`."""
    cdef uint64_t value
    memcpy(&value, data, sizeof(value))
    return __builtin_bswap64(value) if swapped else value
