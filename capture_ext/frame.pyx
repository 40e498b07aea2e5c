# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Frames into packets: link headers, tags and labels down to IP, 32 frames at a time.

One shape for every header: check the bound, read, advance, hand over.  A frame becomes a packet as soon as both
addresses are whole; what is cut behind them is left out.  Everything else gets a reason and is counted by it.
Link headers, tags and labels are in link.pxd, IP and above in ip.pxd.  Encapsulations are not looked into here: that is
a stage of its own (tunnel.pyx).

The tag a kernel strips into the ring's metadata is not looked at: the ethertype that follows it stands in the frame.
"""

from typing import NamedTuple

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from capture_ext.batch cimport BATCH, PACKET_FRAGMENT, PACKET_PORTS, PACKET_SYN, Frame, FrameBatch, Packet
from capture_ext.ip cimport read_packet
from capture_ext.link cimport (
    TYPE_IPV4,
    TYPE_IPV6,
    TYPE_PPPOE_DISCOVERY,
    TYPE_PPPOE_SESSION,
    Cursor,
    enter_labels,
    enter_link,
    enter_tags,
    is_labelled,
)
from capture_ext.tunnel cimport Tunnels, open_batch, set_tunnels

# Texts of Packet.status; the order is that of frame.Reason.
REASONS = (
    "",
    "truncated",
    "not_ip",
    "link_type",
    "ip_version",
    "ipv4_header",
    "ipv4_total_length",
    "too_many_tags",
    "too_many_labels",
    "mpls_payload",
    "mpls_pseudowire",
    "pppoe",
    "too_deep",
)

# What is_link_type accepts, named for people.
LINK_TYPES = "1 Ethernet, 12, 14 and 101 raw IP, 113 and 276 Linux cooked, 228 IPv4, 229 IPv6"

cdef bint is_link_type(uint32_t number) noexcept nogil:
    """Say whether the parser reads frames of this link type."""
    return (
        number == LINK_ETHERNET or number == LINK_RAW or number == LINK_RAW_BSD or number == LINK_RAW_OPENBSD
        or number == LINK_SLL or number == LINK_SLL2 or number == LINK_IPV4 or number == LINK_IPV6
    )


cdef uint8_t read_rare(Cursor at, Packet *packet) noexcept nogil:
    """Read what is behind an EtherType that is not IP's."""
    cdef uint8_t status
    if is_labelled(at.type):
        status = enter_labels(&at)
        return read_packet(&at, packet) if status == PARSED else status
    return PPPOE if at.type == TYPE_PPPOE_SESSION or at.type == TYPE_PPPOE_DISCOVERY else NOT_IP


cdef inline uint8_t read_frame(const Frame *frame, Packet *packet) noexcept nogil:
    """Fill a zeroed `packet`; return PARSED, or a Reason with `packet` still zero."""
    cdef Cursor at
    cdef uint8_t status
    at.data = frame.data
    at.size = frame.captured
    at.type = 0
    status = enter_link(&at, frame.link_type)
    if status == PARSED:
        status = enter_tags(&at)
    if status != PARSED:
        return status
    if at.type == TYPE_IPV4 or at.type == TYPE_IPV6:
        return read_packet(&at, packet)
    return read_rare(at, packet)


cdef void parse_batch(const FrameBatch *batch, Packet *packets) noexcept nogil:
    """Fill one packet for each frame of `batch`; `packets` has room for BATCH.

    No GIL.  Never fails: a frame that is not understood has its Reason in `status` and zeros in the rest.
    Reads nothing outside `captured` bytes of a frame.
    """
    cdef uint32_t i
    memset(packets, 0, batch.count * sizeof(Packet))
    for i in range(batch.count):
        packets[i].status = read_frame(&batch.frames[i], &packets[i])


class ParsedPacket(NamedTuple):
    """One parsed frame, for tests and people.

    Attributes:
        reason: "" if the frame was parsed, else why not (one of REASONS) and the rest is zero.
        family: 4 or 6.
        protocol: IANA number of the upper layer.
        protocol_class: 0 TCP, 1 UDP, 2 ICMP, 3 other.
        fragment: Whether it is a piece of a datagram.
        syn: TCP with SYN and without ACK.
        ports: (source, destination), None if they were not read.
        tcp_flags: Byte 13 of the TCP header.
        ip_bytes: IP length, header included.
        source: Address as a number.
        destination: Address as a number.
    """

    reason: str
    family: int
    protocol: int
    protocol_class: int
    fragment: bool
    syn: bool
    ports: tuple[int, int] | None
    tcp_flags: int
    ip_bytes: int
    source: int
    destination: int


cdef object parsed_packet(const Packet *packet):
    ports = (packet.source_port, packet.destination_port) if packet.flags & PACKET_PORTS else None
    return ParsedPacket(
        REASONS[packet.status],
        packet.family,
        packet.protocol,
        packet.protocol_class,
        bool(packet.flags & PACKET_FRAGMENT),
        bool(packet.flags & PACKET_SYN),
        ports,
        packet.tcp_flags,
        packet.ip_bytes,
        (<object>packet.source[0] << 64) | packet.source[1],
        (<object>packet.destination[0] << 64) | packet.destination[1],
    )


cdef int copy_frame(Frame *frame, bytes data, uint16_t link_type, uint32_t stripped_tag) except -1:
    """Fill `frame` with a copy of `data` in memory of exactly its size, which the caller frees.

    So that a read past the end is one past an allocation, where the address sanitizer sees it.
    """
    cdef uint8_t *memory = <uint8_t *>malloc(len(data))
    if memory is NULL and len(data) > 0:
        raise MemoryError
    memcpy(memory, <const char *>data, len(data))
    frame.data = memory
    frame.captured = frame.wire_bytes = <uint32_t>len(data)
    frame.link_type = link_type
    frame.stripped_tag = stripped_tag
    frame.timestamp_ns = 0
    return 0


def parse_frames(
    frames: list[bytes],
    link_type: int,
    stripped_tag: int = 0,
    decapsulate: tuple[str, ...] = (),
    vxlan_port: int = 4789,
) -> list[ParsedPacket]:
    """Parse up to 32 frames of one link type in one batch, through the encapsulations named.

    Raises:
        ValueError: If there are more than 32, or something cannot be switched on.
    """
    cdef FrameBatch batch
    cdef Packet packets[BATCH]
    cdef Tunnels tunnels
    cdef uint32_t i
    if len(frames) > BATCH:
        raise ValueError(f"{len(frames)} frames do not fit a batch of {BATCH}")
    set_tunnels(&tunnels, decapsulate, vxlan_port)
    batch.count = 0
    try:
        for data in frames:
            copy_frame(&batch.frames[batch.count], data, link_type, stripped_tag)
            batch.count += 1
        with nogil:
            parse_batch(&batch, packets)
            open_batch(&batch, packets, &tunnels)
        return [parsed_packet(&packets[i]) for i in range(batch.count)]
    finally:
        for i in range(batch.count):
            free(<void *>batch.frames[i].data)


def parse(frame: bytes, link_type: int, stripped_tag: int = 0, decapsulate: tuple[str, ...] = ()) -> ParsedPacket:
    """Parse one frame."""
    return parse_frames([frame], link_type, stripped_tag, decapsulate)[0]
