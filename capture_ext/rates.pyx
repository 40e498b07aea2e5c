# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Sliding windows of the lines that have traffic.

Theory.  The window is N ticks.  A line with traffic has a slot: for each column in use a ring of N figures, one a
tick, and their sum.  A tick replaces the oldest figure: `slide` with what was counted, `decay` with zero.  The real
lengths of the ticks stand in one ring for all.  With S the sum and L the sum of the lengths,

    rate = S / max(window, L)

so that a late tick (the process lost its processor) makes the window longer and no rate higher.  Before the first
window has passed, the ring is as if silence had gone before: rate = count / window.

Only a line with traffic in its window has a slot, or one that is watched; `slots` is the bound.  What happens without
one is told in detector.pyx.

Columns.  Packets, bytes and flows are always kept, others only if a threshold uses them: 80 bytes a column and slot.
For the rest `rates_of` takes their share in the packets (or bytes) of the last one to two windows, from two marks of
the totals that are moved on once a window.  Enough to tell what an attack is made of, and nothing is decided by it.

A figure is 32 bits and stays at its highest value rather than wrap: more than 4 GB in one tick at one host.

Everything here belongs to the detector.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from capture_ext.limits cimport (
    COLUMN_BYTES,
    COLUMN_FLOWS,
    COLUMN_PACKETS,
    COLUMN_TCP,
    COLUMN_TCP_BYTES,
    COLUMNS,
)
from capture_ext.pages cimport Pages

cdef extern from *:
    const uint32_t FIGURE_LIMIT "0xffffffffu"


cdef bint advance(Window *window, int64_t now_ns) noexcept nogil:
    """End a tick at `now_ns`; False if no time has passed since the last one."""
    cdef int64_t length = now_ns - window.now_ns
    if length <= 0:
        return False
    window.number += 1
    window.position = window.position + 1 if window.position + 1 < window.ticks else 0
    window.span_ns += length - window.lengths[window.position]
    window.lengths[window.position] = length
    window.now_ns = now_ns
    return True


cdef double stretch(const Window *window) noexcept nogil:
    """Give by how much the last N ticks were longer than a window, 1.0 at least."""
    return <double>max(window.window_ns, window.span_ns) / <double>window.window_ns


cdef inline uint32_t *ring_of(const Book *book, int column, uint32_t number) noexcept nogil:
    return book.rings[column] + <size_t>number * book.window.ticks


cdef uint32_t new_number(Book *book, bint reserve) noexcept nogil:
    """Give a slot that is not in use, 0 if there is none; the last ones only with `reserve`."""
    cdef uint32_t number = book.free_slot
    if book.active_count + (0 if reserve else SLOT_RESERVE) >= book.limit:
        return 0
    if number:
        book.free_slot = book.slots[number].line
        return number
    book.untouched += 1
    return book.untouched - 1


cdef uint32_t take_slot(Book *book, uint32_t line, const State *state, bint reserve) noexcept nogil:
    """Give a line an empty window; 0 (counted) if none is free.  `state` is the line's, before this tick."""
    cdef uint32_t number = new_number(book, reserve)
    cdef Slot *slot = &book.slots[number]
    cdef int column
    if number == 0:
        book.refused += 1
        return 0
    memset(slot, 0, sizeof(Slot))
    slot.line = line
    slot.place = book.active_count
    slot.marked = book.window.number
    book.active[book.active_count] = number
    book.active_count += 1
    book.marks[number].old = state[0]
    book.marks[number].recent = state[0]
    for column in range(COLUMNS):
        if book.used[column]:
            memset(ring_of(book, column, number), 0, book.window.ticks * sizeof(uint32_t))
    return number


cdef void drop_slot(Book *book, uint32_t number) noexcept nogil:
    """Give a window back.  The last one of the active list takes its place."""
    cdef uint32_t place = book.slots[number].place
    cdef uint32_t last
    book.active_count -= 1
    last = book.active[book.active_count]
    book.active[place] = last
    book.slots[last].place = place
    book.slots[number].line = book.free_slot
    book.free_slot = number


cdef inline void replace(Book *book, uint32_t number, int column, uint64_t figure) noexcept nogil:
    """Put this tick's figure in the place of the oldest one."""
    cdef uint32_t *place = ring_of(book, column, number) + book.window.position
    cdef uint32_t kept = <uint32_t>figure if figure < FIGURE_LIMIT else FIGURE_LIMIT
    book.slots[number].sum[column] += <uint64_t>kept - place[0]
    place[0] = kept


cdef void slide(Book *book, uint32_t number, const uint64_t *figures) noexcept nogil:
    """Move a window on by a tick with traffic."""
    cdef int column
    for column in range(COLUMNS):
        if book.used[column]:
            replace(book, number, column, figures[column])
    book.slots[number].touched = book.window.number


cdef void decay(Book *book, uint32_t number) noexcept nogil:
    """Move a window on by a silent tick."""
    cdef int column
    for column in range(COLUMNS):
        if book.used[column]:
            replace(book, number, column, 0)


cdef double pps_back(const Book *book, const uint32_t *packets, uint32_t back) noexcept nogil:
    """Give the packet rate of the POWER_TICKS ticks that end `back` ticks ago, by their real lengths."""
    cdef const Window *window = &book.window
    cdef uint64_t count = 0
    cdef int64_t length = 0
    cdef uint32_t i, place
    for i in range(back, back + POWER_TICKS):
        place = (window.position + window.ticks - i) % window.ticks
        count += packets[place]
        length += window.lengths[place]
    return <double>count * 1e9 / <double>length


cdef double power(const Book *book, uint32_t number) noexcept nogil:
    """Give the highest packet rate over any POWER_TICKS ticks in a row of the window."""
    cdef const uint32_t *packets = ring_of(book, COLUMN_PACKETS, number)
    cdef double highest = 0
    cdef uint32_t back
    for back in range(book.window.ticks - POWER_TICKS + 1):
        highest = max(highest, pps_back(book, packets, back))
    return highest


cdef double latest_power(const Book *book, uint32_t number) noexcept nogil:
    """Give the packet rate of the last POWER_TICKS ticks."""
    return pps_back(book, ring_of(book, COLUMN_PACKETS, number), 0)


cdef int64_t started_ns(const Book *book, uint32_t number) noexcept nogil:
    """Give when the first tick of the window with packets began."""
    cdef const Window *window = &book.window
    cdef const uint32_t *packets = ring_of(book, COLUMN_PACKETS, number)
    cdef int64_t began = window.now_ns
    cdef int64_t found = window.now_ns
    cdef uint32_t back, place
    for back in range(window.ticks):
        place = (window.position + window.ticks - back) % window.ticks
        began -= window.lengths[place]
        if packets[place]:
            found = began
    return found


cdef double share(const State *state, const State *mark, int column) noexcept nogil:
    """Give the part that a column had in all packets, or in all bytes, since a mark of the totals."""
    cdef uint64_t whole = 0, part
    cdef int kind
    for kind in range(4):
        if column < COLUMN_TCP_BYTES:
            whole += <uint32_t>(state.packets[kind] - mark.packets[kind])
        else:
            whole += state.bytes[kind] - mark.bytes[kind]
    if column < COLUMN_TCP_BYTES:
        part = <uint32_t>(state.packets[column - COLUMN_TCP] - mark.packets[column - COLUMN_TCP])
    else:
        part = state.bytes[column - COLUMN_TCP_BYTES] - mark.bytes[column - COLUMN_TCP_BYTES]
    return <double>part / <double>whole if whole else 0.0


cdef void rates_of(const Book *book, uint32_t number, const State *state, double *rates) noexcept nogil:
    """Fill the rates of a window: packets and bits a second, and flows; one a column."""
    cdef const Slot *slot = &book.slots[number]
    cdef double seconds = <double>book.window.window_ns * stretch(&book.window) / 1e9
    cdef int column, whole
    for column in range(COLUMNS):
        whole = COLUMN_PACKETS if column < COLUMN_TCP_BYTES else COLUMN_BYTES
        if book.used[column]:
            rates[column] = <double>slot.sum[column] / seconds
        elif column == COLUMN_FLOWS:
            rates[column] = 0
        else:
            rates[column] = <double>slot.sum[whole] / seconds * share(state, &book.marks[number].old, column)
    rates[COLUMN_FLOWS] = <double>slot.sum[COLUMN_FLOWS] / stretch(&book.window)
    for column in range(COLUMNS):
        if column == COLUMN_BYTES or column >= COLUMN_TCP_BYTES:
            rates[column] *= 8


cdef void use_columns(Book *book, const bint *wanted) noexcept nogil:
    """Keep these columns from now on; one that is new begins empty."""
    cdef uint32_t i
    cdef int column
    for column in range(COLUMNS):
        if wanted[column] and not book.used[column]:
            for i in range(book.active_count):
                memset(ring_of(book, column, book.active[i]), 0, book.window.ticks * sizeof(uint32_t))
                book.slots[book.active[i]].sum[column] = 0
        book.used[column] = wanted[column]


cdef class Rates:
    """The memory of the windows.

    Args:
        window_ns: Length of the window, a whole number of ticks, POWER_TICKS of them or more.
        tick_ns: Length of a tick.
        slots: Windows at once.

    Raises:
        ValueError: If the window is no such number of ticks.
    """

    def __init__(self, int64_t window_ns, int64_t tick_ns, uint32_t slots):
        cdef Book *book = &self.book
        if tick_ns < 1 or window_ns % tick_ns or not POWER_TICKS <= window_ns // tick_ns <= TICKS_LIMIT:
            raise ValueError(
                f"window of {window_ns / 1e9} s with ticks of {tick_ns / 1e9} s: {POWER_TICKS} to {TICKS_LIMIT} whole "
                "ticks are needed"
            )
        book.window.window_ns = book.window.span_ns = window_ns
        book.window.tick_ns = tick_ns
        book.window.ticks = window_ns // tick_ns
        book.limit = slots + SLOT_RESERVE
        book.untouched = 1
        self._pages = []
        self._allocate(book.limit + 1)

    cdef void *_take(self, size_t size):
        pages = Pages(size)
        self._pages.append(pages)
        return (<Pages>pages).data

    cdef object _allocate(self, size_t slots):
        cdef Book *book = &self.book
        cdef uint32_t tick
        cdef int column
        book.slots = <Slot *>self._take(slots * sizeof(Slot))
        book.marks = <Mark *>self._take(slots * sizeof(Mark))
        book.watches = <Watch *>self._take(slots * sizeof(Watch))
        book.active = <uint32_t *>self._take(slots * sizeof(uint32_t))
        for column in range(COLUMNS):
            book.rings[column] = <uint32_t *>self._take(slots * book.window.ticks * sizeof(uint32_t))
        book.window.lengths = <int64_t *>self._take(book.window.ticks * sizeof(int64_t))
        for tick in range(book.window.ticks):
            book.window.lengths[tick] = book.window.tick_ns
