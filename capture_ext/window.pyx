# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Read a file piece by piece; see window.pxd."""

from libc.errno cimport EINTR, errno
from libc.stddef cimport size_t
from libc.stdint cimport uint64_t
from libc.string cimport memmove
from posix.stat cimport fstat, stat, struct_stat
from posix.unistd cimport read

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int c_poll "poll" (pollfd *fds, unsigned long count, int timeout_ms)
    enum:
        POLLIN


cdef void start(Window *window, int fd, WindowKind kind) noexcept nogil:
    """Begin at the position of `fd`, with nothing held."""
    window.fd = fd
    window.kind = kind
    window.wait_ms = 0
    window.error = 0
    window.at_end = False
    window.begin = window.end = 0
    window.offset = 0


cdef bint is_readable(Window *window) noexcept nogil:
    """Wait until a pipe has bytes or has ended; False if it is not so in time, or a signal came."""
    cdef pollfd waiting
    waiting.fd = window.fd
    waiting.events = POLLIN
    waiting.revents = 0
    if c_poll(&waiting, 1, window.wait_ms) > 0:
        return True
    window.wait_ms = 0
    return False


cdef bint may_have_grown(Window *window) noexcept nogil:
    """Give a file some time to grow; False if there is no time left."""
    if window.wait_ms <= 0:
        return False
    c_poll(NULL, 0, min(window.wait_ms, <int>FOLLOW_MS))
    window.wait_ms = 0
    return True


cdef bint read_more(Window *window, size_t room) noexcept nogil:
    """Append what one read gives, at most `room` bytes; False if there is nothing at hand and no time to wait."""
    cdef ssize_t size
    if window.kind == PIPE and not is_readable(window):
        return False
    size = read(window.fd, window.memory + window.end, min(room, <size_t>READ_BYTES))
    if size > 0:
        window.end += size
    elif size == 0 and window.kind == GROWING_FILE:
        return may_have_grown(window)
    elif size == 0:
        window.at_end = True
    elif errno != EINTR:
        window.error = errno
        window.at_end = True
    return True


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
        if not read_more(window, WINDOW_BYTES - window.end):
            return False
    return window.end >= size


cdef bint skip(Window *window, uint64_t size) noexcept nogil:
    """Step over `size` bytes, however many; say whether they were there: `offset` tells how far it came."""
    cdef size_t piece
    while size > 0:
        if not fill(window, 1):
            return False
        piece = <size_t>min(size, <uint64_t>held(window))
        advance(window, piece)
        size -= piece
    return True


cdef FaultCode change_of(const Window *window, const char *path) noexcept nogil:
    """Say whether the file that is read is still whole and still the one at `path` (NULL: it has none)."""
    cdef struct_stat ours, there
    if fstat(window.fd, &ours) != 0 or <uint64_t>ours.st_size < window.offset + held(window):
        return FILE_CUT
    if path is NULL:
        return NO_FAULT
    if stat(path, &there) != 0:
        return FILE_REMOVED
    return NO_FAULT if ours.st_ino == there.st_ino and ours.st_dev == there.st_dev else FILE_REPLACED


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
    if not window.at_end:
        return STARVED
    if held(window) == 0 and not window.error:
        return FILE_ENDED
    return broken(fault, code, window, size - held(window))
