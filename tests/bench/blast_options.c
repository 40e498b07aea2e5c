/* The arguments of blast. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blast.h"

#define SECONDS_LIMIT 600.0
#define PPS_LIMIT 20e6

static _Noreturn void usage(const char *problem, const char *value)
{
    fprintf(stderr, "blast: %s%s%s\n", problem, value ? ": " : "", value ? value : "");
    fprintf(stderr,
            "usage: blast --interface IF --mac MAC --source RANGE --destination RANGE [--sources N] [--pps N]\n"
            "             [--seconds S] [--count N] [--protocol udp|tcp-syn|icmp] [--length BYTES]\n"
            "             [--source-port N] [--destination-port N] [--seed N]\n"
            "             [--random] [--xdp]\n"
            "--random: destinations at random, not by turns; --xdp: made by the kernel, IPv4 into a veth alone\n"
            "RANGE: ADDRESS, FIRST-LAST or ADDRESS/LENGTH, IPv4 or IPv6\n");
    exit(2);
}

static uint64_t get64(const uint8_t *at)
{
    uint64_t value = 0;
    for (int index = 0; index < 8; index++) value = value << 8 | at[index];
    return value;
}

static uint64_t whole(const char *name, const char *text, uint64_t limit)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || *end || end == text || *text == '-' || value > limit) usage(name, text);
    return value;
}

static double real(const char *name, const char *text, double limit)
{
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text || !(value >= 0 && value <= limit)) usage(name, text);
    return value;
}

static int read_address(const char *text, struct range *range)
{
    uint8_t bytes[16] = {0};
    if (inet_pton(AF_INET, text, bytes + 12) == 1) range->family = AF_INET;
    else if (inet_pton(AF_INET6, text, bytes) == 1) range->family = AF_INET6;
    else return -1;
    range->high = get64(bytes);
    range->low = get64(bytes + 8);
    return 0;
}

static struct range read_range(const char *text)
{
    struct range first = {.size = 1}, last = {0};
    char copy[128];
    if (strlen(text) >= sizeof copy) usage("range", text);
    strcpy(copy, text);
    char *mark = strpbrk(copy, "/-");
    char kind = mark ? *mark : 0;
    if (mark) *mark++ = 0;
    if (read_address(copy, &first)) usage("range", text);
    if (kind == '-') {
        if (read_address(mark, &last) || last.family != first.family || last.high != first.high || last.low < first.low)
            usage("range", text);
        first.size = last.low - first.low + 1;
    } else if (kind == '/') {
        int bits = first.family == AF_INET ? 32 : 128;
        int wild = bits - (int)whole("range", mark, (uint64_t)bits);
        if (wild > 64) wild = 64;
        first.size = wild == 64 ? 0 : (uint64_t)1 << wild;
        first.low &= ~(first.size - 1);
    }
    return first;
}

static void read_mac(const char *text, uint8_t *mac)
{
    unsigned parts[6];
    int used = 0;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &parts[0], &parts[1], &parts[2], &parts[3], &parts[4], &parts[5],
               &used) != 6 || text[used])
        usage("--mac", text);
    for (int index = 0; index < 6; index++) mac[index] = (uint8_t)parts[index];
}

static int read_protocol(const char *text)
{
    if (!strcmp(text, "udp")) return IPPROTO_UDP;
    if (!strcmp(text, "tcp-syn")) return IPPROTO_TCP;
    if (!strcmp(text, "icmp")) return IPPROTO_ICMP;
    usage("--protocol", text);
}

static void read_option(struct options *options, int letter, const char *text)
{
    switch (letter) {
    case 'i': options->interface = text; break;
    case 'm': read_mac(text, options->mac); break;
    case 's': options->source = read_range(text); break;
    case 'd': options->destination = read_range(text); break;
    case 'n': options->sources = whole("--sources", text, UINT32_MAX); break;
    case 'r': options->pps = real("--pps", text, PPS_LIMIT); break;
    case 't': options->seconds = real("--seconds", text, SECONDS_LIMIT); break;
    case 'c': options->count = whole("--count", text, UINT64_MAX); break;
    case 'p': options->protocol = read_protocol(text); break;
    case 'l': options->length = (uint32_t)whole("--length", text, FRAME_LIMIT); break;
    case 'S': options->source_port = (int)whole("--source-port", text, UINT16_MAX); break;
    case 'D': options->destination_port = (int)whole("--destination-port", text, UINT16_MAX); break;
    case 'o': options->random_destinations = true; break;
    case 'k': options->xdp = true; break;
    case 'x': options->seed = whole("--seed", text, UINT64_MAX); break;
    default: usage("unknown option", NULL);
    }
}

struct options read_options(int count, char **words)
{
    static const struct option known[] = {
        {"interface", 1, 0, 'i'}, {"mac", 1, 0, 'm'}, {"source", 1, 0, 's'}, {"destination", 1, 0, 'd'},
        {"sources", 1, 0, 'n'}, {"pps", 1, 0, 'r'}, {"seconds", 1, 0, 't'}, {"count", 1, 0, 'c'},
        {"protocol", 1, 0, 'p'}, {"length", 1, 0, 'l'}, {"source-port", 1, 0, 'S'}, {"destination-port", 1, 0, 'D'},
        {"seed", 1, 0, 'x'}, {"random", 0, 0, 'o'}, {"xdp", 0, 0, 'k'}, {0}};
    struct options options = {.pps = 1000, .seconds = 10, .protocol = IPPROTO_UDP, .source_port = -1,
                              .destination_port = -1, .seed = 1};
    bool mac = false;
    for (int letter; (letter = getopt_long(count, words, "", known, NULL)) != -1;) {
        read_option(&options, letter, optarg);
        mac |= letter == 'm';
    }
    if (optind != count) usage("unknown argument", words[optind]);
    if (!options.interface || !mac || !options.source.family || !options.destination.family)
        usage("--interface, --mac, --source and --destination are needed", NULL);
    if (options.source.family != options.destination.family) usage("source and destination of different families", NULL);
    if (options.xdp && options.source.family != AF_INET) usage("--xdp is for IPv4", NULL);
    if (options.source.size && options.sources > options.source.size) usage("--sources above the range", NULL);
    uint32_t lowest = ETHERNET_BYTES + ip_header_bytes(&options) + transport_bytes(&options);
    if (!options.length) options.length = lowest > 60 ? lowest : 60;
    if (options.length < lowest) usage("--length below the headers", NULL);
    return options;
}
