# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Ever-growing counters of one capture thread.

One line of 64 bytes per host and direction, so that a packet costs one cache line a direction.  The thread that owns
the tables is the only writer; it never locks and never resets.  Everyone else reads and takes differences; the 32-bit
packet counts are differences modulo 2**32, which holds as long as a line is read once in 4 billion packets.

A batch goes through in stages, so that the misses of 32 packets overlap: `aim_batch` finds the lines and asks for them,
`count_batch` adds, `touch_batch` marks.

Touched.  The detector looks at marked lines alone.  It takes the mark away first and reads the counters then; we write
the counters first, pass a full fence, and look at the mark then.  So either we see the mark gone and set it again,
or the detector sees our counts: no packet waits for the next one of its host.  One fence a batch, about 1 ns a packet.

IPv6.  A place can change its host (hosts6.pyx).  `tags` says for which generation our two lines of a place count; at
a new one we clear both lines first.  Whoever reads takes the tag before and after.  So a line never holds packets of
two hosts, whichever thread entered the second one.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from capture_ext.atomics cimport (
    FULL,
    RELEASE,
    fence,
    fetch_or64,
    give32,
    grow32,
    grow64,
    peek64,
    prefetch,
    read_ahead,
    set32,
)
from capture_ext.batch cimport BATCH, PACKET_FRAGMENT, PACKET_SYN, Packet
from capture_ext.hosts6 cimport NO_PLACE, WAYS, Bucket, Hosts6, add_ipv6, bucket_of, find_ipv6
from capture_ext.pages cimport Pages
from capture_ext.prefixes cimport NO_HOST, Prefixes, covers_ipv6, find_ipv4

cdef extern from *:
    const uint32_t FOREIGN "0xffffffffu"   # in place of a bucket: the address is not ours


cdef uint64_t weigh_line(void *context, uint32_t place, uint32_t generation) noexcept nogil:
    """Give the packets that this thread counted for the host at a place, both directions."""
    cdef Tables *tables = <Tables *>context
    cdef uint32_t host = tables.first_ipv6 + place
    cdef uint64_t packets = 0
    cdef int kind
    if tables.tags[place] != generation:
        return 0
    for kind in range(KIND_FRAGMENT):
        packets += tables.lines[host].packets[kind]
        packets += tables.lines[tables.hosts + host].packets[kind]
    return packets


cdef void claim_lines(Tables *tables, uint32_t place, uint32_t generation) noexcept nogil:
    """Clear both lines of an IPv6 place for a new host."""
    cdef uint32_t host = tables.first_ipv6 + place
    set32(&tables.tags[place], 0)
    fence(RELEASE)
    memset(&tables.lines[host], 0, sizeof(Line))
    memset(&tables.lines[tables.hosts + host], 0, sizeof(Line))
    set32(&tables.flows[host], 0)
    set32(&tables.flows[tables.hosts + host], 0)
    give32(&tables.tags[place], generation)


cdef inline uint32_t ask_for_bucket(const Tables *tables, const uint64_t *address) noexcept nogil:
    """Give the bucket of an IPv6 address and ask for all that finding its host reads; FOREIGN if it is not ours."""
    cdef uint32_t bucket
    cdef const Bucket *here
    if not covers_ipv6(tables.trie, address):
        return FOREIGN
    if tables.directory.count == 0:
        return 0
    bucket = bucket_of(tables.directory, address)
    here = &tables.directory.buckets[bucket]
    read_ahead(&here.keys[0])
    read_ahead(&here.keys[WAYS // 2])
    read_ahead(&here.marks[0])
    read_ahead(&here.marks[WAYS // 2])
    read_ahead(&tables.tags[bucket * WAYS])
    return bucket


cdef uint32_t ipv6_host(
    Tables *tables, const uint64_t *address, uint32_t bucket, uint32_t tick, bint *claimed
) noexcept nogil:
    """Give the host index of an IPv6 address, NO_HOST if it is not ours, NO_ROOM if it is and has no place.

    `bucket` is what `ask_for_bucket` gave.  Sets `claimed` if the lines were cleared for it.
    """
    cdef uint32_t place, generation = 0
    if bucket == FOREIGN:
        return NO_HOST
    if tables.directory.count == 0:
        return NO_ROOM
    place = find_ipv6(tables.directory, address, bucket, tick, &generation)
    if place == NO_PLACE:
        place = add_ipv6(tables.directory, address, bucket, tick, &generation, weigh_line, tables)
    if place == NO_PLACE:
        return NO_ROOM
    if tables.tags[place] != generation:
        claim_lines(tables, place, generation)
        claimed[0] = True
    return tables.first_ipv6 + place


cdef inline void aim_at(Tables *tables, uint32_t source, uint32_t destination, Aim *aim) noexcept nogil:
    """Decide what a packet counts as, and ask for its lines."""
    aim.course = (source != NO_HOST) * 2 + (destination != NO_HOST)
    aim.incoming = aim.outgoing = NO_LINE
    if aim.course == COURSE_OTHER or (aim.course == COURSE_INTERNAL and not tables.count_internal):
        return
    if destination < tables.hosts:
        aim.incoming = destination
        prefetch(&tables.lines[aim.incoming])
        prefetch(&tables.touched[aim.incoming >> 6])
    if source < tables.hosts:
        aim.outgoing = tables.hosts + source
        prefetch(&tables.lines[aim.outgoing])
        prefetch(&tables.touched[aim.outgoing >> 6])


cdef void forget(const Tables *tables, Aim *aims, uint32_t count, uint32_t host) noexcept nogil:
    """Take back the aims at a host that lost its place within the batch."""
    cdef uint32_t i
    for i in range(count):
        if aims[i].incoming == host:
            aims[i].incoming = NO_LINE
        if aims[i].outgoing == tables.hosts + host:
            aims[i].outgoing = NO_LINE


cdef void aim_ipv6(
    Tables *tables, const Packet *packet, const uint32_t *buckets, uint32_t tick, Aim *aims, uint32_t i
) noexcept nogil:
    """Aim packet `i` of a batch, an IPv6 one; `buckets` are those of its source and destination."""
    cdef uint32_t source, destination
    cdef bint claimed = False
    source = ipv6_host(tables, packet.source, buckets[0], tick, &claimed)
    if claimed:
        forget(tables, aims, i, source)
    claimed = False
    destination = ipv6_host(tables, packet.destination, buckets[1], tick, &claimed)
    if claimed:
        forget(tables, aims, i, destination)
        source = NO_ROOM if source == destination else source
    aim_at(tables, source, destination, &aims[i])


cdef void aim_batch(Tables *tables, const Packet *packets, uint32_t count, uint32_t tick, Aim *aims) noexcept nogil:
    """Find the lines where each packet counts; `tick` is the running number of the detector's tick.  No GIL."""
    cdef uint32_t buckets[BATCH][2]
    cdef uint32_t i, source, destination
    for i in range(count):
        if packets[i].family == 6:
            buckets[i][0] = ask_for_bucket(tables, packets[i].source)
            buckets[i][1] = ask_for_bucket(tables, packets[i].destination)
    for i in range(count):
        aims[i].parsed = packets[i].status == 0
        if packets[i].family == 6:
            aim_ipv6(tables, &packets[i], buckets[i], tick, aims, i)
            continue
        source = destination = NO_HOST
        if packets[i].family == 4:
            source = find_ipv4(tables.trie, <uint32_t>packets[i].source[1])
            destination = find_ipv4(tables.trie, <uint32_t>packets[i].destination[1])
        aim_at(tables, source, destination, &aims[i])


cdef inline void add(Line *line, const Packet *packet) noexcept nogil:
    """Count one packet at one line.  Without branches: adding 0 to a line at hand is cheaper than a wrong guess."""
    cdef uint32_t fragment = (packet.flags & PACKET_FRAGMENT) != 0
    cdef uint32_t syn = (packet.flags & PACKET_SYN) != 0
    grow64(&line.bytes[packet.protocol_class], packet.ip_bytes)
    grow32(&line.packets[packet.protocol_class], 1)
    grow32(&line.packets[COUNT_SYN], syn)
    grow64(&line.bytes[KIND_FRAGMENT], packet.ip_bytes * fragment)
    grow32(&line.packets[KIND_FRAGMENT], fragment)


cdef void count_batch(Tables *tables, const Packet *packets, const Aim *aims, uint32_t count) noexcept nogil:
    """Add a batch to the lines and to the class totals.  No GIL."""
    cdef uint64_t class_packets[COURSES]
    cdef uint64_t class_bytes[COURSES]
    cdef uint32_t i
    cdef int course
    memset(class_packets, 0, sizeof(class_packets))
    memset(class_bytes, 0, sizeof(class_bytes))
    for i in range(count):
        if not aims[i].parsed:
            grow64(&tables.unparsed[min(packets[i].status, REASON_LIMIT - 1)], 1)
            continue
        class_packets[aims[i].course] += 1
        class_bytes[aims[i].course] += packets[i].ip_bytes
        if aims[i].incoming != NO_LINE:
            add(&tables.lines[aims[i].incoming], &packets[i])
        if aims[i].outgoing != NO_LINE:
            add(&tables.lines[aims[i].outgoing], &packets[i])
    for course in range(COURSES):
        grow64(&tables.packets[course], class_packets[course])
        grow64(&tables.bytes[course], class_bytes[course])
    grow64(&tables.frames, count)


cdef inline void touch(Tables *tables, uint32_t line) noexcept nogil:
    """Mark a line."""
    cdef uint64_t bit = <uint64_t>1 << (line & 63)
    if not peek64(&tables.touched[line >> 6]) & bit:
        fetch_or64(&tables.touched[line >> 6], bit)


cdef void touch_batch(Tables *tables, const Aim *aims, uint32_t count) noexcept nogil:
    """Mark the lines of a batch, after everything about it has been counted.  No GIL."""
    cdef uint32_t i
    fence(FULL)
    for i in range(count):
        if aims[i].incoming != NO_LINE:
            touch(tables, aims[i].incoming)
        if aims[i].outgoing != NO_LINE:
            touch(tables, aims[i].outgoing)


cdef class Totals:
    """The tables of one capture thread.

    Args:
        prefixes: Our networks, the same object for every thread.
        hosts6: The IPv6 hosts, the same object for every thread.
        count_internal: Whether packets between two of our hosts count at both of them.
    """

    def __init__(self, Prefixes prefixes, Hosts6 hosts6, bint count_internal=False):
        cdef uint32_t hosts
        self._prefixes = prefixes
        self._hosts6 = hosts6
        self.tables.trie = &prefixes.trie
        self.tables.directory = &hosts6.directory
        self.tables.first_ipv6 = (prefixes.ipv4_hosts + 63) // 64 * 64
        hosts = self.tables.hosts = (self.tables.first_ipv6 + hosts6.limit + 63) // 64 * 64
        self.tables.count_internal = count_internal
        self._lines = Pages(2 * <size_t>hosts * sizeof(Line), True)
        self._flows = Pages(2 * <size_t>hosts * sizeof(uint32_t), True)
        self._touched = Pages(2 * <size_t>hosts // 8)
        self._tags = Pages(<size_t>hosts6.limit * sizeof(uint32_t), True)
        self.tables.lines = <Line *>self._lines.data
        self.tables.flows = <uint32_t *>self._flows.data
        self.tables.touched = <uint64_t *>self._touched.data
        self.tables.tags = <uint32_t *>self._tags.data

    def courses(self):
        """Give (packets, bytes) of other, incoming, outgoing and internal traffic."""
        cdef int course
        figures = []
        for course in range(COURSES):
            figures.append((peek64(&self.tables.packets[course]), peek64(&self.tables.bytes[course])))
        return tuple(figures)

    def frames(self):
        """Give the number of frames, and of the unparsed ones by the number of their reason."""
        cdef int reason
        unparsed = {}
        for reason in range(REASON_LIMIT):
            if peek64(&self.tables.unparsed[reason]):
                unparsed[reason] = peek64(&self.tables.unparsed[reason])
        return peek64(&self.tables.frames), unparsed
