/* From an address to the index of a host, as prefixes.pxd and totals.pyx find it. */
#pragma once

#include "tables.bpf.h"

enum { NO_HOST = 0xffffffff, NO_ROOM = 0xfffffffe };
enum { KIND_SHIFT = 30, KIND_HOSTS = 1, VALUE_MASK = 0x3fffffff };

/* Give entry `low` of table `table` of the trie, 0 if there is none. */
INLINE u32 entry_of(void *map, u32 table, u32 low)
{
    struct chunk *chunk = find(map, &table);

    return chunk ? chunk->numbers[low & (CHUNK - 1)] : 0;
}

INLINE u32 find_ipv4(u32 address)
{
    u32 word = address >> 22;
    u64 *bits = find(&present, &word);
    u32 entry;

    if (!bits || !(*bits >> (address >> 16 & 63) & 1))
        return NO_HOST;
    entry = entry_of(&top, address >> 24, address >> 16);
    if (entry >> KIND_SHIFT == KIND_HOSTS)
        return (entry & VALUE_MASK) + (address & 0xffff);
    entry = entry_of(&middle, entry & VALUE_MASK, address >> 8);
    if (entry >> KIND_SHIFT == KIND_HOSTS)
        return (entry & VALUE_MASK) + (address & 0xff);
    if (!entry)
        return NO_HOST;
    entry = entry_of(&bottom, entry & VALUE_MASK, address);
    return entry ? entry & VALUE_MASK : NO_HOST;
}

INLINE int below(const u64 *left, const u64 *right)
{
    return left[0] < right[0] || (left[0] == right[0] && left[1] < right[1]);
}

/* Halve the part of the ranges in which an address may be; 0 when nothing is left to halve. */
INLINE int halve(struct slice *slice, const u64 *address)
{
    u32 low = *(volatile u32 *)&slice->low;
    u32 high = *(volatile u32 *)&slice->high;
    u32 middle_one = (low + high) / 2;
    struct range *range = find(&ranges, &middle_one);

    if (low >= high || !range)
        return 0;
    if (below(range->last, address))
        *(volatile u32 *)&slice->low = middle_one + 1;
    else
        *(volatile u32 *)&slice->high = middle_one;
    return 1;
}

/* Whether an IPv6 address is in one of our networks: the first range that does not end before it tells. */
INLINE int covers_ipv6(struct slice *slice, const u64 *address)
{
    struct range *range;
    u32 found;

    if (!address[0] && !address[1])
        return 0;
    slice->low = 0;
    slice->high = sizes.ranges;
    SIXTEEN_TIMES(if (!halve(slice, address)) goto halved;)  /* with the 17th enough for 65,536 networks */
    halve(slice, address);
halved:
    found = *(volatile u32 *)&slice->low;
    range = find(&ranges, &found);
    return range && found < sizes.ranges && !below(address, range->first);
}

/* Clear both lines of a place on this CPU for a new host; the tag says for whom they count (totals.pyx, IPv6). */
INLINE void claim_lines(u32 cpu, u32 host, u32 *tag, u32 generation)
{
    u32 line = cpu * sizes.hosts * 2 + host;
    struct line *incoming = find(&lines, &line);
    struct line *outgoing;

    line += sizes.hosts;
    outgoing = find(&lines, &line);
    if (!incoming || !outgoing)
        return;
    __sync_lock_test_and_set(tag, 0);
    __builtin_memset(incoming, 0, sizeof(*incoming));
    __builtin_memset(outgoing, 0, sizeof(*outgoing));
    __sync_lock_test_and_set(tag, generation);
}

/* Give the host index of one end of the IPv6 packet in a slice; NO_HOST: not ours, NO_ROOM: ours, without a place. */
ALONE u32 find_ipv6(u32 cpu, u32 which, u32 tick)
{
    struct slice *slice = slice_of(cpu);
    struct address address;
    struct place *place;
    struct pair *pair;
    u32 element, number;

    if (!slice || !sizes.ranges)
        return NO_HOST;
    which = reread(&slice->index, which) & 1;
    address.halves[0] = slice->packet.ends[which][0];
    address.halves[1] = slice->packet.ends[which][1];
    if (!covers_ipv6(slice, address.halves))
        return NO_HOST;
    place = find(&places, &address);
    if (!place)
        return NO_ROOM;
    number = place->place;
    element = number / 2;
    pair = find(&stamps, &element);
    if (!pair)
        return NO_ROOM;
    if (pair->numbers[number & 1] != tick)
        pair->numbers[number & 1] = tick;
    element += cpu * (sizes.ipv6_places / 2);
    pair = find(&tags, &element);
    if (!pair)
        return NO_ROOM;
    if (pair->numbers[number & 1] != place->generation)
        claim_lines(cpu, sizes.first_ipv6 + number, &pair->numbers[number & 1], place->generation);
    return sizes.first_ipv6 + number;
}
