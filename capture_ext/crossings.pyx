# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Which lines are above a threshold, and what is told of them.

Strictly above: a window that holds exactly what the threshold allows is none.  The first metric over its threshold,
in the order of the metrics, names the crossing.  It is told once; then the line is watched, and stays silent until
it is released.

Nothing is lost when something is full: a crossing that finds the queue full (`postponed`) or no window to watch the
host in (`windowless`) changes nothing, so that the next tick finds it again.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from capture_ext.audit cimport add_before, close_audit, open_audit
from capture_ext.detector cimport QUEUE_LIMIT, Crossed, Scene
from capture_ext.hosts6 cimport pin
from capture_ext.limits cimport (
    COLUMN_BYTES,
    COLUMN_FLOWS,
    COLUMN_PACKETS,
    COLUMN_TCP_BYTES,
    COLUMNS,
    Check,
    Group,
    group_of,
)
from capture_ext.rates cimport (
    SLOT_CROSSED,
    SLOT_WATCHED,
    Slot,
    State,
    power,
    rates_of,
    started_ns,
    stretch,
    take_slot,
)
from capture_ext.readout cimport address_of, figures_of, note_line, packets_of, read_line
from capture_ext.totals cimport COUNTS


cdef inline bint is_outgoing(const Scene *scene, uint32_t line) noexcept nogil:
    return line >= scene.hosts


cdef bint pin_line(Scene *scene, uint32_t line, bint pinned) noexcept nogil:
    """Keep an IPv6 host in its place; True for IPv4.  A host is pinned while one of its lines is watched."""
    cdef uint32_t host = line - scene.hosts if is_outgoing(scene, line) else line
    cdef uint32_t other = host if is_outgoing(scene, line) else host + scene.hosts
    cdef uint32_t slot = scene.states[other].slot
    if host < scene.first_ipv6:
        return True
    if not pinned and slot and scene.book.slots[slot].flags & SLOT_WATCHED:
        return True
    return pin(scene.directory, host - scene.first_ipv6, scene.generations[host - scene.first_ipv6], pinned)


cdef void begin_watch(Scene *scene, uint32_t number, const State *sum, double peak) noexcept nogil:
    """Note what readings of a watched window are counted from."""
    cdef uint32_t line = scene.book.slots[number].line
    cdef int kind
    scene.book.slots[number].flags |= SLOT_WATCHED
    scene.book.watches[number].peak = peak
    for kind in range(COUNTS):
        scene.book.watches[number].packets[kind] = packets_of(scene, line, sum, kind)


cdef uint32_t group_of_line(const Scene *scene, uint32_t line) noexcept nogil:
    """Give the threshold group of a line's host."""
    cdef uint64_t address[2]
    cdef uint32_t host = line - scene.hosts if is_outgoing(scene, line) else line
    if not address_of(scene, line, address):
        return 0
    return group_of(scene.limits, host >= scene.first_ipv6, address)


cdef uint32_t open_window(Scene *scene, uint32_t line, const State *sum) noexcept nogil:
    """Give a line that is to be watched an empty window, out of the reserve if need be; 0 if there is none."""
    cdef uint32_t number = take_slot(scene.book, line, sum, True)
    if number:
        note_line(scene, line, sum)
        scene.states[line].slot = number
        scene.book.slots[number].group = group_of_line(scene, line)
        scene.since[line] = 0
    return number


cdef bint watch_line(Scene *scene, uint32_t line) noexcept nogil:
    """Watch a line, with or without traffic; False if its host has gone or no window is free."""
    cdef State sum
    cdef uint32_t number = scene.states[line].slot
    if number and scene.book.slots[number].flags & SLOT_WATCHED:
        return True
    if not read_line(scene, line, &sum) or not pin_line(scene, line, True):
        return False
    if number == 0:
        number = open_window(scene, line, &sum)
        if number == 0:
            pin_line(scene, line, False)
            return False
    begin_watch(scene, number, &sum, 0)
    return True


cdef void release_line(Scene *scene, uint32_t line) noexcept nogil:
    """Stop watching a line: it may cross again.  Its window goes when it is empty."""
    cdef uint32_t number = scene.states[line].slot
    close_audit(scene.audits, line)
    if number:
        scene.book.slots[number].flags = 0
        pin_line(scene, line, False)


cdef int first_over(const Group *group, bint outgoing, const uint64_t *counts, double factor) noexcept nogil:
    """Give the number of the first check that counts in a window exceed, -1 if none."""
    cdef uint32_t i
    for i in range(group.count[outgoing]):
        if <double>counts[group.checks[outgoing][i].column] > group.checks[outgoing][i].limit * factor:
            return <int>i
    return -1


cdef double rate_of(const Check *check, double count, double seconds, double factor) noexcept nogil:
    """Give a count in a window as a rate in the unit of its metric."""
    if check.column == COLUMN_FLOWS:
        return count / factor
    if check.column == COLUMN_BYTES or check.column >= COLUMN_TCP_BYTES:
        return count * 8 / 1e6 / seconds
    return count / seconds


cdef Crossed *next_crossed(Scene *scene, uint32_t line) noexcept nogil:
    """Give a place in the queue, filled with what is known of the line; NULL (counted) if it is full."""
    cdef Crossed *crossed
    if scene.queued == QUEUE_LIMIT:
        scene.postponed += 1
        return NULL
    crossed = &scene.queue[scene.queued]
    memset(crossed, 0, sizeof(Crossed))
    if not address_of(scene, line, crossed.address):
        return NULL
    crossed.line = line
    crossed.ipv6 = (line - scene.hosts if is_outgoing(scene, line) else line) >= scene.first_ipv6
    crossed.at_ns = scene.book.window.now_ns
    return crossed


cdef void tell(Scene *scene, Crossed *crossed, uint32_t number, const Check *check) noexcept nogil:
    """Put a filled crossing in the queue, watch its line and open its audit."""
    cdef uint32_t worker
    crossed.column = check.column
    crossed.threshold = check.threshold
    scene.queued += 1
    scene.book.slots[number].flags |= SLOT_CROSSED
    if open_audit(scene.audits, crossed.line, is_outgoing(scene, crossed.line), crossed.address):
        for worker in range(scene.workers):
            add_before(scene.audits, crossed.line, scene.rings[worker])


cdef void judge(Scene *scene, uint32_t number) noexcept nogil:
    """Compare a window with its thresholds, and tell of a crossing."""
    cdef const Slot *slot = &scene.book.slots[number]
    cdef bint outgoing = is_outgoing(scene, slot.line)
    cdef const Group *group = &scene.limits.groups[slot.group]
    cdef double factor = stretch(&scene.book.window)
    cdef double seconds = <double>scene.book.window.window_ns * factor / 1e9
    cdef int found = first_over(group, outgoing, slot.sum, factor)
    cdef const Check *check
    cdef Crossed *crossed
    if found < 0:
        return
    crossed = next_crossed(scene, slot.line)
    if crossed is NULL or not pin_line(scene, slot.line, True):
        return
    check = &group.checks[outgoing][found]
    crossed.group = slot.group
    crossed.rate = rate_of(check, <double>slot.sum[check.column], seconds, factor)
    crossed.power = power(scene.book, number)
    crossed.started_ns = started_ns(scene.book, number)
    rates_of(scene.book, number, &scene.states[slot.line], crossed.rates)
    begin_watch(scene, number, &scene.states[slot.line], crossed.power)
    tell(scene, crossed, number, check)


cdef void judge_coarsely(Scene *scene, uint32_t line, const State *sum, uint32_t ticks) noexcept nogil:
    """Judge a line without a window by what it has counted in the last `ticks` ticks, N at the most."""
    cdef bint outgoing = is_outgoing(scene, line)
    cdef const Group *group = &scene.limits.groups[group_of_line(scene, line)]
    cdef double factor = stretch(&scene.book.window)
    cdef double seconds = <double>scene.book.window.window_ns * factor / 1e9
    cdef uint64_t counts[COLUMNS]
    cdef int found, column
    cdef uint32_t number
    cdef Crossed *crossed
    cdef const Check *check
    figures_of(&scene.states[line], sum, counts)
    found = first_over(group, outgoing, counts, factor)
    if found < 0:
        return
    crossed = next_crossed(scene, line)
    if crossed is NULL or not pin_line(scene, line, True):
        return
    number = open_window(scene, line, sum)
    if number == 0:
        scene.windowless += 1
        pin_line(scene, line, False)
        return
    for column in range(COLUMNS):
        crossed.rates[column] = <double>counts[column] / seconds
        if column == COLUMN_BYTES or column >= COLUMN_TCP_BYTES:
            crossed.rates[column] *= 8
    crossed.rates[<int>COLUMN_FLOWS] = <double>counts[<int>COLUMN_FLOWS] / factor
    crossed.group = scene.book.slots[number].group
    check = &group.checks[outgoing][found]
    crossed.rate = rate_of(check, <double>counts[check.column], seconds, factor)
    crossed.power = crossed.rates[<int>COLUMN_PACKETS]
    crossed.started_ns = scene.book.window.now_ns - <int64_t>ticks * scene.book.window.tick_ns
    begin_watch(scene, number, sum, crossed.power)
    tell(scene, crossed, number, check)
