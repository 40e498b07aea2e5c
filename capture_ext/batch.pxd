"""What passes between a source, the parser and the counters: 32 frames at a time, no Python objects.

A `FrameBatch` is filled by `FrameSource.next_batch`, read by `parse_batch` into 32 `Packet`s, which the counters apply.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    BATCH = 32

cdef struct Frame:
    const uint8_t *data      # first byte of the link header; valid until the source's next call
    uint32_t captured        # bytes that may be read at `data`
    uint32_t wire_bytes      # length on the wire; may be above `captured`
    uint32_t stripped_tag    # VLAN tag taken off by the kernel: TPID << 16 | TCI; 0: none
    uint16_t link_type       # pcap link type (https://www.tcpdump.org/linktypes.html)
    int64_t timestamp_ns     # nanoseconds since the epoch

cdef struct FrameBatch:
    uint32_t count           # 0 .. BATCH
    Frame frames[BATCH]

# Packet.protocol_class: index of the protocol in a totals line
cdef enum ProtocolClass:
    CLASS_TCP = 0
    CLASS_UDP = 1
    CLASS_ICMP = 2           # ICMP in IPv4 and ICMPv6 in IPv6
    CLASS_OTHER = 3

# Packet.flags
cdef enum PacketFlag:
    PACKET_FRAGMENT = 1      # piece of a datagram (RFC 791; RFC 8200, 4.5); an atomic fragment is none
    PACKET_SYN = 2           # TCP with SYN and without ACK
    PACKET_PORTS = 4         # both ports were read

cdef struct Packet:
    uint8_t status           # 0: parsed; else a reason, an index into frame.REASONS
    uint8_t family           # 4 or 6
    uint8_t protocol         # upper layer, IANA protocol number
    uint8_t protocol_class   # ProtocolClass
    uint8_t flags            # PacketFlag
    uint8_t tcp_flags        # byte 13 of the TCP header, 0 if not TCP or cut
    uint16_t source_port     # 0 without PACKET_PORTS
    uint16_t destination_port
    uint32_t ip_bytes        # IP length, header included, from the IP header
    uint64_t source[2]       # host byte order; IPv4: [0, address]; IPv6: [high 64 bits, low 64 bits]
    uint64_t destination[2]
