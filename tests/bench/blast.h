/* What the parts of blast share; blast.c tells what it is. */
#ifndef BLAST_H
#define BLAST_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define FRAME_LIMIT 9014          /* bytes without FCS: a jumbo frame */

enum { ETHERNET_BYTES = 14, IPV4_BYTES = 20, IPV6_BYTES = 40 };
enum { UDP_BYTES = 8, TCP_BYTES = 20, ICMP_BYTES = 8 };

/* Addresses in host byte order; IPv4 in the low 32 bits of `low`. */
struct range {
    int family;
    uint64_t high, low;
    uint64_t size;                /* 0: 2^64 */
};

struct options {
    const char *interface;
    uint8_t mac[6];
    struct range source, destination;
    uint64_t sources;             /* distinct sources, 0: any of the range */
    double pps, seconds;          /* pps 0: as fast as it goes */
    uint64_t count;               /* 0: by time alone */
    int protocol;                 /* IPPROTO_UDP, _TCP, _ICMP (ICMPv6 over IPv6) */
    uint32_t length;
    int source_port, destination_port;  /* -1: random */
    uint64_t seed;
    bool random_destinations;     /* in place of turns */
    bool xdp;                     /* the kernel makes the frames */
};

struct report {
    struct timespec wall, monotonic;
    uint64_t sent, refused;
};

/* What the eBPF program of `--xdp` and this program both see. */
struct shared {
    uint64_t sent, first, due, random;   /* first: when the first frame was made, CLOCK_MONOTONIC in ns */
};

/* blast_options.c: ends the program with code 2 when an argument is wrong. */
struct options read_options(int count, char **words);

/* blast.c */
void print_line(const struct options *options, const struct report *report, const char *state);
bool is_over(const struct options *options, const struct report *report);

/* blast_live.c: gives the exit code. */
int send_live(const struct options *options, const uint8_t *own_mac);

/* blast_program.c */
struct bpf_insn;
uint32_t write_program(const struct options *options, const uint8_t *frame, int state, unsigned interface,
                       struct bpf_insn **code);

/* blast_frames.c */
uint32_t sum16(const uint8_t *bytes, uint32_t length, uint32_t sum);
uint32_t checksum_offset(const struct options *options);
uint32_t ip_header_bytes(const struct options *options);
uint32_t transport_bytes(const struct options *options);
void prepare(const struct options *options, const uint8_t *own_mac, uint8_t *frame);
void vary(const struct options *options, uint64_t number, uint64_t *state, uint8_t *frame);

#endif
