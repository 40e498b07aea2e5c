"""Link headers, tags and labels, down to what they announce; inline, for the parser (frame.pyx) and the walk through
encapsulations (tunnel.pyx).

One shape: check the bound, read, advance.  Each function returns PARSED with the cursor behind what it read and the
EtherType of what follows, or a Reason.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from capture_ext.frame cimport (
    IP_VERSION,
    LINK_ETHERNET,
    LINK_IPV4,
    LINK_IPV6,
    LINK_RAW,
    LINK_RAW_BSD,
    LINK_RAW_OPENBSD,
    LINK_SLL,
    LINK_SLL2,
    LINK_TYPE,
    MPLS_LABELS,
    MPLS_PAYLOAD,
    MPLS_PSEUDOWIRE,
    PARSED,
    TOO_MANY_LABELS,
    TOO_MANY_TAGS,
    TRUNCATED,
    VLAN_TAGS,
)
from capture_ext.wire cimport be16

cdef enum:
    # IEEE 802 numbers (IANA)
    TYPE_IPV4 = 0x0800
    TYPE_BRIDGING = 0x6558       # transparent Ethernet bridging, in GRE
    TYPE_IPV6 = 0x86dd
    TYPE_8021Q = 0x8100
    TYPE_8021AD = 0x88a8
    TYPE_QINQ = 0x9100           # before 802.1ad
    TYPE_MPLS = 0x8847
    TYPE_MPLS_UPSTREAM = 0x8848
    TYPE_PPPOE_DISCOVERY = 0x8863
    TYPE_PPPOE_SESSION = 0x8864

    ETHERNET_BYTES = 14
    SLL_BYTES = 16
    SLL2_BYTES = 20
    TAG_BYTES = 4
    LABEL_BYTES = 4
    LABEL_BOTTOM = 0x01          # in the third byte of a label: bottom of stack (RFC 3032, 2.1)

cdef struct Cursor:
    const uint8_t *data
    uint32_t size                # bytes that may be read at `data`
    uint16_t type                # EtherType of what is at `data`


cdef inline void advance(Cursor *at, uint32_t size) noexcept nogil:
    """Step over `size` bytes, which the caller has checked."""
    at.data += size
    at.size -= size


cdef inline bint is_tag(uint16_t ethertype) noexcept nogil:
    return ethertype == TYPE_8021Q or ethertype == TYPE_8021AD or ethertype == TYPE_QINQ


cdef inline bint is_labelled(uint16_t ethertype) noexcept nogil:
    return ethertype == TYPE_MPLS or ethertype == TYPE_MPLS_UPSTREAM


cdef inline uint8_t enter_ethernet(Cursor *at) noexcept nogil:
    """Read an Ethernet header."""
    if at.size < ETHERNET_BYTES:
        return TRUNCATED
    at.type = be16(at.data + 12)
    advance(at, ETHERNET_BYTES)
    return PARSED


cdef inline uint8_t enter_tags(Cursor *at) noexcept nogil:
    """Read any tags."""
    cdef int tags = 0
    while is_tag(at.type):
        if tags == VLAN_TAGS:
            return TOO_MANY_TAGS
        if at.size < TAG_BYTES:
            return TRUNCATED
        at.type = be16(at.data + 2)
        advance(at, TAG_BYTES)
        tags += 1
    return PARSED


cdef inline uint8_t enter_ip(Cursor *at) noexcept nogil:
    """Find out by the first four bits whether this is IPv4 or IPv6."""
    if at.size == 0:
        return TRUNCATED
    at.type = TYPE_IPV4 if at.data[0] >> 4 == 4 else TYPE_IPV6
    return PARSED if at.data[0] >> 4 == 4 or at.data[0] >> 4 == 6 else IP_VERSION


cdef inline uint8_t enter_labels(Cursor *at) noexcept nogil:
    """Read a label stack.

    Nothing in the stack names the payload: its first four bits do (RFC 4928, 3), and 0 is the control word of a
    pseudowire (RFC 4385, 3).  Returns MPLS_PSEUDOWIRE or MPLS_PAYLOAD with the cursor behind the stack.
    """
    cdef int labels = 0
    cdef bint bottom = False
    while not bottom:
        if labels == MPLS_LABELS:
            return TOO_MANY_LABELS
        if at.size < LABEL_BYTES:
            return TRUNCATED
        bottom = at.data[2] & LABEL_BOTTOM
        advance(at, LABEL_BYTES)
        labels += 1
    if at.size == 0:
        return TRUNCATED
    if at.data[0] >> 4 == 0:
        return MPLS_PSEUDOWIRE
    return MPLS_PAYLOAD if enter_ip(at) == IP_VERSION else PARSED


cdef inline uint8_t enter_other_link(Cursor *at, uint16_t link_type) noexcept nogil:
    """Read the link header of any link type but Ethernet."""
    if link_type == LINK_RAW or link_type == LINK_RAW_BSD or link_type == LINK_RAW_OPENBSD:
        return enter_ip(at)
    if link_type == LINK_IPV4 or link_type == LINK_IPV6:
        at.type = TYPE_IPV4 if link_type == LINK_IPV4 else TYPE_IPV6
        return PARSED
    if link_type == LINK_SLL:
        if at.size < SLL_BYTES:
            return TRUNCATED
        at.type = be16(at.data + 14)
        advance(at, SLL_BYTES)
        return PARSED
    if link_type == LINK_SLL2:
        if at.size < SLL2_BYTES:
            return TRUNCATED
        at.type = be16(at.data)
        advance(at, SLL2_BYTES)
        return PARSED
    return LINK_TYPE


cdef inline uint8_t enter_link(Cursor *at, uint16_t link_type) noexcept nogil:
    """Read the link header of any link type."""
    return enter_ethernet(at) if link_type == LINK_ETHERNET else enter_other_link(at, link_type)
