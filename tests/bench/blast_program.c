/*
 * The frames of `blast --xdp`, made by a small eBPF program that the kernel runs once a frame.
 *
 * The kernel uses its pages again, so each run writes every field that changes.  It writes what `vary` would: the same
 * numbers in the same order, so the same seed gives the same frames, except that a frame that is not due yet is dropped
 * and costs no number.  Written here as instructions, because a compiler for eBPF is not everywhere.
 *
 * Registers: r6 random number of ports and identification, r7 the frame, r8 the checksum so far, r9 the shared state;
 * r0 to r5 are free.  Helpers are called only where r1 to r5 hold nothing.
 */
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "blast.h"

#define INSTRUCTION_LIMIT 256
#define CLOCK_BITS 6              /* times are kept in 1/64 ns */
#define BACKLOG_NS 20000000ull    /* as for the packet socket: what was missed for longer is given up */

enum { IP = ETHERNET_BYTES, TRANSPORT = IP + IPV4_BYTES };

struct writer {
    struct bpf_insn code[INSTRUCTION_LIMIT];
    uint32_t length;
    uint32_t drops[4], drop_count;   /* jumps that go to the end */
};

static void put(struct writer *writer, uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t value)
{
    writer->code[writer->length++] =
        (struct bpf_insn){.code = code, .dst_reg = to, .src_reg = from, .off = offset, .imm = value};
}

static void put_value(struct writer *writer, uint8_t to, uint64_t value)
{
    put(writer, BPF_LD | BPF_IMM | BPF_DW, to, 0, 0, (int32_t)value);
    put(writer, 0, 0, 0, 0, (int32_t)(value >> 32));
}

static void put_number(struct writer *writer, uint8_t operation, uint8_t to, int32_t value)
{
    put(writer, BPF_ALU64 | operation | BPF_K, to, 0, 0, value);
}

static void put_register(struct writer *writer, uint8_t operation, uint8_t to, uint8_t from)
{
    put(writer, BPF_ALU64 | operation | BPF_X, to, from, 0, 0);
}

static void put_load(struct writer *writer, uint8_t to, size_t offset)
{
    put(writer, BPF_LDX | BPF_MEM | BPF_DW, to, 9, (int16_t)offset, 0);
}

static void put_save(struct writer *writer, uint8_t from, size_t offset)
{
    put(writer, BPF_STX | BPF_MEM | BPF_DW, 9, from, (int16_t)offset, 0);
}

/* Put `from` into the frame in network byte order; changes it. */
static void put_field(struct writer *writer, uint8_t from, int offset, int bits)
{
    put(writer, BPF_ALU | BPF_END | BPF_TO_BE, from, 0, 0, bits);
    put(writer, BPF_STX | BPF_MEM | (bits == 16 ? BPF_H : BPF_W), 7, from, (int16_t)offset, 0);
}

static void put_drop_if(struct writer *writer, uint8_t comparison, uint8_t left, uint8_t right)
{
    writer->drops[writer->drop_count++] = writer->length;
    put(writer, BPF_JMP | comparison | BPF_X, left, right, 0, 0);
}

/* splitmix64, as in blast_frames.c; changes r1 and r2. */
static void put_random(struct writer *writer, uint8_t to)
{
    static const struct { int shift; uint64_t factor; } rounds[] = {
        {30, 0xbf58476d1ce4e5b9u}, {27, 0x94d049bb133111ebu}, {31, 1}};
    put_load(writer, 1, offsetof(struct shared, random));
    put_value(writer, 2, 0x9e3779b97f4a7c15u);
    put_register(writer, BPF_ADD, 1, 2);
    put_save(writer, 1, offsetof(struct shared, random));
    put_register(writer, BPF_MOV, to, 1);
    for (size_t index = 0; index < sizeof rounds / sizeof *rounds; index++) {
        put_register(writer, BPF_MOV, 2, to);
        put_number(writer, BPF_RSH, 2, rounds[index].shift);
        put_register(writer, BPF_XOR, to, 2);
        put_value(writer, 2, rounds[index].factor);
        put_register(writer, BPF_MUL, to, 2);
    }
}

static void put_bounds_check(struct writer *writer, const struct options *options)
{
    put(writer, BPF_LDX | BPF_MEM | BPF_W, 7, 1, offsetof(struct xdp_md, data), 0);
    put(writer, BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct xdp_md, data_end), 0);
    put_register(writer, BPF_MOV, 3, 7);
    put_number(writer, BPF_ADD, 3, (int32_t)(TRANSPORT + transport_bytes(options)));
    put_drop_if(writer, BPF_JGT, 3, 2);
}

/* Drop the frame if it is not due yet. */
static void put_pace(struct writer *writer, double pps)
{
    put(writer, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_ns);
    put_number(writer, BPF_LSH, 0, CLOCK_BITS);
    put_load(writer, 1, offsetof(struct shared, due));
    put_drop_if(writer, BPF_JLT, 0, 1);
    put_register(writer, BPF_MOV, 2, 1);
    put_value(writer, 3, BACKLOG_NS << CLOCK_BITS);
    put_register(writer, BPF_ADD, 2, 3);
    put(writer, BPF_JMP | BPF_JLE | BPF_X, 0, 2, 1, 0);
    put_register(writer, BPF_MOV, 1, 0);
    put_value(writer, 2, (uint64_t)(1e9 / pps * (1 << CLOCK_BITS)));
    put_register(writer, BPF_ADD, 1, 2);
    put_save(writer, 1, offsetof(struct shared, due));
}

/* Count the frame, or drop it if there are enough, and date the first; leaves its number in r5. */
static void put_count(struct writer *writer, uint64_t count)
{
    put_load(writer, 5, offsetof(struct shared, sent));
    put_value(writer, 2, count ? count : UINT64_MAX);
    put_drop_if(writer, BPF_JGE, 5, 2);
    put_register(writer, BPF_MOV, 1, 5);
    put_number(writer, BPF_ADD, 1, 1);
    put_save(writer, 1, offsetof(struct shared, sent));
    put(writer, BPF_JMP | BPF_JNE | BPF_K, 5, 0, 3, 0);
    put(writer, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_ktime_get_ns);
    put_save(writer, 0, offsetof(struct shared, first));
    put_number(writer, BPF_MOV, 5, 0);
}

/* Add the 32 bits of r3 to the checksum and put them into the frame. */
static void put_word(struct writer *writer, int offset)
{
    put_register(writer, BPF_MOV, 4, 3);
    put_number(writer, BPF_RSH, 4, 16);
    put_register(writer, BPF_ADD, 8, 4);
    put_register(writer, BPF_MOV, 4, 3);
    put_number(writer, BPF_AND, 4, 0xffff);
    put_register(writer, BPF_ADD, 8, 4);
    put_field(writer, 3, offset, 32);
}

/* Put first + r3 % `size` * `step` as an address. */
static void put_ip(struct writer *writer, const struct range *range, uint64_t size, uint64_t step, int offset)
{
    put_value(writer, 2, size);
    put_register(writer, BPF_MOD, 3, 2);
    put_value(writer, 2, step);
    put_register(writer, BPF_MUL, 3, 2);
    put_value(writer, 2, range->low);
    put_register(writer, BPF_ADD, 3, 2);
    put_word(writer, offset);
}

static void put_addresses(struct writer *writer, const struct options *options)
{
    uint64_t sources = options->sources ? options->sources : options->source.size;
    put_random(writer, 6);
    put_random(writer, 3);
    put_number(writer, BPF_MOV, 8, 0);
    put_ip(writer, &options->source, sources, options->source.size / sources, IP + 12);
    put_register(writer, BPF_MOV, 3, 5);
    if (options->random_destinations) put_random(writer, 3);
    put_ip(writer, &options->destination, options->destination.size, 1, IP + 16);
}

/* Fold the sum in `at` to a checksum; changes r1. */
static void put_fold(struct writer *writer, uint8_t at)
{
    for (int round = 0; round < 2; round++) {
        put_register(writer, BPF_MOV, 1, at);
        put_number(writer, BPF_RSH, 1, 16);
        put_number(writer, BPF_AND, at, 0xffff);
        put_register(writer, BPF_ADD, at, 1);
    }
    put_number(writer, BPF_XOR, at, 0xffff);
}

static void put_identification(struct writer *writer, const uint8_t *frame)
{
    put_register(writer, BPF_MOV, 3, 6);
    put_number(writer, BPF_RSH, 3, 48);
    put_register(writer, BPF_MOV, 4, 3);
    put_register(writer, BPF_ADD, 4, 8);
    put_number(writer, BPF_ADD, 4, (int32_t)sum16(frame + IP, IPV4_BYTES, 0));
    put_fold(writer, 4);
    put_field(writer, 4, IP + 10, 16);
    put_field(writer, 3, IP + 4, 16);
}

/* A port: the one asked for, or `lowest` + 15 bits of the random number. */
static void put_port(struct writer *writer, int port, int shift, int lowest, int offset)
{
    put_register(writer, BPF_MOV, 3, 6);
    put_number(writer, BPF_RSH, 3, shift);
    put_number(writer, BPF_AND, 3, 0x7fff);
    put_number(writer, BPF_ADD, 3, lowest);
    if (port >= 0) put_number(writer, BPF_MOV, 3, port);
    put_register(writer, BPF_ADD, 8, 3);
    put_field(writer, 3, offset, 16);
}

static void put_random_word(struct writer *writer, int shift, int offset)
{
    put_register(writer, BPF_MOV, 3, 6);
    put_number(writer, BPF_LSH, 3, 32 - shift);
    put_number(writer, BPF_RSH, 3, 32);
    put_word(writer, offset);
}

static void put_transport(struct writer *writer, const struct options *options, const uint8_t *frame)
{
    uint32_t sum = sum16(frame + TRANSPORT, transport_bytes(options), 0);
    if (options->protocol == IPPROTO_ICMP) {
        put_number(writer, BPF_MOV, 8, 0);
        put_random_word(writer, 0, TRANSPORT + 4);
    } else {
        sum += (uint32_t)options->protocol + options->length - TRANSPORT;
        put_port(writer, options->source_port, 0, 1024, TRANSPORT);
        put_port(writer, options->destination_port, 16, 1, TRANSPORT + 2);
        if (options->protocol == IPPROTO_TCP) put_random_word(writer, 32, TRANSPORT + 4);
    }
    put_number(writer, BPF_ADD, 8, (int32_t)sum);
    put_fold(writer, 8);
    if (options->protocol == IPPROTO_UDP) {   /* RFC 768: 0 means none */
        put(writer, BPF_JMP | BPF_JNE | BPF_K, 8, 0, 1, 0);
        put_number(writer, BPF_MOV, 8, 0xffff);
    }
    put_field(writer, 8, TRANSPORT + checksum_offset(options), 16);
}

static void put_end(struct writer *writer, unsigned interface)
{
    put_number(writer, BPF_MOV, 1, (int32_t)interface);
    put_number(writer, BPF_MOV, 2, 0);
    put(writer, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect);
    put(writer, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    for (uint32_t index = 0; index < writer->drop_count; index++)
        writer->code[writer->drops[index]].off = (int16_t)(writer->length - writer->drops[index] - 1);
    put_number(writer, BPF_MOV, 0, XDP_DROP);
    put(writer, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/* Lay the program out; `frame` is a prepared one.  Gives its length in instructions. */
uint32_t write_program(const struct options *options, const uint8_t *frame, int state, unsigned interface,
                       struct bpf_insn **code)
{
    static struct writer writer;
    put_bounds_check(&writer, options);
    put(&writer, BPF_LD | BPF_IMM | BPF_DW, 9, BPF_PSEUDO_MAP_VALUE, 0, state);
    put(&writer, 0, 0, 0, 0, 0);
    if (options->pps) put_pace(&writer, options->pps);
    put_count(&writer, options->count);
    put_addresses(&writer, options);
    put_identification(&writer, frame);
    put_transport(&writer, options, frame);
    put_end(&writer, interface);
    *code = writer.code;
    return writer.length;
}
