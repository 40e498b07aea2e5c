from libc.stdint cimport uint32_t, uint64_t

from capture_ext.pages cimport Pages

# What a window holds, one sum a column; the order is that of core.model.Metric.
cdef enum:
    COLUMN_PACKETS = 0
    COLUMN_BYTES = 1
    COLUMN_FLOWS = 2
    COLUMN_TCP = 3               # packets by kind: tcp, udp, icmp, other, fragments, syn
    COLUMN_SYN = 8
    COLUMN_TCP_BYTES = 9         # bytes: tcp, udp, icmp
    COLUMN_ICMP_BYTES = 11
    COLUMNS = 12

cdef struct Check:
    uint32_t column
    double limit                 # in a window: packets, bytes or flows
    double threshold             # in the unit of the metric

cdef struct Group:
    uint32_t count[2]            # checks of incoming and outgoing
    Check checks[2][COLUMNS]     # in the order of the metrics

cdef struct GroupRange:          # addresses as in Packet
    uint64_t first[2]
    uint64_t last[2]
    uint32_t group

cdef struct LimitTable:
    const Group *groups          # 0: what no group covers
    uint32_t count
    const GroupRange *ranges[2]  # IPv4, IPv6; sorted, disjoint
    uint32_t range_count[2]
    bint used[COLUMNS]           # some group has a threshold on it

cdef uint32_t group_of(const LimitTable *table, bint ipv6, const uint64_t *address) noexcept nogil

cdef class Limits:
    cdef LimitTable table
    cdef Pages _groups
    cdef list _ranges
    cdef object _fill(self, Group *group, int direction, object side, object window_ns)
    cdef object _range_pages(self, int family, list ranges, int groups)
