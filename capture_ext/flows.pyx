# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Distinct flows per host: a flow is one source, destination, both ports and protocol.

Each thread remembers in which tick it counted a flow.  A packet whose flow was not counted within the last window, of
N ticks, counts one for its host and is remembered.  So a flow that goes on is counted once in N ticks, and the sum of
N ticks of a host's number is the number of its distinct flows: nothing need ever be taken away or sorted out.

Error.  A new flow counts in the tick of its first packet, exactly.  A sparse flow, silent when its next count
is due, is missing until its next packet: never more than the truth.  What can add: (1) an eviction.  A line of 8
entries holds the flows of one hash; when 8 live ones are in it the one counted longest ago goes, counted as
`evicted`, and may be counted once more in its window.  With F flows a window over C entries a line holds
Poisson(8 F / C); of flows that all go on, the share counted twice at F = C / 4 is below 0.1 %, at C / 2 below 3 %.
(2) The detector's tick may pass while a batch is under way, so that its flows fall into the next tick's difference:
at most 32 a thread and window.  A flow seen by two threads counts at both: sources spread by flow (fanout hash,
PF_RING clusters by flow) do not do that.  (3) Two flows of the same hash, 2**-49 or less: one is missed.

Entries are 8 bytes (32 bits of hash beside those that choose the line): twice as many in a line and in the cache as
with full hashes, for a miss in 2**29 look-ups at worst.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from capture_ext.atomics cimport grow32, grow64, peek64, prefetch
from capture_ext.batch cimport Packet
from capture_ext.mixing cimport SEEDS, mix, scale
from capture_ext.pages cimport Pages
from capture_ext.totals cimport NO_LINE, Aim, Tables


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
    FlowTable *table, const Packet *packets, const Aim *aims, uint32_t count, uint64_t *hashes
) noexcept nogil:
    """Hash the flows of a batch and ask for their lines.  No GIL."""
    cdef uint32_t i
    for i in range(count):
        if aims[i].incoming & aims[i].outgoing != NO_LINE:
            hashes[i] = hash_flow(&packets[i], table.seed)
            prefetch(line_of(table, hashes[i]))


cdef inline int find(const FlowLine *line, uint32_t tag) noexcept nogil:
    """Give the entry of a tag, -1 if there is none."""
    cdef uint32_t matches = 0
    cdef int way
    for way in range(FLOW_WAYS):
        matches |= <uint32_t>(line.tags[way] == tag and line.ticks[way] != 0) << way
    for way in range(FLOW_WAYS):
        if matches >> way & 1:
            return way
    return -1


cdef inline bint renew(FlowTable *table, FlowLine *line, uint32_t tag, uint32_t tick) noexcept nogil:
    """Tell whether a flow counts at `tick`, and remember it if so."""
    cdef int way = find(line, tag)
    cdef int oldest = 0
    if way >= 0:
        if tick - line.ticks[way] < table.window_ticks:
            return False
        line.ticks[way] = tick
        return True
    for way in range(1, FLOW_WAYS):
        if tick - line.ticks[way] > tick - line.ticks[oldest]:
            oldest = way
    if line.ticks[oldest] != 0 and tick - line.ticks[oldest] < table.window_ticks:
        grow64(&table.evicted, 1)
    line.tags[oldest] = tag
    line.ticks[oldest] = tick
    return True


cdef void count_flows(
    FlowTable *table, Tables *tables, const Aim *aims, const uint64_t *hashes, uint32_t count, uint32_t tick
) noexcept nogil:
    """Count the flows of a batch that are new in their window.  `tick` is never 0.  No GIL."""
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

    def evicted(self):
        """Give how many live flows had to go."""
        return peek64(&self.table.evicted)
