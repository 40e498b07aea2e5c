/* What the kernel gives to a program: types, helpers by their numbers, the shape of map declarations.
 *
 * Declared here in full, so that nothing but a compiler is needed and the object is the same on every machine.
 * Source: include/uapi/linux/bpf.h of Linux, where all of this is a stable interface.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

enum { XDP_DROP = 1, XDP_PASS = 2 };
enum { MAP_HASH = 1, MAP_ARRAY = 2, MAP_RINGBUF = 27 };
enum { MMAPABLE = 1 << 10 };
enum { NO_WAKEUP = 1 };

struct xdp_md {
    u32 data;
    u32 data_end;
    u32 data_meta;
    u32 ingress_ifindex;
    u32 rx_queue_index;
    u32 egress_ifindex;
};

static void *(*const find)(void *map, const void *key) = (void *)1;
static u64 (*const monotonic_ns)(void) = (void *)5;
static u32 (*const processor)(void) = (void *)8;
static void *(*const reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static u64 (*const frame_length)(struct xdp_md *context) = (void *)188;
static long (*const load_bytes)(struct xdp_md *context, u32 offset, void *target, u32 size) = (void *)189;
static void (*const submit)(void *record, u64 flags) = (void *)132;

/* libbpf reads a map's parameters from the types of these members. */
#define NUMBER(name, value) int (*name)[value]
#define ARRAY_OF(kind)           \
    struct {                     \
        NUMBER(type, MAP_ARRAY); \
        NUMBER(map_flags, MMAPABLE); \
        NUMBER(max_entries, 1);  \
        u32 *key;                \
        kind *value;             \
    }

#define SECTION(name) __attribute__((section(name), used))
/* Loops written out: without CAP_PERFMON the verifier also follows what a processor may only guess, and does not get
 * to the end of loops.
 */
#define TWICE(step) step step
#define FOUR_TIMES(step) TWICE(TWICE(step))
#define EIGHT_TIMES(step) TWICE(FOUR_TIMES(step))
#define SIXTEEN_TIMES(step) TWICE(EIGHT_TIMES(step))

/* A function that is verified by itself, once, for any arguments. */
#define ALONE __attribute__((noinline))

#define INLINE static inline __attribute__((always_inline))
