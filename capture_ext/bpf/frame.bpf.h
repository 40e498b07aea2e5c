/* From a frame to a packet, as frame.pyx and ip.pxd read it; a test holds the two together.
 *
 * Every reader checks the bound, reads, advances.  The frame is a copy of its first bytes in the slice: without
 * CAP_PERFMON a program may not read a packet at an offset that is not a constant, but it may read its own memory.
 *
 * The cursor is stored in the slice and read back between headers: the verifier then knows nothing of it, and does
 * not follow each number of tags and labels by itself.
 */
#pragma once

#include "tables.bpf.h"

enum {  /* frame.Reason */
    PARSED = 0,
    TRUNCATED = 1,
    NOT_IP = 2,
    IP_VERSION = 4,
    IPV4_HEADER = 5,
    IPV4_TOTAL_LENGTH = 6,
    TOO_MANY_TAGS = 7,
    TOO_MANY_LABELS = 8,
    MPLS_PAYLOAD = 9,
    MPLS_PSEUDOWIRE = 10,
    PPPOE = 11,
};

enum { TCP = 6, UDP = 17, ICMP = 1, ICMPV6 = 58 };
enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, AUTHENTICATION = 51, OPTIONS = 60 };

struct view {
    const u8 *data;
    u32 size;                /* bytes of it */
    u32 *index;              /* where `at` puts an offset down */
};

/* Give what is at an offset; the caller asks `ends` first. */
INLINE const u8 *at(const struct view *view, u32 offset)
{
    return view->data + (reread(view->index, offset) & OFFSET_MASK);
}

/* Whether the frame ends less than `count` bytes behind an offset. */
INLINE int ends(const struct view *view, u32 offset, u32 count)
{
    return offset + count > view->size;
}

INLINE u16 be16(const u8 *bytes)
{
    return __builtin_bswap16(*(const u16 *)bytes);
}

INLINE u32 be32(const u8 *bytes)
{
    return __builtin_bswap32(*(const u32 *)bytes);
}

INLINE u64 be64(const u8 *bytes)
{
    return (u64)be32(bytes) << 32 | be32(bytes + 4);
}

INLINE int is_tag(u16 type)
{
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

INLINE u32 class_of(u32 protocol, u32 icmp)
{
    if (protocol == TCP)
        return 0;
    if (protocol == UDP)
        return 1;
    return protocol == icmp ? 2 : 3;
}

/* Note whether a TCP header at `offset` opens a connection (RFC 9293, 3.1). */
INLINE void read_syn(const struct view *view, u32 offset, struct packet *packet)
{
    if (!ends(view, offset, 14) && offset + 14 <= packet->end)
        packet->syn = (*at(view, offset + 13) & 0x12) == 0x02;
}

/* RFC 791, 3.1. */
INLINE u32 read_ipv4(const struct view *view, u32 offset, struct packet *packet)
{
    const u8 *ip;
    u32 header_bytes, ip_bytes, fragment;

    if (ends(view, offset, 20))
        return TRUNCATED;
    ip = at(view, offset);
    if (ip[0] >> 4 != 4)
        return IP_VERSION;
    header_bytes = (ip[0] & 15) * 4;
    if (header_bytes < 20)
        return IPV4_HEADER;
    ip_bytes = be16(ip + 2);
    if (ip_bytes < header_bytes)
        return IPV4_TOTAL_LENGTH;
    packet->family = 4;
    packet->ip_bytes = ip_bytes;
    packet->end = offset + ip_bytes;
    packet->class = class_of(ip[9], ICMP);
    packet->ends[SOURCE][0] = packet->ends[DESTINATION][0] = 0;
    packet->ends[SOURCE][1] = be32(ip + 12);
    packet->ends[DESTINATION][1] = be32(ip + 16);
    fragment = be16(ip + 6) & 0x3fff;
    packet->fragment = fragment != 0;
    if (ip[9] == TCP && !(fragment & 0x1fff))
        read_syn(view, offset + header_bytes, packet);
    return PARSED;
}

/* Give the length of the extension header at `header`, 0 if it is none (RFC 8200, 4; RFC 4302, 2.2). */
INLINE u32 extension_bytes(u32 protocol, const u8 *header)
{
    if (protocol == HOP_BY_HOP || protocol == ROUTING || protocol == OPTIONS)
        return (header[1] + 1) * 8;
    if (protocol == FRAGMENT)
        return 8;
    return protocol == AUTHENTICATION ? (header[1] + 2) * 4 : 0;
}

/* Step over one extension header; 0 if there is none or it is cut, 1 if another may follow, 2 if nothing can. */
INLINE int skip_extension(const struct view *view, struct packet *packet)
{
    u32 offset = reread(&packet->offset, packet->offset);
    u32 protocol = *(volatile u32 *)&packet->protocol;
    const u8 *header;
    u32 length, fragment = 0;

    if (ends(view, offset, 8) || offset + 8 > packet->end)
        return 0;
    header = at(view, offset);
    length = extension_bytes(protocol, header);
    if (!length || offset + length > packet->end || ends(view, offset, length))
        return 0;
    if (protocol == FRAGMENT)
        fragment = be16(header + 2) & 0xfff9;
    *(volatile u32 *)&packet->protocol = header[0];
    *(volatile u32 *)&packet->offset = offset + length;
    if (fragment)
        packet->fragment = 1;
    return fragment & 0xfff8 ? 2 : 1;
}

/* Walk the extension headers to the upper header. */
INLINE void read_upper(const struct view *view, struct packet *packet)
{
    int outcome = 0;

    EIGHT_TIMES(
        outcome = skip_extension(view, packet);
        if (outcome != 1)
            goto walked;
    )
walked:
    packet->class = class_of(packet->protocol, ICMPV6);
    if (packet->protocol == TCP && outcome != 2)
        read_syn(view, reread(&packet->offset, packet->offset), packet);
}

/* RFC 8200, 3. */
INLINE u32 read_ipv6(const struct view *view, u32 offset, struct packet *packet)
{
    const u8 *ip;

    if (ends(view, offset, 40))
        return TRUNCATED;
    ip = at(view, offset);
    if (ip[0] >> 4 != 6)
        return IP_VERSION;
    packet->family = 6;
    packet->ip_bytes = 40 + be16(ip + 4);
    packet->end = offset + packet->ip_bytes;
    packet->protocol = ip[6];
    packet->ends[SOURCE][0] = be64(ip + 8);
    packet->ends[SOURCE][1] = be64(ip + 16);
    packet->ends[DESTINATION][0] = be64(ip + 24);
    packet->ends[DESTINATION][1] = be64(ip + 32);
    packet->offset = offset + 40;
    read_upper(view, packet);
    return PARSED;
}

/* Find the bottom of a label stack; the payload is named by its first four bits (RFC 4928, 3). */
INLINE u32 skip_labels(const struct view *view, u32 *place, u32 *family)
{
    u32 offset = reread(place, *place);
    const u8 *label;

    SIXTEEN_TIMES(
        if (ends(view, offset, 4))
            return TRUNCATED;
        label = at(view, offset);
        offset = reread(place, offset + 4);
        if (label[2] & 1)
            goto bottom;
    )
    return TOO_MANY_LABELS;
bottom:
    if (ends(view, offset, 1))
        return TRUNCATED;
    label = at(view, offset);
    *family = label[0] >> 4;
    if (*family == 4 || *family == 6)
        return PARSED;
    return *family == 0 ? MPLS_PSEUDOWIRE : MPLS_PAYLOAD;
}

/* Step over the Ethernet header and any tags and labels, to IP: `packet->offset`, `packet->family`. */
INLINE u32 read_link(const struct view *view, struct packet *packet)
{
    const u8 *header = view->data;
    u32 offset = 14;
    u16 type;

    if (ends(view, 0, 14))
        return TRUNCATED;
    type = be16(header + 12);
    EIGHT_TIMES(
        if (!is_tag(type))
            goto untagged;
        if (ends(view, offset, 4))
            return TRUNCATED;
        header = at(view, offset);
        type = be16(header + 2);
        offset += 4;
    )
untagged:
    if (is_tag(type))
        return TOO_MANY_TAGS;
    packet->offset = offset;
    packet->family = type == 0x0800 ? 4 : 6;
    if (type == 0x0800 || type == 0x86dd)
        return PARSED;
    if (type == 0x8847 || type == 0x8848) {
        return skip_labels(view, &packet->offset, &packet->family);
    }
    return type == 0x8863 || type == 0x8864 ? PPPOE : NOT_IP;
}

/* Fill the packet of a slice from its frame; give PARSED, or the reason why it says nothing. */
ALONE u32 read_frame(u32 cpu)
{
    struct slice *slice = slice_of(cpu);
    struct packet *packet;
    struct view view;
    u32 reason;

    if (!slice)
        return TRUNCATED;
    packet = &slice->packet;
    view.data = slice->frame;
    view.size = packet->captured;
    view.index = &slice->index;
    packet->fragment = packet->syn = 0;
    reason = read_link(&view, packet);
    if (reason)
        return reason;
    if (*(volatile u32 *)&packet->family == 4)
        return read_ipv4(&view, *(volatile u32 *)&packet->offset, packet);
    return read_ipv6(&view, *(volatile u32 *)&packet->offset, packet);
}
