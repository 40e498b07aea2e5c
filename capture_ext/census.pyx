# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Totals, the busiest hosts and the engine's health as Python values.  All of it in the event loop's thread."""

from collections import Counter
from typing import NamedTuple

from libc.stdint cimport uint32_t, uint64_t

from capture_ext.atomics cimport peek64
from capture_ext.detector cimport Scene
from capture_ext.engine cimport Engine
from capture_ext.kept cimport Kept
from capture_ext.limits cimport COLUMNS
from capture_ext.rates cimport Slot, State, stretch
from capture_ext.readout cimport packets_of, read_line
from capture_ext.reports cimport host_of
from capture_ext.samples cimport SAMPLE_ENTRIES, SampleRing, copy_sample
from capture_ext.totals cimport COUNTS, COURSE_INTERNAL, COURSES
from capture_ext.worker cimport Worker

from capture_ext.frame import REASONS as _REASONS


class SideReport(NamedTuple):
    """Totals of one host and direction; packets by kind: tcp, udp, icmp, other, fragments, syn."""

    packets: tuple[int, int, int, int, int, int]
    bytes: int


class CourseReport(NamedTuple):
    """All traffic of one course: since the start, and over the window."""

    packets: int
    bytes: int
    pps: float
    bps: float


class HealthReport(NamedTuple):
    """What is in use and what did not fit; see the essays of detector, hosts6, flows and audit."""

    windows: int
    windows_refused: int
    crossings_postponed: int
    crossings_windowless: int
    audits: int
    audits_refused: int
    ipv6_entered: int
    ipv6_evicted: int
    ipv6_refused: int
    flows_missed: int
    tunnels_opened: int
    tunnels_unread: int
    tunnels_too_deep: int
    clock_stopped: int
    lateness_ns: int
    ticks_late_5ms: int
    ticks_late_50ms: int
    ticks_late_500ms: int


cdef uint32_t collect_top(
    const Scene *scene, int column, bint outgoing, uint32_t *lines, uint64_t *sums, uint32_t limit
) noexcept nogil:
    """Fill the lines with the largest sums of a column, largest first; give how many."""
    cdef uint32_t i, place, count = 0
    cdef const Slot *slot
    for i in range(scene.book.active_count):
        slot = &scene.book.slots[scene.book.active[i]]
        if (slot.line >= scene.hosts) != outgoing or slot.sum[column] == 0:
            continue
        if count == limit and slot.sum[column] <= sums[count - 1]:
            continue
        place = count if count < limit else limit - 1
        count = min(count + 1, limit)
        while place > 0 and sums[place - 1] < slot.sum[column]:
            sums[place] = sums[place - 1]
            lines[place] = lines[place - 1]
            place -= 1
        sums[place] = slot.sum[column]
        lines[place] = slot.line
    return count


def top(Engine engine, int column, bint outgoing, count):
    """Give up to `count` (1,000 at the most) hosts with the most of a column in the window, most first."""
    cdef uint32_t[1000] lines
    cdef uint64_t[1000] sums
    cdef uint32_t limit = max(1, min(count, 1000))
    cdef uint32_t found, i
    if not 0 <= column < COLUMNS:
        raise ValueError(f"no metric of number {column}")
    engine.lock()
    with nogil:
        found = collect_top(&engine.scene, column, outgoing, lines, sums, limit)
    try:
        hosts = [host_of(&engine.scene, lines[i]) for i in range(found)]
    finally:
        engine.unlock()
    return [host for host in hosts if host is not None]


cdef object side_report(const Scene *scene, uint32_t line):
    cdef State sum
    cdef int kind
    read_line(scene, line, &sum)
    return SideReport(
        tuple([packets_of(scene, line, &sum, kind) for kind in range(COUNTS)]),
        sum.bytes[0] + sum.bytes[1] + sum.bytes[2] + sum.bytes[3],
    )


cdef object hosts_of_word(Engine engine, uint32_t word):
    """Give the reports of the hosts of one word of the `seen` bits."""
    cdef Scene *scene = &engine.scene
    cdef uint64_t bits = scene.seen[word] | scene.seen[scene.hosts // 64 + word]
    cdef uint32_t bit
    found = []
    for bit in range(64):
        if bits >> bit & 1:
            host = host_of(scene, word * 64 + bit)
            if host is not None:
                found.append((
                    host, side_report(scene, word * 64 + bit), side_report(scene, scene.hosts + word * 64 + bit)
                ))
    return found


def hosts(Engine engine):
    """Give (host, incoming, outgoing) of every host that was ever counted; IPv6 ones as long as they have a place.

    The mutex is held for 64 hosts at a time; what is counted meanwhile may or may not be in.
    """
    cdef uint32_t word
    for word in range(engine.scene.hosts // 64):
        if not engine.scene.seen[word] | engine.scene.seen[engine.scene.hosts // 64 + word]:
            continue
        engine.lock()
        try:
            found = hosts_of_word(engine, word)
        finally:
            engine.unlock()
        yield from found


def courses(Engine engine):
    """Give the totals of other, incoming, outgoing and internal traffic as of the last tick."""
    cdef int course
    cdef double seconds
    found = []
    engine.lock()
    seconds = <double>engine.scene.book.window.window_ns * stretch(&engine.scene.book.window) / 1e9
    for course in range(COURSES):
        found.append(CourseReport(
            engine.scene.courses[course].packets_seen,
            engine.scene.courses[course].bytes_seen,
            engine.scene.courses[course].packets / seconds,
            engine.scene.courses[course].bytes * 8 / seconds,
        ))
    engine.unlock()
    return found


def frames(Engine engine):
    """Give the number of frames read, and of the unparsed ones by reason."""
    cdef Worker worker
    total = 0
    unparsed = Counter()
    for worker in engine.workers:
        count, reasons = worker.totals.frames()
        total += count
        for reason, number in reasons.items():
            unparsed[_REASONS[reason] if reason < len(_REASONS) else str(reason)] += number
    return total, dict(unparsed)


cdef object sampled_internal(const SampleRing *ring):
    """Give the destination of every internal packet in a sample ring."""
    cdef uint64_t written = peek64(&ring.written)
    cdef uint64_t number
    cdef Kept sample
    found = []
    for number in range(written - min(written, <uint64_t>SAMPLE_ENTRIES), written):
        if copy_sample(ring, number, &sample) and sample.course == COURSE_INTERNAL:
            address = (<object>sample.packet.destination[0] << 64) | sample.packet.destination[1]
            found.append((sample.packet.family, address))
    return found


def internal_destinations(Engine engine, int count):
    """Give up to `count` hosts that internal traffic goes to, and in how many of the last samples; most first."""
    cdef Worker worker
    found = Counter()
    for worker in engine.workers:
        found.update(sampled_internal(&worker.samples.ring))
    return found.most_common(count)


cdef tuple tunnel_counts(Engine engine):
    """Give how many frames count by an inner packet, and how many do not for each of two reasons."""
    cdef Worker worker
    cdef uint64_t opened = 0, unread = 0, too_deep = 0
    for worker in engine.workers:
        opened += peek64(&worker.lane.tunnels.opened)
        unread += peek64(&worker.lane.tunnels.unread)
        too_deep += peek64(&worker.lane.tunnels.too_deep)
    return opened, unread, too_deep


def health(Engine engine):
    """Give what is in use and what did not fit."""
    cdef Worker worker
    entered, evicted, refused = engine.hosts6.counts()
    engine.lock()
    try:
        return HealthReport(
            engine.scene.book.active_count,
            engine.scene.book.refused,
            engine.scene.postponed,
            engine.scene.windowless,
            *engine.audits.counts(),
            entered,
            evicted,
            refused,
            sum([worker.flows.missed() for worker in engine.workers]),
            *tunnel_counts(engine),
            engine.scene.clock_stopped,
            engine.lateness_ns,
            engine.late_5ms,
            engine.late_50ms,
            engine.late_500ms,
        )
    finally:
        engine.unlock()
