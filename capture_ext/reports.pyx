# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Crossings, watched hosts, audits and rates as Python values.  All of it in the event loop's thread.

The mutex is held to copy, never to make Python values: with 10,000 hosts under attack that would hold up the clock.

A host is (family, address as a number).  Rates are tuples in the order of the metrics: packets a second, bits a
second, flows in the window, and by protocol.
"""

from typing import NamedTuple

from cpython.pyport cimport PY_SSIZE_T_MAX
from libc.stdint cimport int64_t, uint32_t, uint64_t

from capture_ext.audit cimport close_audit

from capture_ext.detector cimport Crossed, Scene
from capture_ext.engine cimport Engine
from capture_ext.limits cimport COLUMNS
from capture_ext.pages cimport Pages
from capture_ext.rates cimport SLOT_WATCHED, Slot, State, rates_of
from capture_ext.readout cimport address_of, packets_of, read_line
from capture_ext.totals cimport COUNTS, NO_LINE

from capture_ext.kept import KeptFrame

Host = tuple[int, int]


class CrossingReport(NamedTuple):
    """A crossing, as `Crossing`; `column` is the number of the metric, `group` that of the threshold group."""

    host: Host
    outgoing: bool
    column: int
    rate: float
    threshold: float
    power: float
    group: int
    started_ns: int
    at_ns: int
    rates: tuple[float, ...]


class WatchReport(NamedTuple):
    """A watched host, as `Reading`."""

    host: Host
    outgoing: bool
    rates: tuple[float, ...]
    group: int
    peak: float
    packets: tuple[int, int, int, int, int, int]
    at_ns: int


class AuditReport(NamedTuple):
    """The kept frames of one host and direction, by time."""

    host: Host
    outgoing: bool
    frames: list[KeptFrame]
    full: bool


cdef struct WatchedLine:
    uint32_t line
    uint32_t group
    uint64_t address[2]
    double peak
    double rates[COLUMNS]
    uint64_t packets[COUNTS]


cdef object rates_tuple(const double *rates):
    cdef int column
    return tuple([rates[column] for column in range(COLUMNS)])


cdef object host_of(const Scene *scene, uint32_t line):
    """Give (family, address), None if the host has left the table."""
    cdef uint64_t address[2]
    cdef uint32_t host = line if line < scene.hosts else line - scene.hosts
    if not address_of(scene, line, address):
        return None
    return 6 if host >= scene.first_ipv6 else 4, (<object>address[0] << 64) | address[1]


cdef object crossing_report(const Scene *scene, const Crossed *crossed):
    return CrossingReport(
        (6 if crossed.ipv6 else 4, (<object>crossed.address[0] << 64) | crossed.address[1]),
        crossed.line >= scene.hosts,
        crossed.column,
        crossed.rate,
        crossed.threshold,
        crossed.power,
        crossed.group,
        crossed.started_ns,
        crossed.at_ns,
        rates_tuple(crossed.rates),
    )


def crossings(Engine engine):
    """Take the crossings that wait, in the order in which they were found."""
    cdef Crossed *queue
    cdef uint32_t count, i
    engine.lock()
    queue = take_queue(&engine.scene, &count)
    engine.unlock()
    return [crossing_report(&engine.scene, &queue[i]) for i in range(count)]


cdef Crossed *take_queue(Scene *scene, uint32_t *count) noexcept nogil:
    """Give the queue with its length, and put the other one in its place: what is read is not written meanwhile."""
    cdef Crossed *queue = scene.queue
    count[0] = scene.queued
    scene.queue = scene.other_queue
    scene.other_queue = queue
    scene.queued = 0
    return queue


cdef void read_watched(Scene *scene, uint32_t number, WatchedLine *found) noexcept nogil:
    """Fill what is told of a watched window."""
    cdef const Slot *slot = &scene.book.slots[number]
    cdef State sum
    cdef int kind
    read_line(scene, slot.line, &sum)
    rates_of(scene.book, number, &scene.states[slot.line], found.rates)
    address_of(scene, slot.line, found.address)
    found.line = slot.line
    found.group = slot.group
    found.peak = scene.book.watches[number].peak
    for kind in range(COUNTS):
        found.packets[kind] = packets_of(scene, slot.line, &sum, kind) - scene.book.watches[number].packets[kind]


cdef uint32_t read_all_watched(Scene *scene, WatchedLine *found) noexcept nogil:
    """Fill what is told of every watched window; give how many there are."""
    cdef uint32_t i, count = 0
    for i in range(scene.book.active_count):
        if not scene.book.slots[scene.book.active[i]].flags & SLOT_WATCHED:
            continue
        read_watched(scene, scene.book.active[i], &found[count])
        count += 1
    return count


cdef object watch_report(const Scene *scene, const WatchedLine *found, int64_t now_ns):
    cdef uint32_t host = found.line if found.line < scene.hosts else found.line - scene.hosts
    return WatchReport(
        (6 if host >= scene.first_ipv6 else 4, (<object>found.address[0] << 64) | found.address[1]),
        found.line >= scene.hosts,
        rates_tuple(found.rates),
        found.group,
        found.peak,
        (
            found.packets[0], found.packets[1], found.packets[2], found.packets[3], found.packets[4],
            found.packets[5],
        ),
        now_ns,
    )


cdef class Watched:
    """Reports of the hosts that were watched at one instant; each is made when it is asked for.

    Owns the copy that they are made from.
    """

    cdef Engine engine
    cdef Pages pages
    cdef uint32_t count
    cdef uint32_t number
    cdef int64_t now_ns

    def __init__(self, Engine engine):
        cdef WatchedLine *found
        self.engine = engine
        self.pages = Pages((engine.scene.book.limit + 1) * sizeof(WatchedLine))
        found = <WatchedLine *>self.pages.data
        with nogil:
            engine.lock()
            self.count = read_all_watched(&engine.scene, found)
            self.now_ns = engine.scene.book.window.now_ns
            engine.unlock()

    def __iter__(self):
        return self

    def __next__(self):
        cdef WatchedLine *found = <WatchedLine *>self.pages.data
        if self.number == self.count:
            raise StopIteration
        self.number += 1
        return watch_report(&self.engine.scene, &found[self.number - 1], self.now_ns)


def watched(Engine engine):
    """Give a report of every watched host and direction."""
    return list(Watched(engine))


def full_audits(Engine engine, Py_ssize_t limit=PY_SSIZE_T_MAX):
    """Take the audits that are full, `limit` of them at the most.

    A full audit stays as it is until this thread closes it, so its frames are read without the mutex.
    """
    found = []
    while len(found) < limit:
        engine.lock()
        line = engine.audits.next_full()
        host = host_of(&engine.scene, line) if line != NO_LINE else None
        engine.unlock()
        if line == NO_LINE:
            return found
        found.append(AuditReport(host, line >= engine.scene.hosts, engine.audits.frames_of(line)[0], True))
        engine.lock()
        close_audit(&engine.audits.pool, line)
        engine.unlock()
    return found


def audit(Engine engine, host, bint outgoing):
    """Give what has been kept for a host so far; nothing if its audit was taken or never opened."""
    cdef uint32_t line
    engine.lock()
    try:
        line = engine.line_of(host[0], host[1], outgoing)
        frames, full = engine.audits.frames_of(line) if line != NO_LINE else ([], False)
    finally:
        engine.unlock()
    return AuditReport(host, bool(outgoing), frames, bool(full))


def rates(Engine engine, host, bint outgoing):
    """Give the rates of a host in one direction, None if it has no traffic in the window."""
    cdef double figures[COLUMNS]
    cdef uint32_t line, number
    engine.lock()
    try:
        line = engine.line_of(host[0], host[1], outgoing)
        number = engine.scene.states[line].slot if line != NO_LINE else 0
        if number:
            rates_of(engine.scene.book, number, &engine.scene.states[line], figures)
    finally:
        engine.unlock()
    return rates_tuple(figures) if number else None
