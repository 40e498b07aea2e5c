/* The memory that the program shares with the engine; kernel_tables.pyx has the other side and sets the sizes.
 *
 * Arrays are mapped into the engine: it reads them without a system call.  A slice is written by the program on its
 * own CPU alone; programs on one CPU never interrupt each other.
 */
#pragma once

#include "kernel.bpf.h"

enum { CHUNK = 256 };        /* numbers in an element of the trie's arrays */
enum { FRAME_BYTES = 256 };  /* most bytes that are read of a frame, and in a record */
enum { OFFSET_MASK = 511 };  /* above every offset at which something is read */
enum { ROOM = 64 };          /* behind that: no header that is read at once is longer */
enum { KINDS = 5, COUNTS = 6, COURSES = 4, REASONS = 32 };  /* as in totals.pxd */

enum { SOURCE = 0, DESTINATION = 1 };  /* of packet.ends */

struct line {                /* as totals.pxd */
    u64 bytes[KINDS];
    u32 packets[COUNTS];
};

struct packet {
    u64 ends[2][2];          /* addresses of source and destination, host byte order; IPv4: [0, address] */
    u32 ip_bytes;
    u32 offset;              /* of the header that is read next */
    u32 end;                 /* offset behind the IP packet */
    u32 class;               /* 0 TCP, 1 UDP, 2 ICMP, 3 other */
    u32 fragment;            /* 0 or 1 */
    u32 syn;                 /* 0 or 1 */
    u32 protocol;
    u32 family;
    u32 captured;            /* bytes of the frame that are read */
    u32 wire_bytes;
};

struct slice {
    u64 engine[8];           /* the engine's own; from here to `unparsed` as Tables in totals.pxd */
    u64 packets[COURSES];
    u64 bytes[COURSES];
    u64 frames;
    u64 unparsed[REASONS];
    u64 unplaced;            /* IPv6 packets that count at no host: their record found no room */
    u32 round;               /* of `misses` */
    u32 misses;              /* IPv6 hosts asked for in this round */
    u32 countdown;           /* frames until the next sample */
    u32 index;               /* a number on its way to be an index: the verifier must not know its value */
    struct packet packet;    /* the one under way; in memory, where the verifier does not follow its values */
    u32 low;                 /* of a search under way */
    u32 high;
    u64 rest[2];
    u8 frame[OFFSET_MASK + 1 + ROOM];  /* what is read of the frame under way */
};
_Static_assert(sizeof(struct slice) == 1088, "whole cache lines");

struct chunk {
    u32 numbers[CHUNK];
};

struct range {               /* Range6 of prefixes.pxd */
    u64 first[2];
    u64 last[2];
};

struct address {
    u64 halves[2];
};

struct place {
    u32 place;
    u32 generation;
};

struct pair {
    u32 numbers[2];
};

struct quad {
    u16 numbers[4];
};

struct control {
    u32 tick;                /* of the engine */
    u32 round;               /* grows each time the records are read */
    u64 strays;              /* frames on a CPU that has no slice */
};

struct record {              /* one frame for the engine */
    u64 time_ns;             /* CLOCK_MONOTONIC */
    u32 flags;
    u32 wire_bytes;
    u32 captured;
    u32 unused;
    u8 frame[FRAME_BYTES];
};

enum {                       /* record.flags */
    FOR_AUDIT = 1,
    FOR_SAMPLE = 2,
    SOURCE_MISSED = 4,       /* not counted at its IPv6 source: it has no place yet */
    DESTINATION_MISSED = 8,
};

/* Constants of a loaded program: the verifier knows them and drops what they rule out. */
const volatile struct {
    u32 slices;
    u32 hosts;               /* of one direction */
    u32 first_ipv6;
    u32 ipv6_places;
    u32 ranges;              /* IPv6 networks */
    u32 count_internal;
    u32 action;
    u32 sample_every;
    u32 miss_limit;          /* hosts asked for by a CPU in a round */
    u32 snaplen;             /* bytes read of a frame */
} sizes SECTION(".rodata");

ARRAY_OF(struct slice) slices SECTION(".maps");
ARRAY_OF(struct line) lines SECTION(".maps");
ARRAY_OF(u64) touched SECTION(".maps");
ARRAY_OF(struct pair) tags SECTION(".maps");
ARRAY_OF(struct quad) wanted SECTION(".maps");   /* frames an audit still wants, one number a line */
ARRAY_OF(struct pair) stamps SECTION(".maps");   /* tick in which a place was seen last */
ARRAY_OF(struct control) control SECTION(".maps");

ARRAY_OF(u64) present SECTION(".maps");          /* the trie of prefixes.pxd */
ARRAY_OF(struct chunk) top SECTION(".maps");
ARRAY_OF(struct chunk) middle SECTION(".maps");
ARRAY_OF(struct chunk) bottom SECTION(".maps");
ARRAY_OF(struct range) ranges SECTION(".maps");

struct {
    NUMBER(type, MAP_HASH);
    NUMBER(max_entries, 1);
    struct address *key;
    struct place *value;
} places SECTION(".maps");

struct {
    NUMBER(type, MAP_RINGBUF);
    NUMBER(max_entries, 4096);
} records SECTION(".maps");

/* Put a number down and take it up again as one of which the verifier knows nothing. */
INLINE u32 reread(u32 *place, u32 value)
{
    *(volatile u32 *)place = value;
    return *(volatile u32 *)place;
}

/* Give the slice of a CPU, 0 if it has none. */
INLINE struct slice *slice_of(u32 cpu)
{
    return cpu < sizes.slices ? find(&slices, &cpu) : 0;
}
