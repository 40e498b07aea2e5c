from libc.stdint cimport uint32_t, uint8_t

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
    REASON_COUNT = 12

cdef void parse_batch(const FrameBatch *batch, Packet *packets) noexcept nogil
