from libc.stdint cimport uint8_t, uint32_t, uint64_t

from capture_ext.batch cimport Packet
from capture_ext.hosts6 cimport Directory
from capture_ext.pages cimport Pages
from capture_ext.prefixes cimport Trie

cdef extern from *:
    const uint32_t NO_LINE "0xffffffffu"   # not counted at any host
    const uint32_t NO_ROOM "0xfffffffeu"   # one of our hosts, but without a place in the table

cdef enum:
    KINDS = 5                    # tcp, udp, icmp, other (ProtocolClass), fragments
    KIND_FRAGMENT = 4
    COUNTS = 6                   # the kinds and syn
    COUNT_SYN = 5
    REASON_LIMIT = 32            # reasons why a frame is unparsed; above: counted under the last

# What both ends of a packet make it; the value is (source is ours) * 2 + (destination is ours).
cdef enum:
    COURSE_OTHER = 0
    COURSE_INCOMING = 1
    COURSE_OUTGOING = 2
    COURSE_INTERNAL = 3
    COURSES = 4

cdef struct Line:                # one host and direction, one cache line
    uint64_t bytes[KINDS]
    uint32_t packets[COUNTS]

# Lines are numbered: host for incoming, hosts + host for outgoing.  Hosts are the IPv4 ones, then the IPv6 places.
cdef struct Tables:
    Line *lines
    uint32_t *flows              # new flows, one number a line
    uint64_t *touched            # one bit a line
    uint32_t *tags               # generation that an IPv6 host's two lines count for
    uint32_t hosts               # of one direction, a multiple of 64
    uint32_t first_ipv6          # index of the first IPv6 place
    bint count_internal
    const Trie *trie
    Directory *directory
    uint64_t packets[COURSES]
    uint64_t bytes[COURSES]
    uint64_t frames
    uint64_t unparsed[REASON_LIMIT]

cdef struct Aim:                 # where one packet of a batch counts
    uint32_t incoming            # a line or NO_LINE
    uint32_t outgoing
    uint8_t course               # Course
    bint parsed

cdef void aim_batch(Tables *tables, const Packet *packets, uint32_t count, uint32_t tick, Aim *aims) noexcept nogil
cdef void count_batch(Tables *tables, const Packet *packets, const Aim *aims, uint32_t count) noexcept nogil
cdef void touch_batch(Tables *tables, const Aim *aims, uint32_t count) noexcept nogil

cdef class Totals:
    cdef Tables tables
    cdef Pages _lines
    cdef Pages _flows
    cdef Pages _touched
    cdef Pages _tags
    cdef object _prefixes
    cdef object _hosts6
