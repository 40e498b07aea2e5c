from libc.stdint cimport uint16_t, uint32_t, uint64_t

from capture_ext.batch cimport CLASS_OTHER, CLASS_UDP, FrameBatch, Packet
from capture_ext.frame cimport MPLS_PAYLOAD, MPLS_PSEUDOWIRE, PARSED, PPPOE

cdef enum:
    TUNNELS_DEEP = 4             # encapsulations that are taken off one frame

    # IANA protocol numbers
    PROTOCOL_IPV4 = 4
    PROTOCOL_IPV6 = 41
    PROTOCOL_GRE = 47

# What may be taken off, one bit each: 1 << index in tunnel.TUNNELS
cdef enum TunnelBit:
    OPEN_GRE = 1
    OPEN_IPIP = 2
    OPEN_6IN4 = 4
    OPEN_VXLAN = 8
    OPEN_PPPOE = 16
    OPEN_PSEUDOWIRE = 32
    OPEN_IN_IP = 15              # those inside a packet

cdef struct Tunnels:             # of one capture thread, which alone writes it; the counts are read by others
    uint32_t kinds               # TunnelBit
    uint16_t vxlan_port          # UDP destination port
    uint64_t opened              # frames that count by a packet from inside
    uint64_t unread              # frames that count by the outer packet, because the inner one could not be read
    uint64_t too_deep            # the same, because it lies deeper than TUNNELS_DEEP

cdef void open_batch(const FrameBatch *batch, Packet *packets, Tunnels *tunnels) noexcept nogil
cdef int set_tunnels(Tunnels *tunnels, object kinds, object vxlan_port) except -1


cdef inline uint32_t tunnel_of(const Packet *packet, const Tunnels *tunnels) noexcept nogil:
    """Give the tunnel that a parsed packet is one end of, by its protocol or port, 0 for none; also if it is off."""
    if packet.protocol_class == CLASS_UDP:
        return OPEN_VXLAN if packet.destination_port == tunnels.vxlan_port else 0
    if packet.protocol_class != CLASS_OTHER:
        return 0
    if packet.protocol == PROTOCOL_GRE:
        return OPEN_GRE
    if packet.protocol == PROTOCOL_IPV4:
        return OPEN_IPIP
    return OPEN_6IN4 if packet.protocol == PROTOCOL_IPV6 else 0


cdef inline bint is_closed(const Packet *packet, const Tunnels *tunnels) noexcept nogil:
    """Whether the parser stopped at something that is switched on; `packet` is as it left it."""
    if packet.status == PARSED:
        return tunnel_of(packet, tunnels) & tunnels.kinds
    if packet.status == PPPOE:
        return tunnels.kinds & OPEN_PPPOE
    return (packet.status == MPLS_PSEUDOWIRE or packet.status == MPLS_PAYLOAD) and tunnels.kinds & OPEN_PSEUDOWIRE
