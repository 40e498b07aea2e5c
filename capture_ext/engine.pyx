# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""The engine: the tables that all capture threads share, the tick, and the clock that drives it.

Threads.
* A capture thread runs one `Worker` and touches its tables, the IPv6 hosts (own locks) and open audits.
* The clock thread runs `run_clock`: it owns windows, states, queue and pool while it holds the mutex.
* The event loop reads and orders through here and reports.pyx, holding the mutex for as long as that takes.
  The clock thread never takes the GIL, so the loop may wait for it while it holds the GIL.

Nothing here reads a clock but `run_clock`, which hands the time to the same tick that a replay drives.
"""

from dataclasses import dataclass

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec
from posix.unistd cimport write

from capture_ext.atomics cimport peek32, set32
from capture_ext.audit cimport Audits
from capture_ext.crossings cimport release_line, watch_line
from capture_ext.detector cimport CARRY_KINDS, QUEUE_LIMIT, WORKERS_LIMIT, Crossed, check_generation, regroup, run_tick
from capture_ext.flows cimport Flows
from capture_ext.hosts6 cimport NO_PLACE, Hosts6, add_ipv6, bucket_of, find_ipv6
from capture_ext.limits cimport Limits
from capture_ext.pages cimport Pages
from capture_ext.prefixes cimport NO_HOST, Prefixes, covers_ipv6, find_ipv4
from capture_ext.rates cimport Rates, State
from capture_ext.samples cimport Samples
from capture_ext.source cimport FrameSource
from capture_ext.totals cimport COURSES, NO_LINE, Tables, Totals
from capture_ext.tunnel cimport set_tunnels
from capture_ext.worker cimport Worker

cdef extern from "<pthread.h>" nogil:
    int pthread_mutex_init(pthread_mutex_t *mutex, void *attributes)
    int pthread_mutex_lock(pthread_mutex_t *mutex)
    int pthread_mutex_unlock(pthread_mutex_t *mutex)
    int pthread_mutex_destroy(pthread_mutex_t *mutex)

cdef extern from "<time.h>" nogil:
    int clock_nanosleep(int clock, int flags, const timespec *until, timespec *left)
    const int TIMER_ABSTIME

cdef enum:
    NS = 1_000_000_000
    MS = 1_000_000


@dataclass(frozen=True)
class EngineSizes:
    """How much the engine holds at once; every table is as large as this and touched as needed.

    Attributes:
        ipv6_hosts: IPv6 hosts.
        windows: Lines (a host and direction) with traffic in one window.
        flows: Flows that each capture thread remembers; 0: flows are not counted.
        audits: Audits that are under way.
        audit_packets: Frames after the crossing.
        audit_before: Frames from before it.
        frame_bytes: Bytes kept of a frame.
    """

    ipv6_hosts: int = 65_536
    windows: int = 262_144
    flows: int = 1_048_576
    audits: int = 256
    audit_packets: int = 100
    audit_before: int = 10
    frame_bytes: int = 128


cdef uint64_t weigh_none(void *context, uint32_t place, uint32_t generation) noexcept nogil:
    """A host that is watched by order finds a place by age alone."""
    return 0


cdef class Engine:
    """Counts what its workers' sources give, and finds crossings.

    Args:
        networks: Ours, as (family, first address, prefix length).
        limits: The thresholds.
        window_ns, tick_ns: Length of the sliding window and of its steps.
        sizes: Bounds.
        seed: 24 random bytes.

    Raises:
        ValueError: If a value is out of range; the text names it.
        MemoryError: If the tables do not fit the address space.
    """

    def __cinit__(self, *_arguments):
        pthread_mutex_init(&self.mutex, NULL)

    def __init__(self, networks, Limits limits, int64_t window_ns, int64_t tick_ns, sizes, bytes seed):
        self.prefixes = Prefixes(networks)
        self.hosts6 = Hosts6(sizes.ipv6_hosts if self.prefixes.ipv6_ranges else 0, seed)
        self.rates = Rates(window_ns, tick_ns, sizes.windows)
        self.workers = []
        self._pages = []
        self._seed = seed
        self._flow_limit = sizes.flows
        self._frame_bytes = sizes.frame_bytes
        self._allocate()
        self.audits = Audits(
            2 * self.scene.hosts, sizes.audits, sizes.audit_packets, sizes.audit_before, sizes.frame_bytes
        )
        self.scene.audits = &self.audits.pool
        self.rates.book.used[2] = sizes.flows > 0
        self.limits = limits
        regroup(&self.scene, &limits.table)

    def __dealloc__(self):
        pthread_mutex_destroy(&self.mutex)

    cdef void *_take(self, size_t size):
        pages = Pages(size)
        self._pages.append(pages)
        return (<Pages>pages).data

    cdef object _allocate(self):
        cdef size_t hosts
        self.scene.trie = &self.prefixes.trie
        self.scene.directory = &self.hosts6.directory
        self.scene.book = &self.rates.book
        self.scene.ipv4_hosts = self.prefixes.ipv4_hosts
        self.scene.first_ipv6 = (self.prefixes.ipv4_hosts + 63) // 64 * 64
        hosts = self.scene.hosts = (self.scene.first_ipv6 + self.hosts6.limit + 63) // 64 * 64
        self.scene.states = <State *>self._take(2 * hosts * sizeof(State))
        self.scene.generations = <uint32_t *>self._take(self.hosts6.limit * sizeof(uint32_t))
        self.scene.since = <uint32_t *>self._take(2 * hosts * sizeof(uint32_t))
        self.scene.carries = <uint16_t *>self._take(2 * hosts * CARRY_KINDS * sizeof(uint16_t))
        self.scene.seen = <uint64_t *>self._take(2 * hosts // 8)
        self.scene.queue = <Crossed *>self._take(QUEUE_LIMIT * sizeof(Crossed))
        self.scene.other_queue = <Crossed *>self._take(QUEUE_LIMIT * sizeof(Crossed))
        self.scene.course_rings = <uint64_t *>self._take(self.rates.book.window.ticks * COURSES * 2 * sizeof(uint64_t))
        # From a window's length on: what was never written looks older than any window (flows.pyx).
        self.scene.book.window.number = self.scene.book.window.ticks
        self._tick = Pages(sizeof(uint32_t))
        self.scene.tick = <uint32_t *>self._tick.data
        self.scene.tick[0] = self.scene.book.window.number + 1

    cdef void lock(self) noexcept nogil:
        pthread_mutex_lock(&self.mutex)

    cdef void unlock(self) noexcept nogil:
        pthread_mutex_unlock(&self.mutex)

    def add_worker(self, FrameSource source, bint count_internal, decapsulate=(), vxlan_port=4789):
        """Give a worker for a source; all of them before the clock runs.

        Args:
            source: Gives the frames.
            count_internal: Whether packets between two of our hosts count at both of them.
            decapsulate: Names of tunnel.TUNNELS: a packet inside counts instead of the one around it.
            vxlan_port: UDP port of VXLAN.

        Raises:
            ValueError: If there are too many, or something cannot be decapsulated.
        """
        cdef Worker worker = Worker.__new__(Worker)
        worker.source = source
        worker.totals = Totals(self.prefixes, self.hosts6, count_internal)
        worker.flows = Flows(self._flow_limit, self.rates.book.window.ticks, self._seed)
        worker.samples = Samples(self._frame_bytes)
        set_tunnels(&worker.lane.tunnels, decapsulate, vxlan_port)
        self.enter(worker, &worker.totals.tables)
        return worker

    cdef object enter(self, Worker worker, Tables *tables):
        """Make a worker's tables known to the detector, and the detector's to the worker."""
        if self.scene.workers == WORKERS_LIMIT:
            raise ValueError(f"more than {WORKERS_LIMIT} capture threads")
        # Not the engine itself: a circle would keep all this memory until the interpreter looks for circles.
        worker._keeps = [self.audits, self._tick]
        worker.lane.tables = tables
        worker.lane.flows = &worker.flows.table
        worker.lane.samples = &worker.samples.ring
        worker.lane.audits = &self.audits.pool
        worker.lane.tick = self.scene.tick
        self.lock()
        self.scene.tables[self.scene.workers] = worker.lane.tables
        self.scene.rings[self.scene.workers] = worker.lane.samples
        self.scene.workers += 1
        self.unlock()
        self.workers.append(worker)

    def begin(self, int64_t now_ns):
        """Say when the first tick begins."""
        self.scene.book.window.now_ns = now_ns

    cdef bint tick_at(self, int64_t now_ns) noexcept nogil:
        """End a tick; True if crossings or full audits wait."""
        cdef bint news
        self.lock()
        news = run_tick(&self.scene, now_ns)
        self.unlock()
        return news

    def tick(self, int64_t now_ns):
        """End a tick at `now_ns`; True if crossings or full audits wait to be fetched."""
        cdef bint news
        with nogil:
            news = self.tick_at(now_ns)
        return bool(news)

    def set_limits(self, Limits limits):
        """Put other thresholds in place."""
        self.lock()
        regroup(&self.scene, &limits.table)
        self.unlock()
        self.limits = limits

    cdef uint32_t line_of(self, int family, object address, bint outgoing):
        """Give the line of an address, NO_LINE if it is not ours or not in the table.  The mutex is held."""
        cdef uint64_t halves[2]
        cdef uint32_t host, place, generation = 0
        halves[0] = address >> 64
        halves[1] = address & ((1 << 64) - 1)
        if family == 4:
            host = find_ipv4(&self.prefixes.trie, <uint32_t>halves[1])
        elif self.hosts6.limit == 0:
            host = NO_HOST
        else:
            place = find_ipv6(
                self.scene.directory, halves, bucket_of(self.scene.directory, halves), self.scene.tick[0], &generation
            )
            host = NO_HOST if place == NO_PLACE else self.scene.first_ipv6 + place
        if host == NO_HOST:
            return NO_LINE
        if host >= self.scene.first_ipv6:
            check_generation(&self.scene, host)
        return host + self.scene.hosts if outgoing else host

    def watch(self, int family, address, bint outgoing):
        """Give readings of a host from now on, with or without traffic; False if it is not ours or there is no room."""
        cdef uint32_t line
        cdef bint done = False
        self.lock()
        try:
            if family == 6:
                self._enter(address)
            line = self.line_of(family, address, outgoing)
            if line != NO_LINE:
                done = watch_line(&self.scene, line)
        finally:
            self.unlock()
        return bool(done)

    cdef object _enter(self, object address):
        """Give an IPv6 host of ours a place if it has none."""
        cdef uint64_t halves[2]
        cdef uint32_t bucket, generation = 0
        halves[0] = address >> 64
        halves[1] = address & ((1 << 64) - 1)
        if self.hosts6.limit == 0 or not covers_ipv6(&self.prefixes.trie, halves):
            return
        bucket = bucket_of(self.scene.directory, halves)
        if find_ipv6(self.scene.directory, halves, bucket, self.scene.tick[0], &generation) == NO_PLACE:
            add_ipv6(self.scene.directory, halves, bucket, self.scene.tick[0], &generation, weigh_none, NULL)

    def release(self, int family, address, bint outgoing):
        """Stop watching a host: no more readings, its audit ends, and it may cross again."""
        cdef uint32_t line
        self.lock()
        try:
            line = self.line_of(family, address, outgoing)
            if line != NO_LINE:
                release_line(&self.scene, line)
        finally:
            self.unlock()

    def run_clock(self, int wake_fd):
        """Tick every `tick_ns` of CLOCK_MONOTONIC until stopped; write to `wake_fd` when something waits.

        Blocks the calling thread without the GIL.  A late tick is not made up for: the next one is due at the next
        multiple, and its real length counts.
        """
        cdef timespec until
        cdef int64_t now = monotonic_ns()
        cdef int64_t tick_ns = self.rates.book.window.tick_ns
        cdef int64_t due = now + tick_ns
        cdef uint64_t one = 1
        self.begin(now)
        with nogil:
            while not peek32(&self._stopped):
                until.tv_sec = due // NS
                until.tv_nsec = due % NS
                clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)
                now = monotonic_ns()
                self.note_lateness(max(now - due, 0))
                if self.tick_at(now):
                    write(wake_fd, &one, sizeof(one))
                due += tick_ns * (1 + max(now - due, 0) // tick_ns)

    cdef void note_lateness(self, int64_t late_ns) noexcept nogil:
        """Count how late a tick came; a reader may see one counter before the next."""
        self.lateness_ns = max(self.lateness_ns, <uint64_t>late_ns)
        self.late_5ms += late_ns >= 5 * MS
        self.late_50ms += late_ns >= 50 * MS
        self.late_500ms += late_ns >= 500 * MS

    def stop_clock(self):
        """Make `run_clock` return within a tick; any thread."""
        set32(&self._stopped, 1)


cdef int64_t monotonic_ns() noexcept nogil:
    """Read CLOCK_MONOTONIC."""
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return <int64_t>now.tv_sec * NS + now.tv_nsec
