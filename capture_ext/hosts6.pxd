from libc.stdint cimport uint32_t, uint64_t

from capture_ext.mixing cimport SEEDS, mix, scale
from capture_ext.pages cimport Pages

cdef enum:
    WAYS = 8                     # entries of a bucket
    NO_PLACE = 0xffffffff        # every host of the bucket is watched

cdef struct Mark:
    uint32_t generation          # even: valid, grows with each new host of this entry; odd: being written; 0: free
    uint32_t tick                # when the host was last seen
    uint32_t pinned              # watched: never evicted
    uint32_t unused

cdef struct Bucket:              # 4 cache lines
    uint64_t keys[WAYS][2]
    Mark marks[WAYS]

cdef struct Directory:
    Bucket *buckets
    uint32_t *locks              # one a bucket, held by whoever changes it
    uint32_t count               # buckets
    uint64_t seed[SEEDS]
    uint64_t inserted
    uint64_t evicted
    uint64_t refused             # no room: every host of the bucket is watched

# How often an entry's host was counted, for the choice between hosts seen in the same tick.
ctypedef uint64_t (*Weigh)(void *context, uint32_t place, uint32_t generation) noexcept nogil


cdef inline uint32_t bucket_of(const Directory *directory, const uint64_t *address) noexcept nogil:
    """Give the number of the bucket of an address."""
    return scale(<uint32_t>(mix(address[0], address[1], directory.seed) >> 32), directory.count)

cdef uint32_t find_ipv6(const Directory *directory, const uint64_t *address, uint32_t bucket, uint32_t tick,
                        uint32_t *generation) noexcept nogil
cdef uint32_t add_ipv6(Directory *directory, const uint64_t *address, uint32_t bucket, uint32_t tick,
                       uint32_t *generation, Weigh weigh, void *context) noexcept nogil
cdef uint32_t generation_of(const Directory *directory, uint32_t place) noexcept nogil
cdef bint read_key(const Directory *directory, uint32_t place, uint32_t generation, uint64_t *address) noexcept nogil
cdef bint pin(Directory *directory, uint32_t place, uint32_t generation, bint pinned) noexcept nogil

cdef class Hosts6:
    cdef Directory directory
    cdef readonly uint32_t limit
    cdef Pages _buckets
    cdef Pages _locks
    cpdef object address(self, uint32_t place)
