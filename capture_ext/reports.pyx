# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Crossings, watched hosts, audits and rates as Python values.  All of it in the event loop's thread.

A host is (family, address as a number).  Rates are tuples in the order of the metrics: packets a second, bits a
second, flows in the window, and by protocol.
"""

from typing import NamedTuple

from libc.stdint cimport uint32_t, uint64_t

from capture_ext.detector cimport Crossed, Scene
from capture_ext.engine cimport Engine
from capture_ext.limits cimport COLUMNS
from capture_ext.rates cimport SLOT_WATCHED, Slot, State, rates_of
from capture_ext.readout cimport address_of, packets_of, read_line
from capture_ext.totals cimport COUNTS, NO_LINE

from capture_ext.audit import KeptFrame

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
    cdef uint32_t i
    found = []
    engine.lock()
    try:
        for i in range(engine.scene.queued):
            found.append(crossing_report(&engine.scene, &engine.scene.queue[i]))
        engine.scene.queued = 0
    finally:
        engine.unlock()
    return found


cdef object watch_report(Scene *scene, uint32_t number):
    cdef const Slot *slot = &scene.book.slots[number]
    cdef double rates[COLUMNS]
    cdef State sum
    cdef int kind
    read_line(scene, slot.line, &sum)
    rates_of(scene.book, number, &scene.states[slot.line], rates)
    packets = tuple([
        packets_of(scene, slot.line, &sum, kind) - scene.book.watches[number].packets[kind] for kind in range(COUNTS)
    ])
    return WatchReport(
        host_of(scene, slot.line), slot.line >= scene.hosts, rates_tuple(rates), slot.group,
        scene.book.watches[number].peak, packets, scene.book.window.now_ns,
    )


def watched(Engine engine):
    """Give a report of every watched host and direction."""
    cdef uint32_t i, number
    found = []
    engine.lock()
    try:
        for i in range(engine.scene.book.active_count):
            number = engine.scene.book.active[i]
            if engine.scene.book.slots[number].flags & SLOT_WATCHED:
                found.append(watch_report(&engine.scene, number))
    finally:
        engine.unlock()
    return found


def full_audits(Engine engine):
    """Take the audits that are full."""
    engine.lock()
    try:
        return [
            AuditReport(host_of(&engine.scene, line), line >= engine.scene.hosts, frames, True)
            for line, frames in engine.audits.take_full()
        ]
    finally:
        engine.unlock()


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
