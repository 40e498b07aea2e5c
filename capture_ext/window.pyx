# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Read a file piece by piece; see window.pxd."""

from libc.errno cimport EINTR, errno
from libc.stddef cimport size_t
from libc.stdint cimport uint64_t
from libc.string cimport memmove
from posix.unistd cimport read


cdef void start(Window *window, int fd) noexcept nogil:
    """Begin at the position of `fd`, with nothing held."""
    window.fd = fd
    window.error = 0
    window.at_end = False
    window.begin = window.end = 0
    window.offset = 0


cdef void read_more(Window *window, size_t room) noexcept nogil:
    """Append what one read gives, at most `room` bytes."""
    cdef ssize_t size = read(window.fd, window.memory + window.end, min(room, <size_t>READ_BYTES))
    if size > 0:
        window.end += size
    elif size == 0:
        window.at_end = True
    elif errno != EINTR:
        window.error = errno
        window.at_end = True


cdef bint fill(Window *window, size_t size) noexcept nogil:
    """Hold at least `size` bytes (up to WINDOW_BYTES) if the file has them, and say whether it has.

    Moves what is held: pointers into the window are void afterwards.
    """
    cdef size_t unread = held(window)
    if unread >= size:
        return True
    if size > WINDOW_BYTES:
        return False
    memmove(window.memory, first(window), unread)
    window.begin = 0
    window.end = unread
    while window.end < size and not window.at_end:
        read_more(window, WINDOW_BYTES - window.end)
    return window.end >= size


cdef bint skip(Window *window, uint64_t size) noexcept nogil:
    """Step over `size` bytes, however many; say whether the file has them."""
    cdef size_t piece
    while size > 0:
        if not fill(window, 1):
            return False
        piece = <size_t>min(size, <uint64_t>held(window))
        advance(window, piece)
        size -= piece
    return True


cdef int broken(Fault *fault, FaultCode code, const Window *window, uint64_t value) noexcept nogil:
    """Note what is wrong with the record at the window's first byte; a failed read comes before everything."""
    fault.code = READ_FAILED if window.error else code
    fault.offset = window.offset
    fault.value = <uint64_t>window.error if window.error else value
    return FILE_BROKEN


cdef int need_more(Window *window, size_t size, bint may_fill, FaultCode code, Fault *fault) noexcept nogil:
    """See `need`: what it does when the bytes are not held."""
    if not may_fill:
        return NEEDS_FILL
    if fill(window, size):
        return GOT_FRAME
    if held(window) == 0 and not window.error:
        return FILE_ENDED
    return broken(fault, code, window, size - held(window))
