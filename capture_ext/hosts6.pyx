# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""IPv6 hosts that are seen: a bounded table from address to place, shared by all capture threads.

A network holds more IPv6 addresses than any table, and whoever scans or floods one meets them all.  So the table is
of a fixed size, in buckets of 8 that a seeded hash chooses.  When a bucket is full its least recently seen host goes,
among those of the same tick the one with the fewest packets as the evicting thread counted them; a watched (pinned)
host never goes.  A victim is seen in every tick and has more packets than the strangers around it: it stays.  A
bucket full of pinned hosts takes no one more: `refused`, and the packet counts in the class totals alone.

Theory.  Each entry has a generation, a sequence lock: odd while it is written, another even number for each new host.
A reader takes the generation, compares the key, and takes the generation again; if it moved, it looks once more under
the lock.  Writers hold the bucket's spin lock.  Counters elsewhere are tagged with the generation (totals.pyx), so
that packets of the old host never become packets of the new one, whoever still holds the old place.

Known race: a thread that found a place just before the host was evicted still counts under the old generation; nobody
reads that any more.  At most one batch a thread and eviction, and only for a host nobody was watching.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy
from posix.unistd cimport usleep

from capture_ext.atomics cimport (
    ACQUIRE,
    RELEASE,
    exchange32,
    fence,
    fetch_add64,
    give32,
    peek32,
    peek64,
    set32,
    set64,
    take32,
)
from capture_ext.pages cimport Pages

cdef enum:
    SPINS = 200                  # tries before the thread sleeps: the holder may have lost its processor


cdef inline void lock(Directory *directory, uint32_t bucket) noexcept nogil:
    """Wait for a bucket."""
    cdef int tries = 0
    while exchange32(&directory.locks[bucket], 1):
        tries += 1
        if tries > SPINS:
            usleep(50)


cdef inline void unlock(Directory *directory, uint32_t bucket) noexcept nogil:
    give32(&directory.locks[bucket], 0)


cdef inline bint is_key(const Bucket *bucket, int way, const uint64_t *address) noexcept nogil:
    """Whether a way holds a key."""
    return peek64(&bucket.keys[way][1]) == address[1] and peek64(&bucket.keys[way][0]) == address[0]


cdef inline int way_of(const Bucket *bucket, const uint64_t *address) noexcept nogil:
    """Give the way that holds a key, -1 if none does."""
    cdef int way
    for way in range(WAYS):
        if is_key(bucket, way, address):
            return way
    return -1


cdef uint32_t find_ipv6(
    const Directory *directory, const uint64_t *address, uint32_t bucket, uint32_t tick, uint32_t *generation
) noexcept nogil:
    """Give the place of a host and its generation; NO_PLACE if it is not there or just being written.

    Notes that it was seen at `tick`.  Any thread, without a lock.
    """
    cdef Bucket *here = &directory.buckets[bucket]
    cdef int way = way_of(here, address)
    cdef uint32_t before
    if way < 0:
        return NO_PLACE
    before = take32(&here.marks[way].generation)
    if before & 1 or before == 0 or not is_key(here, way, address):
        return NO_PLACE
    fence(ACQUIRE)
    if peek32(&here.marks[way].generation) != before:
        return NO_PLACE
    if peek32(&here.marks[way].tick) != tick:
        set32(&here.marks[way].tick, tick)
    generation[0] = before
    return bucket * WAYS + <uint32_t>way


cdef int choose(Bucket *bucket, uint32_t first, uint32_t tick, Weigh weigh, void *context) noexcept nogil:
    """Give the way to use for a new host: a free one, else the one to evict; -1 if all are pinned."""
    cdef int way, best = -1
    cdef uint32_t age, oldest = 0
    cdef uint64_t weight, lightest = 0
    for way in range(WAYS):
        if bucket.marks[way].generation == 0:
            return way
        if bucket.marks[way].pinned:
            continue
        age = tick - peek32(&bucket.marks[way].tick)
        if best >= 0 and age < oldest:
            continue
        weight = weigh(context, first + <uint32_t>way, bucket.marks[way].generation)
        if best < 0 or age > oldest or weight < lightest:
            best = way
            oldest = age
            lightest = weight
    return best


cdef void occupy(Directory *directory, Bucket *bucket, int way, const uint64_t *address, uint32_t tick) noexcept nogil:
    """Write a new host over a way.  The bucket is locked."""
    cdef uint32_t generation = bucket.marks[way].generation
    if generation:
        fetch_add64(&directory.evicted, 1)
    fetch_add64(&directory.inserted, 1)
    set32(&bucket.marks[way].generation, generation + 1)
    fence(RELEASE)
    set64(&bucket.keys[way][0], address[0])
    set64(&bucket.keys[way][1], address[1])
    set32(&bucket.marks[way].tick, tick)
    # After 2**31 hosts of one entry the number starts again; 0 means free.
    give32(&bucket.marks[way].generation, generation + 2 if generation + 2 else 2)


cdef uint32_t add_ipv6(
    Directory *directory, const uint64_t *address, uint32_t bucket, uint32_t tick, uint32_t *generation, Weigh weigh,
    void *context
) noexcept nogil:
    """Give the place of a host, entering it if it is new; NO_PLACE (counted) if all of its bucket is pinned."""
    cdef Bucket *here = &directory.buckets[bucket]
    cdef int way
    lock(directory, bucket)
    way = way_of(here, address)
    if way < 0:
        way = choose(here, bucket * WAYS, tick, weigh, context)
        if way >= 0:
            occupy(directory, here, way, address, tick)
        else:
            fetch_add64(&directory.refused, 1)
    if way >= 0:
        generation[0] = here.marks[way].generation
    unlock(directory, bucket)
    return bucket * WAYS + <uint32_t>way if way >= 0 else NO_PLACE


cdef uint32_t generation_of(const Directory *directory, uint32_t place) noexcept nogil:
    """Give the generation of a place: 0 if it is free, odd while it is written."""
    return take32(&directory.buckets[place // WAYS].marks[place % WAYS].generation)


cdef bint read_key(const Directory *directory, uint32_t place, uint32_t generation, uint64_t *address) noexcept nogil:
    """Copy the address of a place; False if the place is no longer of that generation."""
    cdef Bucket *bucket = &directory.buckets[place // WAYS]
    if generation_of(directory, place) != generation:
        return False
    address[0] = peek64(&bucket.keys[place % WAYS][0])
    address[1] = peek64(&bucket.keys[place % WAYS][1])
    fence(ACQUIRE)
    return peek32(&bucket.marks[place % WAYS].generation) == generation


cdef bint pin(Directory *directory, uint32_t place, uint32_t generation, bint pinned) noexcept nogil:
    """Keep a host from eviction, or allow it again; False if the place is no longer of that generation."""
    cdef uint32_t bucket = place // WAYS
    cdef Mark *mark = &directory.buckets[bucket].marks[place % WAYS]
    cdef bint same
    lock(directory, bucket)
    same = mark.generation == generation
    if same:
        mark.pinned = pinned
    unlock(directory, bucket)
    return same


cdef uint64_t weigh_nothing(void *context, uint32_t place, uint32_t generation) noexcept nogil:
    """Weigh every host the same."""
    return 0


cdef class Hosts6:
    """The table of IPv6 hosts.

    Args:
        limit: Hosts at once, rounded up to whole buckets of 8; 0: none.
        seed: 24 random bytes.

    Raises:
        ValueError: If the limit is negative or above 2**24, or the seed has not its length.
    """

    def __init__(self, limit, bytes seed):
        if not 0 <= limit <= 1 << 24:
            raise ValueError(f"{limit} IPv6 hosts: 0 to {1 << 24} can be kept at once")
        if len(seed) != SEEDS * 8:
            raise ValueError(f"a seed has {SEEDS * 8} bytes, not {len(seed)}")
        self.directory.count = (limit + WAYS - 1) // WAYS
        self.limit = self.directory.count * WAYS
        self._buckets = Pages(self.directory.count * sizeof(Bucket), True)
        self._locks = Pages(self.directory.count * sizeof(uint32_t))
        self.directory.buckets = <Bucket *>self._buckets.data
        self.directory.locks = <uint32_t *>self._locks.data
        memcpy(self.directory.seed, <const char *>seed, sizeof(self.directory.seed))

    def see(self, address, uint32_t tick):
        """Find or enter a host; give (place, generation), None if its bucket is pinned full."""
        cdef uint64_t[2] halves = [address >> 64, address & ((1 << 64) - 1)]
        cdef uint32_t generation = 0
        cdef uint32_t bucket
        cdef uint32_t place
        if self.limit == 0:
            return None
        bucket = bucket_of(&self.directory, halves)
        place = find_ipv6(&self.directory, halves, bucket, tick, &generation)
        if place == NO_PLACE:
            place = add_ipv6(&self.directory, halves, bucket, tick, &generation, weigh_nothing, NULL)
        return None if place == NO_PLACE else (place, generation)

    def pin(self, uint32_t place, bint pinned):
        """Keep the host of a place from eviction, or allow it again; False if nobody is there."""
        cdef uint32_t generation
        if place >= self.limit:
            return False
        generation = generation_of(&self.directory, place)
        return generation != 0 and bool(pin(&self.directory, place, generation, pinned))

    cpdef object address(self, uint32_t place):
        """Give the address at a place as a number, None if nobody is there."""
        cdef uint64_t halves[2]
        cdef uint32_t generation
        if place >= self.limit:
            return None
        generation = generation_of(&self.directory, place)
        if generation == 0 or generation & 1 or not read_key(&self.directory, place, generation, halves):
            return None
        return (<object>halves[0] << 64) | halves[1]

    def counts(self):
        """Give how many hosts were entered, evicted and refused."""
        return (
            peek64(&self.directory.inserted), peek64(&self.directory.evicted), peek64(&self.directory.refused)
        )
