# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Thresholds as the detector compares them: counts in a window, by group of networks.

Group 0 is that of hosts no other group covers.  Which group a host belongs to is looked up when its window is opened,
not every tick.  Built once, then only read; new thresholds are a new object, swapped in between two ticks.
"""

from fractions import Fraction

from libc.stdint cimport uint32_t, uint64_t

from capture_ext.pages cimport Pages
from capture_ext.prefixes cimport below

GROUP_LIMIT = 65_536
"""Groups at the most."""


def limit_in_window(column, threshold, window_ns):
    """Give the count in a window that a threshold stands for; exact where the result is a whole number."""
    if column == COLUMN_FLOWS:
        return float(threshold)
    count = Fraction(threshold) * window_ns / 10**9
    if column == COLUMN_BYTES or column >= COLUMN_TCP_BYTES:
        count = count * 10**6 / 8
    return float(count)


cdef uint32_t group_of(const LimitTable *table, bint ipv6, const uint64_t *address) noexcept nogil:
    """Give the group of an address."""
    cdef const GroupRange *ranges = table.ranges[ipv6]
    cdef uint32_t low = 0
    cdef uint32_t high = table.range_count[ipv6]
    cdef uint32_t middle
    while low < high:
        middle = (low + high) // 2
        if below(ranges[middle].last, address):
            low = middle + 1
        else:
            high = middle
    if low == table.range_count[ipv6] or below(address, ranges[low].first):
        return 0
    return ranges[low].group


cdef class Limits:
    """The thresholds of all groups.

    Args:
        window_ns: Length of the window.
        groups: For each group the thresholds (column, value) of incoming and of outgoing, in the unit of the metric,
            in the order in which they may name a crossing.
        ranges: (family, first, last, group): which addresses belong to a group other than 0; sorted, disjoint.

    Raises:
        ValueError: If there are too many groups, or a column or group that does not exist.
    """

    def __init__(self, window_ns, groups, ranges):
        cdef Group *place
        ranges = list(ranges)
        if not 1 <= len(groups) <= GROUP_LIMIT:
            raise ValueError(f"{len(groups)} threshold groups: 1 to {GROUP_LIMIT} are possible")
        self._groups = Pages(len(groups) * sizeof(Group))
        place = <Group *>self._groups.data
        self.table.groups = place
        self.table.count = len(groups)
        for i, sides in enumerate(groups):
            for direction, side in enumerate(sides):
                self._fill(&place[i], direction, side, window_ns)
        self._ranges = [self._range_pages(family, ranges, len(groups)) for family in (4, 6)]

    cdef object _fill(self, Group *group, int direction, object side, object window_ns):
        cdef Check *check
        for column, threshold in side:
            if not 0 <= column < COLUMNS or group.count[direction] == COLUMNS:
                raise ValueError(f"no metric of number {column}")
            check = &group.checks[direction][group.count[direction]]
            check.column = column
            check.threshold = threshold
            check.limit = limit_in_window(column, threshold, window_ns)
            group.count[direction] += 1
            self.table.used[<int>column] = True

    cdef object _range_pages(self, int family, list ranges, int groups):
        cdef GroupRange *place
        cdef bint ipv6 = family == 6
        cdef uint32_t i
        low = (1 << 64) - 1
        mine = [item for item in ranges if item[0] == family]
        pages = Pages(len(mine) * sizeof(GroupRange))
        place = <GroupRange *>(<Pages>pages).data
        for i, (_, first, last, group) in enumerate(mine):
            if not 0 <= group < groups:
                raise ValueError(f"no threshold group of number {group}")
            place[i].first[0], place[i].first[1] = first >> 64, first & low
            place[i].last[0], place[i].last[1] = last >> 64, last & low
            place[i].group = group
        self.table.ranges[ipv6] = place
        self.table.range_count[ipv6] = len(mine)
        return pages

    def find(self, int family, address):
        """Give the group of an address."""
        cdef uint64_t[2] halves = [address >> 64, address & ((1 << 64) - 1)]
        return group_of(&self.table, family == 6, halves)
