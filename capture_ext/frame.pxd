from libc.stdint cimport uint32_t

from capture_ext.batch cimport FrameBatch, Packet

cdef enum:
    VLAN_TAGS = 8            # tags in one frame that are walked, more are `too_many_tags`
    MPLS_LABELS = 16         # labels in one stack that are walked, more are `too_many_labels`

# Packet.status: index of the text in frame.REASONS
cdef enum Reason:
    PARSED = 0
    TRUNCATED = 1
    NOT_IP = 2
    LINK_TYPE = 3
    IP_VERSION = 4
    IPV4_HEADER = 5
    IPV4_TOTAL_LENGTH = 6
    TOO_MANY_TAGS = 7
    TOO_MANY_LABELS = 8
    MPLS_PAYLOAD = 9
    MPLS_PSEUDOWIRE = 10
    PPPOE = 11
    TOO_DEEP = 12
    REASON_COUNT = 13

# Frame.link_type (https://www.tcpdump.org/linktypes.html)
cdef enum LinkType:
    LINK_ETHERNET = 1
    LINK_RAW_BSD = 12
    LINK_RAW_OPENBSD = 14
    LINK_RAW = 101
    LINK_SLL = 113
    LINK_IPV4 = 228
    LINK_IPV6 = 229
    LINK_SLL2 = 276

cdef bint is_link_type(uint32_t number) noexcept nogil
cdef void parse_batch(const FrameBatch *batch, Packet *packets) noexcept nogil
