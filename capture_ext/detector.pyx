# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""The tick: from touched lines to crossings.  One code path, live and in a replay; the time is an argument.

A tick
1. ends at `now`; the capture threads get the next tick's number first, so that a flow counted under the new number is
   never read with the old tick (flows.pyx);
2. takes the touched bits of all threads and reads those lines alone: what they counted since the last reading moves
   their windows on;
3. goes through the active windows: those not touched decay, empty ones are given back, the others are judged;
4. settles the audits.

So silence costs the scan of the touched bits, and traffic costs what it touches.

Without a window.  When `slots` windows are in use (they are many: hosts with traffic within one window), a line is
counted in blocks instead: from its first touched tick on, over at most N ticks, against the same thresholds, then it
begins anew.  A tick that ends a block too late goes uncounted, so no block is ever above what a window would hold.  A
steady flood is seen within two windows instead of a part of one; a burst that straddles two blocks may be missed.  It
is counted (`refused`); SLOT_RESERVE windows are held back for lines that cross this way.

An IPv6 place that changed its host begins from zero: what the old host counted since the last tick is dropped with it.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.string cimport memset

from capture_ext.atomics cimport exchange64, lowest_bit, peek64, read_ahead, set32
from capture_ext.audit cimport settle_audits
from capture_ext.crossings cimport group_of_line, judge, judge_coarsely
from capture_ext.hosts6 cimport generation_of
from capture_ext.limits cimport COLUMN_PACKETS, COLUMNS, LimitTable
from capture_ext.rates cimport (
    SLOT_CROSSED,
    SLOT_WATCHED,
    Book,
    Slot,
    State,
    advance,
    decay,
    drop_slot,
    latest_power,
    slide,
    take_slot,
    use_columns,
)
from capture_ext.readout cimport figures_of, note_line, read_ahead_line, read_line
from capture_ext.totals cimport COURSES

cdef enum:
    CHUNK = 64                   # lines whose memory is asked for together
    AHEAD = 8                    # windows asked for in advance


cdef void forget_window(Scene *scene, uint32_t line) noexcept nogil:
    """Drop the window of a line, if it has one."""
    if scene.states[line].slot:
        drop_slot(scene.book, scene.states[line].slot)
        scene.states[line].slot = 0


cdef void check_generation(Scene *scene, uint32_t host) noexcept nogil:
    """Begin both lines of an IPv6 place anew if its host has changed."""
    cdef uint32_t place = host - scene.first_ipv6
    cdef uint32_t generation = generation_of(scene.directory, place)
    cdef uint32_t line
    cdef int direction
    if generation == scene.generations[place]:
        return
    scene.generations[place] = generation
    for direction in range(2):
        line = host + scene.hosts * <uint32_t>direction
        forget_window(scene, line)
        memset(&scene.states[line], 0, sizeof(State))
        memset(&scene.carries[<size_t>line * CARRY_KINDS], 0, CARRY_KINDS * sizeof(uint16_t))
        scene.since[line] = 0


cdef void count_coarsely(Scene *scene, uint32_t line, const State *sum) noexcept nogil:
    """Count a line that has no window."""
    cdef uint32_t number = scene.book.window.number
    cdef uint32_t ticks
    if scene.since[line] == 0:
        scene.since[line] = number
    ticks = number - scene.since[line] + 1
    if ticks <= scene.book.window.ticks:
        judge_coarsely(scene, line, sum, ticks)
    if scene.states[line].slot == 0 and ticks >= scene.book.window.ticks:
        note_line(scene, line, sum)
        scene.since[line] = 0


cdef void absorb(Scene *scene, uint32_t line) noexcept nogil:
    """Take over what a touched line has counted."""
    cdef uint32_t host = line if line < scene.hosts else line - scene.hosts
    cdef State *state = &scene.states[line]
    cdef State sum
    cdef uint64_t figures[COLUMNS]
    if host >= scene.first_ipv6:
        check_generation(scene, host)
    if not read_line(scene, line, &sum):
        return
    if state.slot == 0 and scene.since[line] == 0:
        state.slot = take_slot(scene.book, line, state, False)
        if state.slot:
            scene.book.slots[state.slot].group = group_of_line(scene, line)
    if state.slot == 0:
        count_coarsely(scene, line, &sum)
        return
    figures_of(state, &sum, figures)
    note_line(scene, line, &sum)
    if figures[<int>COLUMN_PACKETS]:
        slide(scene.book, state.slot, figures)


cdef void absorb_chunk(Scene *scene, const uint32_t *lines, uint32_t count) noexcept nogil:
    """Take over some touched lines, their memory asked for first."""
    cdef uint32_t i
    for i in range(count):
        read_ahead_line(scene, lines[i])
    for i in range(count):
        absorb(scene, lines[i])


cdef uint64_t take_touched(Scene *scene, uint32_t word) noexcept nogil:
    """Give the touched bits of 64 lines, of all threads, and take them away."""
    cdef uint64_t bits = 0
    cdef uint32_t worker
    for worker in range(scene.workers):
        if peek64(&scene.tables[worker].touched[word]):
            bits |= exchange64(&scene.tables[worker].touched[word], 0)
    return bits


cdef void absorb_touched(Scene *scene) noexcept nogil:
    """Take over all that was touched since the last tick."""
    cdef uint32_t lines[CHUNK * 2]
    cdef uint32_t word, count = 0
    cdef uint64_t bits
    for word in range(scene.hosts * 2 // 64):
        bits = take_touched(scene, word)
        if bits == 0:
            continue
        scene.seen[word] |= bits
        while bits:
            lines[count] = word * 64 + <uint32_t>lowest_bit(bits)
            bits &= bits - 1
            count += 1
        if count >= CHUNK:
            absorb_chunk(scene, lines, count)
            count = 0
    absorb_chunk(scene, lines, count)


cdef bint settle(Scene *scene, uint32_t number) noexcept nogil:
    """Finish the tick of one window; False if it was given back."""
    cdef Book *book = scene.book
    cdef Slot *slot = &book.slots[number]
    cdef State *state = &scene.states[slot.line]
    if slot.touched != book.window.number:
        decay(book, number)
    if slot.sum[<int>COLUMN_PACKETS] == 0 and not slot.flags & SLOT_WATCHED:
        forget_window(scene, slot.line)
        return False
    if book.window.number - slot.marked >= book.window.ticks:
        slot.marked = book.window.number
        book.marks[number].old = book.marks[number].recent
        book.marks[number].recent = state[0]
    book.busy_count += slot.sum[<int>COLUMN_PACKETS] != 0
    if slot.flags & SLOT_WATCHED:
        book.watches[number].peak = max(book.watches[number].peak, latest_power(book, number))
    if not slot.flags & SLOT_CROSSED:
        judge(scene, number)
    return True


cdef void settle_all(Scene *scene) noexcept nogil:
    """Finish the tick of every active window."""
    cdef Book *book = scene.book
    cdef uint32_t place = 0
    book.busy_count = 0
    while place < book.active_count:
        if place + AHEAD < book.active_count:
            read_ahead(&book.slots[book.active[place + AHEAD]])
            read_ahead(&book.slots[book.active[place + AHEAD]].sum[6])
        # One that is given back has the last one of the list in its place.
        place += settle(scene, book.active[place])


cdef void count_courses(Scene *scene) noexcept nogil:
    """Move the windows of the class totals on."""
    cdef CourseWindow *course
    cdef uint64_t *place
    cdef uint64_t packets, bytes
    cdef uint32_t worker
    cdef int i
    for i in range(COURSES):
        course = &scene.courses[i]
        packets = bytes = 0
        for worker in range(scene.workers):
            packets += peek64(&scene.tables[worker].packets[i])
            bytes += peek64(&scene.tables[worker].bytes[i])
        place = &scene.course_rings[(scene.book.window.position * COURSES + i) * 2]
        course.packets += packets - course.packets_seen - place[0]
        course.bytes += bytes - course.bytes_seen - place[1]
        place[0] = packets - course.packets_seen
        place[1] = bytes - course.bytes_seen
        course.packets_seen = packets
        course.bytes_seen = bytes


cdef bint run_tick(Scene *scene, int64_t now_ns) noexcept nogil:
    """End a tick at `now_ns`; True if crossings or full audits wait to be fetched."""
    if not advance(&scene.book.window, now_ns):
        scene.clock_stopped += 1
        return False
    set32(scene.tick, scene.book.window.number + 1)
    absorb_touched(scene)
    settle_all(scene)
    count_courses(scene)
    return settle_audits(scene.audits) > 0 or scene.queued > 0


cdef void regroup(Scene *scene, const LimitTable *limits) noexcept nogil:
    """Put other thresholds in place, between two ticks."""
    cdef bint wanted[COLUMNS]
    cdef uint32_t i
    cdef int column
    for column in range(COLUMNS):
        wanted[column] = limits.used[column] or column < 2 or (column == 2 and scene.book.used[column])
    scene.limits = limits
    use_columns(scene.book, wanted)
    for i in range(scene.book.active_count):
        scene.book.slots[scene.book.active[i]].group = group_of_line(scene, scene.book.slots[scene.book.active[i]].line)
