# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, autotestdict=False
"""Frames into packets: link headers, tags and labels down to IP, 32 frames at a time.

One shape for every header: check the bound, read, advance, hand over.  A frame becomes a packet as soon as both
addresses are whole; what is cut behind them is left out.  Everything else gets a reason and is counted by it.
IP and above are in ip.pxd.

The tag a kernel strips into the ring's metadata is not looked at: the ethertype that follows it stands in the frame.
"""

from typing import NamedTuple

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from capture_ext.batch cimport BATCH, PACKET_FRAGMENT, PACKET_PORTS, PACKET_SYN, Frame, FrameBatch, Packet
from capture_ext.ip cimport read_ipv4, read_ipv6
from capture_ext.wire cimport be16

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
)

# What is_link_type accepts, named for people.
LINK_TYPES = "1 Ethernet, 12, 14 and 101 raw IP, 113 and 276 Linux cooked, 228 IPv4, 229 IPv6"

cdef enum:
    # IEEE 802 numbers (IANA)
    TYPE_IPV4 = 0x0800
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


cdef bint is_link_type(uint32_t number) noexcept nogil:
    """Say whether the parser reads frames of this link type."""
    return (
        number == LINK_ETHERNET or number == LINK_RAW or number == LINK_RAW_BSD or number == LINK_RAW_OPENBSD
        or number == LINK_SLL or number == LINK_SLL2 or number == LINK_IPV4 or number == LINK_IPV6
    )


cdef inline uint8_t read_ip(const uint8_t *data, uint32_t size, Packet *packet) noexcept nogil:
    """Read IPv4 or IPv6, whichever the first four bits say."""
    if size == 0:
        return TRUNCATED
    if data[0] >> 4 == 4:
        return read_ipv4(data, size, packet)
    return read_ipv6(data, size, packet) if data[0] >> 4 == 6 else IP_VERSION


cdef uint8_t read_mpls(const uint8_t *data, uint32_t size, Packet *packet) noexcept nogil:
    """Read what is below a label stack; `data` is its first label.

    Nothing in the stack names the payload: its first four bits do (RFC 4928, 3), and 0 is the control word of a
    pseudowire (RFC 4385, 3).
    """
    cdef int labels = 0
    cdef bint bottom = False
    while not bottom:
        if labels == MPLS_LABELS:
            return TOO_MANY_LABELS
        if size < LABEL_BYTES:
            return TRUNCATED
        bottom = data[2] & LABEL_BOTTOM
        data += LABEL_BYTES
        size -= LABEL_BYTES
        labels += 1
    if size == 0:
        return TRUNCATED
    if data[0] >> 4 == 0:
        return MPLS_PSEUDOWIRE
    if data[0] >> 4 != 4 and data[0] >> 4 != 6:
        return MPLS_PAYLOAD
    return read_ip(data, size, packet)


cdef inline bint is_tag(uint16_t ethertype) noexcept nogil:
    return ethertype == TYPE_8021Q or ethertype == TYPE_8021AD or ethertype == TYPE_QINQ


cdef inline uint8_t read_payload(
    uint16_t ethertype, const uint8_t *data, uint32_t size, Packet *packet
) noexcept nogil:
    """Read what an ethertype announces, through any tags; `data` is the byte behind the ethertype."""
    cdef int tags = 0
    while is_tag(ethertype):
        if tags == VLAN_TAGS:
            return TOO_MANY_TAGS
        if size < TAG_BYTES:
            return TRUNCATED
        ethertype = be16(data + 2)
        data += TAG_BYTES
        size -= TAG_BYTES
        tags += 1
    if ethertype == TYPE_IPV4:
        return read_ipv4(data, size, packet)
    if ethertype == TYPE_IPV6:
        return read_ipv6(data, size, packet)
    if ethertype == TYPE_MPLS or ethertype == TYPE_MPLS_UPSTREAM:
        return read_mpls(data, size, packet)
    return PPPOE if ethertype == TYPE_PPPOE_SESSION or ethertype == TYPE_PPPOE_DISCOVERY else NOT_IP


cdef uint8_t read_other_link(
    uint16_t link_type, const uint8_t *data, uint32_t size, Packet *packet
) noexcept nogil:
    """Read a frame of any link type but Ethernet."""
    if link_type == LINK_RAW or link_type == LINK_RAW_BSD or link_type == LINK_RAW_OPENBSD:
        return read_ip(data, size, packet)
    if link_type == LINK_IPV4:
        return read_ipv4(data, size, packet)
    if link_type == LINK_IPV6:
        return read_ipv6(data, size, packet)
    if link_type == LINK_SLL:
        if size < SLL_BYTES:
            return TRUNCATED
        return read_payload(be16(data + 14), data + SLL_BYTES, size - SLL_BYTES, packet)
    if link_type == LINK_SLL2:
        if size < SLL2_BYTES:
            return TRUNCATED
        return read_payload(be16(data), data + SLL2_BYTES, size - SLL2_BYTES, packet)
    return LINK_TYPE


cdef inline uint8_t read_frame(const Frame *frame, Packet *packet) noexcept nogil:
    """Fill a zeroed `packet`; return PARSED, or a Reason with `packet` still zero."""
    if frame.link_type != LINK_ETHERNET:
        return read_other_link(frame.link_type, frame.data, frame.captured, packet)
    if frame.captured < ETHERNET_BYTES:
        return TRUNCATED
    return read_payload(
        be16(frame.data + 12), frame.data + ETHERNET_BYTES, frame.captured - ETHERNET_BYTES, packet
    )


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


def parse_frames(frames: list[bytes], link_type: int, stripped_tag: int = 0) -> list[ParsedPacket]:
    """Parse up to 32 frames of one link type in one batch.

    Raises:
        ValueError: If there are more than 32.
    """
    cdef FrameBatch batch
    cdef Packet packets[BATCH]
    cdef uint32_t i
    if len(frames) > BATCH:
        raise ValueError(f"{len(frames)} frames do not fit a batch of {BATCH}")
    batch.count = 0
    try:
        for data in frames:
            copy_frame(&batch.frames[batch.count], data, link_type, stripped_tag)
            batch.count += 1
        with nogil:
            parse_batch(&batch, packets)
        return [parsed_packet(&packets[i]) for i in range(batch.count)]
    finally:
        for i in range(batch.count):
            free(<void *>batch.frames[i].data)


def parse(frame: bytes, link_type: int, stripped_tag: int = 0) -> ParsedPacket:
    """Parse one frame."""
    return parse_frames([frame], link_type, stripped_tag)[0]
