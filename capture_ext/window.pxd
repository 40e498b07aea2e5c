"""A piece of a capture file in memory, read ahead; the file is never mapped.

A file that is cut while it is read simply ends: a mapping would kill the process with SIGBUS, and no check of the size
is ever recent enough.  The copy costs 5 ns more than a mapping for a frame of 60 bytes.

A pipe, and a file that is followed while it grows, may have nothing at hand.  Then `fill` waits for `wait_ms` once and
gives up; what is held stays, and the next call goes on where this one stopped.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

cdef enum:
    WINDOW_BYTES = 1 << 20       # memory of one window: bound of what must be readable at once
    READ_BYTES = 1 << 18         # asked of the kernel at once: stays in the L2 cache

    FRAME_BYTES = 262144         # captured bytes of one frame, more are a fault (libpcap's own bound)

    FOLLOW_MS = 100              # between two looks at a file that grows

# Window.kind: what a read that gives nothing means
cdef enum WindowKind:
    WHOLE_FILE = 0               # its end
    PIPE = 1                     # its end, once the writer has closed it; until then there is something to wait for
    GROWING_FILE = 2             # nothing yet

# What reading a record gives
cdef enum Step:
    STARVED = 3              # not all of it is at hand: try again later
    GOT_NOTHING = 2          # a record without a frame
    GOT_FRAME = 1
    NEEDS_FILL = 0           # the frames held have to be given away first
    FILE_ENDED = -1
    FILE_BROKEN = -2         # the Fault says why

# Fault.code: index of the text in file_faults._TEXTS
cdef enum FaultCode:
    NO_FAULT = 0
    READ_FAILED = 1          # value: errno
    CUT_HEADER = 2           # value of these three: bytes missing
    CUT_FRAME = 3
    CUT_BLOCK = 4
    FRAME_TOO_LONG = 5       # value: captured bytes
    BLOCK_LENGTH = 6         # value of these three: the length
    BLOCK_TRAILER = 7
    BLOCK_TOO_LONG = 8
    FRAME_OUTSIDE = 9        # value: captured bytes
    SECTION_ORDER = 10       # value: byte-order magic
    SECTION_VERSION = 11     # value: major version
    UNKNOWN_INTERFACE = 12   # value: its number
    TOO_MANY_INTERFACES = 13
    OPTION_OUTSIDE = 14      # value: its code
    RESOLUTION = 15          # value: if_tsresol
    BAD_LINK_TYPE = 16       # value: its number
    NO_CAPTURE = 17          # value: bytes there are, 8 at the most; they stay at `first`
    PCAP_VERSION = 18        # value: major << 16 | minor
    PCAP_LINK_TYPE = 19      # value: its number
    FILE_CUT = 20            # value: its size now
    FILE_REPLACED = 21
    FILE_REMOVED = 22
    PACKED = 23              # compressed, where it cannot be read so
    UNPACKING = 24           # the text is elsewhere

cdef struct Fault:
    FaultCode code
    uint64_t offset          # where the record begins
    uint64_t value

cdef struct Window:
    int fd
    WindowKind kind
    int wait_ms              # how long the next read may wait; a wait for nothing makes it 0
    int error                # errno of a failed read, 0: none
    bint at_end              # no byte of the file is left but those in memory
    uint8_t *memory          # WINDOW_BYTES; belongs to the source
    size_t begin             # unread bytes: memory[begin:end]
    size_t end
    uint64_t offset          # of memory[begin] in the file

cdef void start(Window *window, int fd, WindowKind kind) noexcept nogil
cdef bint fill(Window *window, size_t size) noexcept nogil
cdef bint skip(Window *window, uint64_t size) noexcept nogil
cdef int need_more(Window *window, size_t size, bint may_fill, FaultCode code, Fault *fault) noexcept nogil
cdef FaultCode change_of(const Window *window, const char *path) noexcept nogil
cdef int broken(Fault *fault, FaultCode code, const Window *window, uint64_t value) noexcept nogil


cdef inline size_t held(const Window *window) noexcept nogil:
    """Give the number of bytes that may be read at `first`."""
    return window.end - window.begin


cdef inline const uint8_t *first(const Window *window) noexcept nogil:
    """Give the first unread byte; valid until `fill` or `skip`."""
    return window.memory + window.begin


cdef inline void advance(Window *window, size_t size) noexcept nogil:
    """Step over `size` held bytes."""
    window.begin += size
    window.offset += size


cdef inline int need(Window *window, size_t size, bint may_fill, FaultCode code, Fault *fault) noexcept nogil:
    """Make `size` bytes readable: GOT_FRAME if they are, else the Step that says what to do.

    A file that ends at the window's first byte has ended; one that ends later is broken, by `code`; one that has not
    ended is STARVED.
    """
    return GOT_FRAME if held(window) >= size else need_more(window, size, may_fill, code, fault)
