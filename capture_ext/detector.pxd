from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t

from capture_ext.audit cimport AuditPool, Audits
from capture_ext.hosts6 cimport Directory, Hosts6
from capture_ext.limits cimport COLUMNS, Limits, LimitTable
from capture_ext.pages cimport Pages
from capture_ext.prefixes cimport Prefixes, Trie
from capture_ext.rates cimport Book, Rates, State
from capture_ext.samples cimport SampleRing
from capture_ext.totals cimport COURSES, Tables

cdef enum:
    WORKERS_LIMIT = 64           # capture threads
    QUEUE_LIMIT = 16384          # crossings that wait for the loop
    CARRY_KINDS = 8              # numbers of carries a line, 6 used

cdef struct Crossed:             # as core.model.Crossing
    uint32_t line
    uint32_t group
    uint32_t column
    bint ipv6
    uint64_t address[2]
    double rate
    double threshold
    double power
    int64_t started_ns
    int64_t at_ns
    double rates[COLUMNS]

cdef struct CourseWindow:        # class totals over the window
    uint64_t packets
    uint64_t bytes
    uint64_t packets_seen        # totals at the last tick
    uint64_t bytes_seen

cdef struct Scene:               # all that a tick works on
    Tables *tables[WORKERS_LIMIT]
    SampleRing *rings[WORKERS_LIMIT]
    uint32_t workers
    uint32_t hosts               # lines of one direction
    uint32_t first_ipv6
    uint32_t ipv4_hosts
    const Trie *trie
    Directory *directory
    const LimitTable *limits
    AuditPool *audits
    Book *book
    State *states                # one a line
    uint32_t *generations        # of the IPv6 places, as the states know them
    uint32_t *since              # of a line without a window: tick in which its counting began, 0: not counting
    uint16_t *carries            # how often each packet count of a line passed 2**32
    uint64_t *seen               # one bit a line: was ever touched
    uint32_t *tick               # number of the tick under way, read by the capture threads
    Crossed *queue
    Crossed *other_queue         # the one that was fetched last
    uint32_t queued
    uint64_t postponed           # crossings that found the queue full; they come again with the next tick
    uint64_t windowless          # crossings that found no window for a host to be watched; the same
    uint64_t clock_stopped       # ticks without time
    CourseWindow courses[COURSES]
    uint64_t *course_rings       # (packets, bytes) of each course, a tick


cdef bint run_tick(Scene *scene, int64_t now_ns) noexcept nogil
cdef void regroup(Scene *scene, const LimitTable *limits) noexcept nogil
cdef void check_generation(Scene *scene, uint32_t host) noexcept nogil
