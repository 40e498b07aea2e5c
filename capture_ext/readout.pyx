# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Totals of one line, summed over the capture threads that count it.

Only relaxed loads: the owner may be writing.  Packets are sums modulo 2**32 of the threads' 32-bit counts; their
difference to the last reading is exact as long as fewer than 2**32 packets lie between.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from capture_ext.atomics cimport ACQUIRE, fence, peek32, peek64, read_ahead, take32
from capture_ext.detector cimport CARRY_KINDS, Scene
from capture_ext.hosts6 cimport generation_of, read_key
from capture_ext.limits cimport COLUMN_BYTES, COLUMN_FLOWS, COLUMN_PACKETS, COLUMN_TCP, COLUMN_TCP_BYTES, COLUMNS
from capture_ext.prefixes cimport ipv4_address
from capture_ext.rates cimport State
from capture_ext.totals cimport COUNTS, KIND_FRAGMENT, Line, Tables


cdef inline void add_line(const Tables *tables, uint32_t line, State *sum) noexcept nogil:
    """Add one thread's line."""
    cdef const Line *counted = &tables.lines[line]
    cdef int kind
    for kind in range(KIND_FRAGMENT):
        sum.bytes[kind] += peek64(&counted.bytes[kind])
    for kind in range(COUNTS):
        sum.packets[kind] += peek32(&counted.packets[kind])
    sum.flows += peek32(&tables.flows[line])


cdef void add_ipv6_line(
    const Tables *tables, uint32_t line, uint32_t place, uint32_t generation, State *sum
) noexcept nogil:
    """Add one thread's line of an IPv6 place, if it counts for this generation before and after."""
    cdef State whole = sum[0]
    if take32(&tables.tags[place]) != generation:
        return
    add_line(tables, line, &whole)
    fence(ACQUIRE)
    if peek32(&tables.tags[place]) == generation:
        sum[0] = whole


cdef bint read_line(const Scene *scene, uint32_t line, State *sum) noexcept nogil:
    """Fill the totals of a line; `slot` is left 0.  False for an IPv6 place that has changed its host."""
    cdef uint32_t host = line if line < scene.hosts else line - scene.hosts
    cdef uint32_t worker, place
    memset(sum, 0, sizeof(State))
    if host < scene.first_ipv6:
        for worker in range(scene.workers):
            add_line(scene.tables[worker], line, sum)
        return True
    place = host - scene.first_ipv6
    for worker in range(scene.workers):
        add_ipv6_line(scene.tables[worker], line, place, scene.generations[place], sum)
    return generation_of(scene.directory, place) == scene.generations[place]


cdef uint64_t packets_of(const Scene *scene, uint32_t line, const State *sum, int kind) noexcept nogil:
    """Give the packets of a kind as 64 bits; `sum` was read from the line after its state was."""
    cdef uint64_t carries = scene.carries[<size_t>line * CARRY_KINDS + kind]
    if sum.packets[kind] < scene.states[line].packets[kind]:
        carries += 1
    return (carries << 32) + sum.packets[kind]


cdef void note_line(Scene *scene, uint32_t line, const State *sum) noexcept nogil:
    """Take over a reading as the line's state, and count what passed 2**32 meanwhile."""
    cdef State *state = &scene.states[line]
    cdef uint32_t slot = state.slot
    cdef int kind
    for kind in range(COUNTS):
        if sum.packets[kind] < state.packets[kind]:
            scene.carries[<size_t>line * CARRY_KINDS + kind] += 1
    state[0] = sum[0]
    state.slot = slot


cdef void figures_of(const State *before, const State *now, uint64_t *figures) noexcept nogil:
    """Fill what was counted between two readings, one figure a column."""
    cdef int kind
    figures[<int>COLUMN_PACKETS] = 0
    figures[<int>COLUMN_BYTES] = 0
    for kind in range(COUNTS):
        figures[COLUMN_TCP + kind] = <uint32_t>(now.packets[kind] - before.packets[kind])
    for kind in range(KIND_FRAGMENT):
        figures[<int>COLUMN_PACKETS] += figures[COLUMN_TCP + kind]
        figures[<int>COLUMN_BYTES] += now.bytes[kind] - before.bytes[kind]
    for kind in range(COLUMNS - COLUMN_TCP_BYTES):
        figures[COLUMN_TCP_BYTES + kind] = now.bytes[kind] - before.bytes[kind]
    figures[<int>COLUMN_FLOWS] = <uint32_t>(now.flows - before.flows)


cdef void read_ahead_line(const Scene *scene, uint32_t line) noexcept nogil:
    """Ask for everything that reading a line will need."""
    cdef uint32_t worker
    read_ahead(&scene.states[line])
    for worker in range(scene.workers):
        read_ahead(&scene.tables[worker].lines[line])
        read_ahead(&scene.tables[worker].flows[line])


cdef bint address_of(const Scene *scene, uint32_t line, uint64_t *address) noexcept nogil:
    """Fill the address of a line's host, as in Packet; False if there is no such host any more."""
    cdef uint32_t host = line if line < scene.hosts else line - scene.hosts
    if host < scene.ipv4_hosts:
        address[0] = 0
        address[1] = ipv4_address(scene.trie, host)
        return True
    if host < scene.first_ipv6:
        return False
    return read_key(
        scene.directory, host - scene.first_ipv6, scene.generations[host - scene.first_ipv6], address
    )
