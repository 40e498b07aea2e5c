# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Our networks: from an address to the index of a host.

IPv4.  The addresses of all networks, merged and sorted, are numbered in a row: the host index.  A lookup goes down a
trie of /16, /24 and address, and stops as soon as a whole block is ours.  A flood has random foreign sources: for
those a bitmap of 8 KB, one bit a /16, answers from the first cache level.  A flat table of 2**24 entries would miss
the cache on each of them (measured 2 to 5 times slower).

IPv6.  Hosts are far too many to be numbered; here it is only told whether an address is ours, by a search in the
sorted ranges.  hosts6.pyx gives an index to those that are seen.

Built once, then only read: any thread may use it.
"""

from array import array

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from capture_ext.pages cimport Pages

HOST_LIMIT = 1 << 24
"""IPv4 hosts at the most, a /8: 2 GB of counters if every one of them is seen."""

NETWORK_LIMIT = 65_536
"""Networks at the most, of both families together."""

_BITS = {4: 32, 6: 128}


def merge(networks, family):
    """Give the addresses of the networks of one family as sorted, disjoint (first, last); neighbours joined.

    `networks` are (family, first address, prefix length).

    Raises:
        ValueError: If a network is not one: no such family, a prefix length out of range, or bits beyond it set.
    """
    ranges = []
    for version, first, length in networks:
        if version not in _BITS or not 0 <= length <= _BITS[version]:
            raise ValueError(f"no network: family {version}, prefix length {length}")
        size = 1 << (_BITS[version] - length)
        if first % size or not 0 <= first < 1 << _BITS[version]:
            raise ValueError(f"no network: {first:#x}/{length} has bits set beyond its prefix length")
        if version == family:
            ranges.append((first, first + size - 1))
    ranges.sort()
    return _join(ranges)


def _join(ranges):
    """Join sorted ranges that overlap or touch."""
    joined = []
    start = end = None
    for first, last in ranges:
        if end is not None and first <= end + 1:
            end = max(end, last)
            continue
        if end is not None:
            joined.append((start, end))
        start, end = first, last
    if end is not None:
        joined.append((start, end))
    return joined


cdef Pages pages_of(object values):
    """Copy an array into pages."""
    cdef const unsigned char[::1] view = memoryview(values).cast("B") if len(values) else None
    cdef Pages pages = Pages(len(values) * values.itemsize)
    if len(values):
        memcpy(pages.data, &view[0], len(values) * values.itemsize)
    return pages


class _TrieBuilder:
    """The trie while it grows: `top`, `middle` and `bottom` as arrays, `present` as the bitmap."""

    def __init__(self) -> None:
        self.present = array("Q", bytes(8 * 1024))
        self.top = array("I", bytes(4 * 65_536))
        self.middle = array("I")
        self.bottom = array("I")

    def add(self, first, last, host) -> None:
        """Enter addresses `first` to `last`, whose indexes start at `host`."""
        while first <= last:
            end = min(last, first | 0xffff)
            self.enter_16(first, end, host)
            host += end - first + 1
            first = end + 1

    def enter_16(self, first, last, host) -> None:
        """Enter addresses of one /16."""
        block = first >> 16
        self.present[block >> 6] |= 1 << (block & 63)
        if last - first == 0xffff:
            self.top[block] = <uint32_t>KIND_HOSTS << KIND_SHIFT | host
            return
        table = self.table(self.top, block, self.middle)
        while first <= last:
            end = min(last, first | 0xff)
            self.enter_24(table * 256 + (first >> 8 & 0xff), first, end, host)
            host += end - first + 1
            first = end + 1

    def enter_24(self, place, first, last, host) -> None:
        """Enter addresses of one /24, whose entry in `middle` is `place`."""
        if last - first == 0xff:
            self.middle[place] = <uint32_t>KIND_HOSTS << KIND_SHIFT | host
            return
        start = self.table(self.middle, place, self.bottom) * 256 + (first & 0xff)
        count = last - first + 1
        entry = <uint32_t>KIND_HOSTS << KIND_SHIFT | host
        self.bottom[start:start + count] = array("I", range(entry, entry + count))

    def table(self, upper, place, lower):
        """Give the number of the table in `lower` that `upper[place]` names; add it if there is none."""
        if not upper[place]:
            upper[place] = <uint32_t>KIND_TABLE << KIND_SHIFT | len(lower) // 256
            lower.frombytes(bytes(4 * 256))
        return upper[place] & VALUE_MASK


cdef class Prefixes:
    """Our networks, ready for lookups.

    Args:
        networks: (family, first address, prefix length); they may overlap and nest.

    Raises:
        ValueError: If there are more hosts or networks than the limits, or a network is not one.
    """

    def __init__(self, networks):
        networks = list(networks)
        if len(networks) > NETWORK_LIMIT:
            raise ValueError(f"{len(networks)} networks: at most {NETWORK_LIMIT} can be watched")
        self.ipv4_ranges = merge(networks, 4)
        self.ipv6_ranges = merge(networks, 6)
        hosts = sum(last - first + 1 for first, last in self.ipv4_ranges)
        if hosts > HOST_LIMIT:
            raise ValueError(f"{hosts} IPv4 hosts in the networks: at most {HOST_LIMIT} (a /8) can be watched")
        self.ipv4_hosts = hosts
        self._build_ipv4()
        self._build_ipv6()

    def _build_ipv4(self):
        builder = _TrieBuilder()
        rows = array("I")
        host = 0
        for first, last in self.ipv4_ranges:
            rows.extend((host, first))
            builder.add(first, last, host)
            host += last - first + 1
        self._rows = pages_of(rows)
        self.trie.rows = <const Range4 *>self._rows.data
        self.trie.row_count = len(self.ipv4_ranges)
        self._present = pages_of(builder.present)
        self._top = pages_of(builder.top)
        self._middle = pages_of(builder.middle)
        self._bottom = pages_of(builder.bottom)
        self.trie.present = <const uint64_t *>self._present.data
        self.trie.top = <const uint32_t *>self._top.data
        self.trie.middle = <const uint32_t *>self._middle.data
        self.trie.bottom = <const uint32_t *>self._bottom.data

    def _build_ipv6(self):
        low = (1 << 64) - 1
        numbers = array("Q")
        for first, last in self.ipv6_ranges:
            numbers.extend((first >> 64, first & low, last >> 64, last & low))
        self._ranges = pages_of(numbers)
        self.trie.ranges = <const Range6 *>self._ranges.data
        self.trie.range_count = len(self.ipv6_ranges)

    cpdef object address(self, uint32_t host):
        """Give the IPv4 address of a host index as a number; None if there is no such host."""
        return ipv4_address(&self.trie, host) if host < self.ipv4_hosts else None

    def find(self, int family, address):
        """Give the host index of an address, None if it is not ours; for IPv6 0 if it is ours."""
        cdef uint64_t halves[2]
        cdef uint32_t host
        if family == 4:
            host = find_ipv4(&self.trie, address)
            return None if host == NO_HOST else host
        halves[0] = address >> 64
        halves[1] = address & ((1 << 64) - 1)
        return 0 if covers_ipv6(&self.trie, halves) else None
