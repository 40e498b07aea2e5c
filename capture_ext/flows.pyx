# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Distinct flows per host: a flow is one source, destination, both ports and protocol.

Each thread remembers in which tick it counted a flow.  A packet whose flow was not counted within the last window, of
N ticks, counts one for its host and is remembered.  So a flow that goes on is counted once in N ticks, and the sum of
N ticks of a host's number is the number of its distinct flows: nothing need ever be taken away or sorted out.

Error, downwards.  A new flow counts in the tick of its first packet, exactly.  A sparse flow, silent when its next
count is due, is missing until its next packet.  A line of 8 entries holds the flows of one hash; a flow that meets 8
live ones there is not counted (`missed`, one for each of its packets) until one of them runs out.  Never would one be
pushed out instead: it would count again with its next packet, and a stranger's flood of flows would make a busy
innocent host look like a victim.  Of F flows a window over C entries the share that is missed is that of a Poisson
variable of mean 8 F / C beyond 8: 0.02 % at F = C / 4, 0.8 % at C / 2, 14 % at C.  So one host's flood is seen up to
about C.

Error, upwards.  The detector's tick may pass while a batch is under way, so that its flows fall into the next tick's
difference: at most 32 a thread and window.  A flow seen by two threads counts at both: sources that share frames by
flow (fanout hash, PF_RING clusters by flow) do not do that.  In a replay none of this happens.

Ticks are numbered from the window's length on, so that a free entry, of tick 0, looks like one that has run out.

Entries are 8 bytes (32 bits of hash beside those that choose the line): twice as many in a line and in the cache as
with full hashes, for one new flow in 2**29 taken for another.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from capture_ext.atomics cimport grow32, grow64, peek64, prefetch
from capture_ext.batch cimport Packet
from capture_ext.mixing cimport SEEDS, mix, scale
from capture_ext.pages cimport Pages
from capture_ext.totals cimport NO_LINE, Aim, Tables

cdef extern from *:
    """
    /* Eight entries, four at a time, in whatever vector instructions there are.  Ages are below 2**31, so that they
       may be compared with their sign. */
    typedef int32_t fnm_four __attribute__((vector_size(16)));

    /* Whether an entry has this tag and was counted less than `window` ticks ago. */
    static inline int fnm_counted(const uint32_t *tags, const uint32_t *ticks, uint32_t tag, uint32_t tick,
                                  uint32_t window) {
        const fnm_four *t = (const fnm_four *)tags, *k = (const fnm_four *)ticks;
        fnm_four low = (t[0] == (int32_t)tag) & ((int32_t)tick - k[0] < (int32_t)window);
        fnm_four high = (t[1] == (int32_t)tag) & ((int32_t)tick - k[1] < (int32_t)window);
        fnm_four any = low | high;
        return (any[0] | any[1] | any[2] | any[3]) != 0;
    }

    static inline fnm_four fnm_larger(fnm_four a, fnm_four b) {
        fnm_four above = a > b;
        return (a & above) | (b & ~above);
    }

    /* Number of the entry that was counted longest ago; ages from 2**27 on are not told apart. */
    static inline int fnm_oldest(const uint32_t *ticks, uint32_t tick) {
        const fnm_four *k = (const fnm_four *)ticks;
        const fnm_four most = {1 << 27, 1 << 27, 1 << 27, 1 << 27};
        const fnm_four ways = {0, 1, 2, 3};
        fnm_four low = most - fnm_larger(most - ((int32_t)tick - k[0]), (fnm_four){0, 0, 0, 0});
        fnm_four high = most - fnm_larger(most - ((int32_t)tick - k[1]), (fnm_four){0, 0, 0, 0});
        fnm_four best = fnm_larger((low << 3) + ways, (high << 3) + ways + 4);
        int32_t left = best[0] > best[1] ? best[0] : best[1];
        int32_t right = best[2] > best[3] ? best[2] : best[3];
        return (left > right ? left : right) & 7;
    }
    """
    bint counted "fnm_counted"(const uint32_t *tags, const uint32_t *ticks, uint32_t tag, uint32_t tick,
                               uint32_t window) noexcept nogil
    int oldest "fnm_oldest"(const uint32_t *ticks, uint32_t tick) noexcept nogil


cdef inline uint64_t hash_flow(const Packet *packet, const uint64_t *seed) noexcept nogil:
    """Hash what makes a flow."""
    cdef uint64_t ports = (
        <uint64_t>packet.source_port << 32 | <uint64_t>packet.destination_port << 16 | <uint64_t>packet.protocol << 8
        | packet.family
    )
    if packet.family == 4:
        return mix(packet.source[1] << 32 | packet.destination[1], ports, seed)
    return mix(
        mix(packet.source[0], packet.source[1], seed),
        mix(packet.destination[0], packet.destination[1] ^ (ports * 0xd6e8feb86659fd93ULL), seed),
        seed,
    )


cdef inline FlowLine *line_of(const FlowTable *table, uint64_t hashed) noexcept nogil:
    return &table.lines[scale(<uint32_t>(hashed >> 32), table.count)]


cdef void aim_flows(
    FlowTable *table, const Tables *tables, const Packet *packets, const Aim *aims, uint32_t count, uint64_t *hashes
) noexcept nogil:
    """Hash the flows of a batch and ask for what counting them will touch.  No GIL."""
    cdef uint32_t i
    for i in range(count):
        if aims[i].incoming & aims[i].outgoing == NO_LINE:
            continue
        hashes[i] = hash_flow(&packets[i], table.seed)
        prefetch(line_of(table, hashes[i]))
        if aims[i].incoming != NO_LINE:
            prefetch(&tables.flows[aims[i].incoming])
        if aims[i].outgoing != NO_LINE:
            prefetch(&tables.flows[aims[i].outgoing])


cdef inline bint renew(FlowTable *table, FlowLine *line, uint32_t tag, uint32_t tick) noexcept nogil:
    """Tell whether a flow counts at `tick`, and remember it if so."""
    cdef int way
    if counted(line.tags, line.ticks, tag, tick, table.window_ticks):
        return False
    way = oldest(line.ticks, tick)
    if tick - line.ticks[way] < table.window_ticks:
        grow64(&table.missed, 1)
        return False
    line.tags[way] = tag
    line.ticks[way] = tick
    return True


cdef void count_flows(
    FlowTable *table, Tables *tables, const Aim *aims, const uint64_t *hashes, uint32_t count, uint32_t tick
) noexcept nogil:
    """Count the flows of a batch that are new in their window.  No GIL."""
    cdef uint32_t i
    for i in range(count):
        if aims[i].incoming & aims[i].outgoing == NO_LINE:
            continue
        if not renew(table, line_of(table, hashes[i]), <uint32_t>hashes[i], tick):
            continue
        if aims[i].incoming != NO_LINE:
            grow32(&tables.flows[aims[i].incoming], 1)
        if aims[i].outgoing != NO_LINE:
            grow32(&tables.flows[aims[i].outgoing], 1)


cdef class Flows:
    """The flows that one capture thread remembers.

    Args:
        limit: Flows at once, rounded up to whole lines of 8; 0: flows are not counted.
        window_ticks: Ticks of a window.
        seed: 24 random bytes.

    Raises:
        ValueError: If a number is out of range or the seed has not its length.
    """

    def __init__(self, limit, window_ticks, bytes seed):
        if not 0 <= limit <= 1 << 28 or window_ticks < 1:
            raise ValueError(f"{limit} flows in {window_ticks} ticks: 0 to {1 << 28} flows, 1 tick or more")
        if len(seed) != SEEDS * 8:
            raise ValueError(f"a seed has {SEEDS * 8} bytes, not {len(seed)}")
        self.table.count = (limit + FLOW_WAYS - 1) // FLOW_WAYS
        self.table.window_ticks = window_ticks
        self._lines = Pages(<size_t>self.table.count * sizeof(FlowLine), True)
        self.table.lines = <FlowLine *>self._lines.data if limit else NULL
        memcpy(self.table.seed, <const char *>seed, sizeof(self.table.seed))

    def missed(self):
        """Give how many packets' flows found no room."""
        return peek64(&self.table.missed)
