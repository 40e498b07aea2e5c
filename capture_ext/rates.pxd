from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from capture_ext.limits cimport COLUMNS
from capture_ext.pages cimport Pages

cdef enum:
    POWER_TICKS = 4              # power and peak are measured over so many
    TICKS_LIMIT = 6000           # ticks of a window at the most
    SLOT_RESERVE = 4096          # windows kept free for hosts that cross without one

    # Slot.flags
    SLOT_WATCHED = 1             # read at every pulse, never dropped
    SLOT_CROSSED = 2             # told of; not again until released

cdef struct Window:
    int64_t window_ns
    int64_t tick_ns
    uint32_t ticks
    uint32_t number              # of the last tick
    uint32_t position            # where its figures stand in the rings
    int64_t now_ns               # when it ended
    int64_t *lengths             # real length of the last `ticks` ticks
    int64_t span_ns              # their sum

cdef struct State:               # what the detector knows of a line, one cache line
    uint64_t bytes[4]            # totals at the last reading: tcp, udp, icmp, other
    uint32_t packets[6]          # the same and fragments, syn; modulo 2**32
    uint32_t flows
    uint32_t slot                # its window, 0: none

cdef struct Slot:                # the window of a line
    uint32_t line
    uint32_t place               # in the list of active slots
    uint32_t touched             # number of the last tick with packets
    uint32_t marked              # number of the tick in which the marks were moved
    uint32_t group
    uint32_t flags
    uint64_t sum[COLUMNS]        # over the window; of the columns in use

cdef struct Mark:                # totals at a time one to two windows ago
    State old
    State recent

cdef struct Watch:               # of a watched slot
    double peak
    uint64_t packets[6]          # totals when it began: tcp, udp, icmp, other, fragments, syn

cdef struct Book:
    Window window
    Slot *slots                  # from 1
    Mark *marks
    Watch *watches
    uint32_t *rings[COLUMNS]     # `ticks` figures a slot
    bint used[COLUMNS]
    uint32_t *active
    uint32_t active_count
    uint32_t busy_count          # active ones whose window is not empty
    uint32_t free_slot           # a chain through Slot.line
    uint32_t untouched           # slots from here on were never used
    uint32_t limit
    uint64_t refused             # no window was free

cdef bint advance(Window *window, int64_t now_ns) noexcept nogil
cdef double stretch(const Window *window) noexcept nogil
cdef uint32_t take_slot(Book *book, uint32_t line, const State *state, bint reserve) noexcept nogil
cdef void drop_slot(Book *book, uint32_t number) noexcept nogil
cdef void slide(Book *book, uint32_t number, const uint64_t *figures) noexcept nogil
cdef void decay(Book *book, uint32_t number) noexcept nogil
cdef double power(const Book *book, uint32_t number) noexcept nogil
cdef double latest_power(const Book *book, uint32_t number) noexcept nogil
cdef int64_t started_ns(const Book *book, uint32_t number) noexcept nogil
cdef void rates_of(const Book *book, uint32_t number, const State *state, double *rates) noexcept nogil
cdef void use_columns(Book *book, const bint *wanted) noexcept nogil

cdef class Rates:
    cdef Book book
    cdef list _pages
    cdef void *_take(self, size_t size)
    cdef object _allocate(self, size_t slots)
