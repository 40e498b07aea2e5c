from libc.stdint cimport uint32_t, uint64_t

from capture_ext.pages cimport Pages

cdef extern from *:
    const uint32_t NO_HOST "0xffffffffu"   # not one of ours

cdef enum:
    # The two highest bits of an entry of the trie; the rest is a host index or the number of a table.
    KIND_SHIFT = 30
    KIND_HOSTS = 1               # all of it is ours, in a row from this index on
    KIND_TABLE = 2               # look further
    VALUE_MASK = 0x3fffffff

cdef struct Range6:
    uint64_t first[2]            # high and low half
    uint64_t last[2]

cdef struct Range4:              # IPv4 addresses in a row
    uint32_t host                # index of the first
    uint32_t address             # the first

cdef struct Trie:
    const uint64_t *present      # one bit a /16: 8 KB, and all that a foreign address ever touches
    const uint32_t *top          # one entry a /16
    const uint32_t *middle       # 256 entries a table, one a /24
    const uint32_t *bottom       # 256 entries a table, one an address
    const Range6 *ranges         # IPv6, sorted, disjoint
    uint32_t range_count
    const Range4 *rows           # sorted
    uint32_t row_count


cdef inline uint32_t find_ipv4(const Trie *trie, uint32_t address) noexcept nogil:
    """Give the host index of `address`, NO_HOST if it is not ours."""
    cdef uint32_t entry
    if not (trie.present[address >> 22] >> ((address >> 16) & 63)) & 1:
        return NO_HOST
    entry = trie.top[address >> 16]
    if entry >> KIND_SHIFT == KIND_HOSTS:
        return (entry & VALUE_MASK) + (address & 0xffff)
    entry = trie.middle[(entry & VALUE_MASK) * 256 + ((address >> 8) & 0xff)]
    if entry >> KIND_SHIFT == KIND_HOSTS:
        return (entry & VALUE_MASK) + (address & 0xff)
    if entry == 0:
        return NO_HOST
    entry = trie.bottom[(entry & VALUE_MASK) * 256 + (address & 0xff)]
    return entry & VALUE_MASK if entry else NO_HOST


cdef inline bint below(const uint64_t *left, const uint64_t *right) noexcept nogil:
    """Whether one IPv6 address is lower than another."""
    return left[0] < right[0] or (left[0] == right[0] and left[1] < right[1])


cdef inline bint covers_ipv6(const Trie *trie, const uint64_t *address) noexcept nogil:
    """Whether an IPv6 address is ours.  `::` never is: it marks a free entry of the host table."""
    cdef uint32_t low = 0
    cdef uint32_t high = trie.range_count
    cdef uint32_t middle
    if address[0] == 0 and address[1] == 0:
        return False
    while low < high:
        middle = (low + high) >> 1  # a header knows no cdivision
        if below(trie.ranges[middle].last, address):
            low = middle + 1
        else:
            high = middle
    return low < trie.range_count and not below(address, trie.ranges[low].first)


cdef inline uint32_t ipv4_address(const Trie *trie, uint32_t host) noexcept nogil:
    """Give the address of a host index, which must be one."""
    cdef uint32_t low = 0
    cdef uint32_t high = trie.row_count
    cdef uint32_t middle
    while high - low > 1:
        middle = (low + high) >> 1  # a header knows no cdivision
        if trie.rows[middle].host <= host:
            low = middle
        else:
            high = middle
    return trie.rows[low].address + (host - trie.rows[low].host)


cdef class Prefixes:
    cdef Trie trie
    cdef readonly uint32_t ipv4_hosts
    cdef readonly list ipv4_ranges    # (first, last) as numbers, sorted, disjoint
    cdef readonly list ipv6_ranges
    cdef Pages _present
    cdef Pages _top
    cdef Pages _middle
    cdef Pages _bottom
    cdef Pages _ranges
    cdef Pages _rows
    cpdef object address(self, uint32_t host)
