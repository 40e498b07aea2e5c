# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Frames through encapsulations: which packet of several, one in the other, is the one that counts.

The parser (frame.pyx) reads every frame as if there were no tunnels.  `open_batch` is the stage behind it: only the
end of a tunnel that is switched on has its frame read again, here, from the first byte.

The rule.  **The innermost packet that can be read counts, and no other.**  Inside means: through what is switched on,
TUNNELS_DEEP encapsulations at the most, of any kind and in any order.

* Inner packet not readable (cut in its addresses, not IP, longer than what it lies in, a version or flag that is not
  known): the packet around it counts as if the tunnel were off, and `unread` says so.
* A fragment is never opened: its piece of the inner packet is no packet.  It counts, and `unread` says so.
* Deeper than TUNNELS_DEEP: the packet reached so far counts, and `too_deep` says so.
* No packet around it, as in PPPoE and pseudowires: the frame is unparsed, with its reason.

Lengths.  `end` is where the innermost length field around the cursor says that its content ends; nothing behind it is
read, and an inner packet that claims to be longer is a lie that would weigh more than its carrier.  A snap length or a
mirror that cuts frames does not change what length fields say.

GRE: RFC 2784 and 2890.  Version 1 (PPTP, RFC 2637) and the routing of RFC 1701 are not read.  Checksums are not
compared: a mirror may cut what they cover.
IP in IP: protocol 4 and 41 in either family (RFC 2003, 2473, 4213).  VXLAN: RFC 7348.  PPPoE: RFC 2516, 4 to 6.
Pseudowires: pseudowire.pxd.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from capture_ext.atomics cimport grow64, lowest_bit
from capture_ext.batch cimport CLASS_OTHER, PACKET_FRAGMENT, Frame, FrameBatch, Packet
from capture_ext.frame cimport MPLS_PAYLOAD, MPLS_PSEUDOWIRE, NOT_IP, PARSED, PPPOE, TOO_DEEP, TRUNCATED
from capture_ext.ip cimport read_packet
from capture_ext.link cimport (
    TYPE_BRIDGING,
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_PPPOE_DISCOVERY,
    TYPE_PPPOE_SESSION,
    Cursor,
    advance,
    enter_ethernet,
    enter_labels,
    enter_link,
    enter_tags,
    is_labelled,
)
from capture_ext.pseudowire cimport PPPOE_VERSION_TYPE, before_ethernet
from capture_ext.wire cimport be16

# Names of TunnelBit, in the order of the bits.
TUNNELS = ("gre", "ipip", "6in4", "vxlan", "pppoe", "pseudowire")

cdef enum:
    AT_END = 0xff                # of the walk: what was read last is no tunnel, or one that is off

    GRE_BYTES = 4
    GRE_FIELD_BYTES = 4          # checksum, key and sequence number: the same length each
    GRE_CHECKSUM = 0x8000
    GRE_KEY = 0x2000
    GRE_SEQUENCE = 0x1000
    GRE_REFUSED = 0x4c07         # routing and the bits that must be zero (RFC 2784, 2.2), version

    UDP_BYTES = 8
    VXLAN_BYTES = 8
    VXLAN_HAS_VNI = 0x08         # the I flag, without which it is no VXLAN (RFC 7348, 5)

    PPPOE_BYTES = 6
    PPP_BYTES = 2                # protocol field; never compressed in PPPoE (RFC 2516, 7)
    PPP_IPV4 = 0x0021            # PPP DLL protocol numbers (IANA)
    PPP_IPV6 = 0x0057

cdef struct Walk:                # through one frame
    Cursor at
    const uint8_t *first         # of the frame
    uint64_t end                 # where the lengths read so far end what is at the cursor, counted from `first`
    uint32_t depth               # encapsulations taken off
    const Tunnels *tunnels


cdef inline uint64_t room(const Walk *walk) noexcept nogil:
    """Give how long what is at the cursor may be."""
    return walk.end - <uint64_t>(walk.at.data - walk.first)


cdef inline void narrow(Walk *walk, uint64_t size) noexcept nogil:
    """Let what is at the cursor be `size` bytes long, which is no more than its room."""
    walk.end = <uint64_t>(walk.at.data - walk.first) + size
    walk.at.size = <uint32_t>min(<uint64_t>walk.at.size, size)


cdef inline uint8_t descend(Walk *walk) noexcept nogil:
    """Take one encapsulation more, if it is not one too many."""
    if walk.depth == TUNNELS_DEEP:
        return TOO_DEEP
    walk.depth += 1
    return PARSED


cdef uint8_t enter_pppoe(Walk *walk) noexcept nogil:
    """Read the headers of a PPPoE session and of PPP."""
    cdef const uint8_t *data = walk.at.data
    cdef uint32_t length
    cdef uint16_t protocol
    cdef uint8_t status = descend(walk)
    if status != PARSED:
        return status
    if walk.at.size < PPPOE_BYTES + PPP_BYTES:
        return TRUNCATED
    length = be16(data + 4)
    protocol = be16(data + 6)
    if data[0] != PPPOE_VERSION_TYPE or data[1] != 0 or length < PPP_BYTES or length > room(walk) - PPPOE_BYTES:
        return PPPOE
    narrow(walk, PPPOE_BYTES + length)
    advance(&walk.at, PPPOE_BYTES + PPP_BYTES)
    walk.at.type = TYPE_IPV4 if protocol == PPP_IPV4 else TYPE_IPV6
    return PARSED if protocol == PPP_IPV4 or protocol == PPP_IPV6 else NOT_IP


cdef uint8_t enter_pseudowire(Walk *walk, uint8_t reason) noexcept nogil:
    """Read what is below a label stack and not IP; `reason` is what it is if it is no pseudowire either."""
    cdef int skipped = before_ethernet(walk.at)
    cdef uint8_t status
    if skipped < 0:
        return reason
    status = descend(walk)
    if status != PARSED:
        return status
    advance(&walk.at, <uint32_t>skipped)
    return enter_ethernet(&walk.at)


cdef uint8_t enter_layer(Walk *walk) noexcept nogil:
    """Read what is at the cursor, which is not IP: labels and what is below them, or PPPoE."""
    cdef uint8_t status
    if is_labelled(walk.at.type):
        status = enter_labels(&walk.at)
        if (status == MPLS_PSEUDOWIRE or status == MPLS_PAYLOAD) and walk.tunnels.kinds & OPEN_PSEUDOWIRE:
            return enter_pseudowire(walk, status)
        return status
    if walk.at.type != TYPE_PPPOE_SESSION and walk.at.type != TYPE_PPPOE_DISCOVERY:
        return NOT_IP
    if not walk.tunnels.kinds & OPEN_PPPOE:
        return PPPOE
    return enter_pppoe(walk) if walk.at.type == TYPE_PPPOE_SESSION else NOT_IP


cdef uint8_t reach_packet(Walk *walk, Packet *packet) noexcept nogil:
    """Go on to the next IP header and fill the zeroed `packet` from it; the cursor is behind it then.

    Ends: a layer below IP is a label stack, which comes to IP or to a pseudowire, or an encapsulation.
    """
    cdef const uint8_t *header
    cdef uint8_t status = enter_tags(&walk.at)
    while status == PARSED and walk.at.type != TYPE_IPV4 and walk.at.type != TYPE_IPV6:
        status = enter_layer(walk)
        if status == PARSED:
            status = enter_tags(&walk.at)
    if status != PARSED:
        return status
    header = walk.at.data
    status = read_packet(&walk.at, packet)
    if status != PARSED:
        return status
    if packet.ip_bytes > walk.end - <uint64_t>(header - walk.first):
        return PPPOE             # the only length around a packet that has no packet around it
    walk.end = <uint64_t>(header - walk.first) + packet.ip_bytes
    return PARSED


cdef uint8_t enter_gre(Walk *walk) noexcept nogil:
    """Read a GRE header; inside may be IP, Ethernet or a label stack (RFC 4023)."""
    cdef uint16_t flags
    cdef uint32_t header_bytes = GRE_BYTES
    if walk.at.size < GRE_BYTES:
        return TRUNCATED
    flags = be16(walk.at.data)
    if flags & GRE_REFUSED:
        return NOT_IP
    if flags & GRE_CHECKSUM:
        header_bytes += GRE_FIELD_BYTES
    if flags & GRE_KEY:
        header_bytes += GRE_FIELD_BYTES
    if flags & GRE_SEQUENCE:
        header_bytes += GRE_FIELD_BYTES
    walk.at.type = be16(walk.at.data + 2)
    if walk.at.size < header_bytes:
        return TRUNCATED
    advance(&walk.at, header_bytes)
    if walk.at.type == TYPE_BRIDGING:
        return enter_ethernet(&walk.at)
    if walk.at.type == TYPE_IPV4 or walk.at.type == TYPE_IPV6 or is_labelled(walk.at.type):
        return PARSED
    return NOT_IP


cdef uint8_t enter_vxlan(Walk *walk) noexcept nogil:
    """Read the headers of UDP, VXLAN and Ethernet."""
    cdef uint32_t length
    if walk.at.size < UDP_BYTES + VXLAN_BYTES:
        return TRUNCATED
    length = be16(walk.at.data + 4)
    if not walk.at.data[UDP_BYTES] & VXLAN_HAS_VNI or length < UDP_BYTES + VXLAN_BYTES or length > room(walk):
        return NOT_IP
    narrow(walk, length)
    advance(&walk.at, UDP_BYTES + VXLAN_BYTES)
    return enter_ethernet(&walk.at)


cdef uint8_t enter_tunnel(Walk *walk, const Packet *packet) noexcept nogil:
    """Go into the packet read last: AT_END if it is no tunnel that is on, PARSED, or why it cannot be entered."""
    cdef uint32_t kind = tunnel_of(packet, walk.tunnels) & walk.tunnels.kinds
    cdef uint8_t status
    if kind == 0:
        return AT_END
    status = NOT_IP if packet.flags & PACKET_FRAGMENT else descend(walk)
    if status != PARSED:
        return status
    if kind == OPEN_GRE:
        return enter_gre(walk)
    if kind == OPEN_VXLAN:
        return enter_vxlan(walk)
    walk.at.type = TYPE_IPV4 if kind == OPEN_IPIP else TYPE_IPV6
    return PARSED


cdef uint8_t open_frame(const Frame *frame, Packet *packet, Tunnels *tunnels) noexcept nogil:
    """Fill `packet` from a frame, read through what is switched on.

    Returns PARSED, or a Reason with `packet` zero.  Counts in `tunnels`.  No GIL.
    """
    cdef Walk walk
    cdef Packet inner
    cdef uint8_t status
    cdef uint32_t depth = 0
    memset(packet, 0, sizeof(Packet))
    walk.tunnels = tunnels
    walk.depth = 0
    walk.end = <uint64_t>1 << 32
    walk.first = walk.at.data = frame.data
    walk.at.size = frame.captured
    walk.at.type = 0
    status = enter_link(&walk.at, frame.link_type)
    while status == PARSED:
        memset(&inner, 0, sizeof(Packet))
        status = reach_packet(&walk, &inner)
        if status == PARSED:
            packet[0] = inner
            depth = walk.depth
            status = enter_tunnel(&walk, packet)
    if packet.family == 0:
        return status
    grow64(&tunnels.opened, depth > 0)
    grow64(&tunnels.unread, status != AT_END and status != TOO_DEEP)
    grow64(&tunnels.too_deep, status == TOO_DEEP)
    return PARSED


cdef inline uint32_t rare_ones(const Packet *packets, uint32_t count, const Tunnels *tunnels) noexcept nogil:
    """Give one bit for each packet that has to be looked at.  Without branches: most batches have none."""
    cdef uint32_t i
    cdef uint32_t bits = 0
    cdef uint8_t unparsed = PARSED
    if not tunnels.kinds & OPEN_IN_IP:
        for i in range(count):
            unparsed |= packets[i].status
        if unparsed == PARSED:
            return 0
    for i in range(count):
        bits |= (<uint32_t>(packets[i].status != PARSED) | <uint32_t>(packets[i].protocol_class == CLASS_OTHER)
                 | <uint32_t>(packets[i].destination_port == tunnels.vxlan_port)) << i
    return bits


cdef void open_batch(const FrameBatch *batch, Packet *packets, Tunnels *tunnels) noexcept nogil:
    """Put inner packets in place of the outer ones that `parse_batch` gave.  No GIL."""
    cdef uint32_t bits = rare_ones(packets, batch.count, tunnels)
    cdef uint32_t i
    while bits:
        i = <uint32_t>lowest_bit(bits)
        bits &= bits - 1
        if is_closed(&packets[i], tunnels):
            packets[i].status = open_frame(&batch.frames[i], &packets[i], tunnels)


cdef int set_tunnels(Tunnels *tunnels, object kinds, object vxlan_port) except -1:
    """Switch on what `kinds` names; the counts begin at 0.

    Raises:
        ValueError: If a name is not one of TUNNELS, or the port is none.
    """
    memset(tunnels, 0, sizeof(Tunnels))
    for kind in kinds:
        if kind not in TUNNELS:
            raise ValueError(f"no tunnel {kind!r}; there are {', '.join(TUNNELS)}")
        tunnels.kinds |= 1 << <int>TUNNELS.index(kind)
    if not 1 <= vxlan_port <= 0xffff:
        raise ValueError(f"port {vxlan_port}: 1 to 65535")
    tunnels.vxlan_port = vxlan_port
    return 0
