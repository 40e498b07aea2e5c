/* The frames of blast: what stays is laid out once, what changes is put in before each is sent. */
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "blast.h"

enum { ICMP_ECHO_V4 = 8, ICMP_ECHO_V6 = 128 };

static uint64_t next_random(uint64_t *state)
{
    /* splitmix64: Steele, Lea, Flood, Fast splittable pseudorandom number generators, 2014 */
    uint64_t mixed = *state += 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

static void put16(uint8_t *at, uint32_t value) { at[0] = (uint8_t)(value >> 8); at[1] = (uint8_t)value; }

static void put32(uint8_t *at, uint32_t value) { put16(at, value >> 16); put16(at + 2, value); }

static void put64(uint8_t *at, uint64_t value) { put32(at, (uint32_t)(value >> 32)); put32(at + 4, (uint32_t)value); }

uint32_t ip_header_bytes(const struct options *options)
{
    return options->source.family == AF_INET ? IPV4_BYTES : IPV6_BYTES;
}

uint32_t transport_bytes(const struct options *options)
{
    return options->protocol == IPPROTO_TCP ? TCP_BYTES : options->protocol == IPPROTO_UDP ? UDP_BYTES : ICMP_BYTES;
}

uint32_t sum16(const uint8_t *bytes, uint32_t length, uint32_t sum)
{
    for (uint32_t index = 0; index + 1 < length; index += 2) sum += (uint32_t)bytes[index] << 8 | bytes[index + 1];
    return sum;
}

uint32_t checksum_offset(const struct options *options)
{
    return options->protocol == IPPROTO_UDP ? 6 : options->protocol == IPPROTO_TCP ? 16 : 2;
}

static uint32_t folded(uint32_t sum)
{
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static uint8_t wire_protocol(const struct options *options)
{
    bool icmp6 = options->protocol == IPPROTO_ICMP && options->source.family == AF_INET6;
    return (uint8_t)(icmp6 ? IPPROTO_ICMPV6 : options->protocol);
}

/* What never changes from frame to frame. */
void prepare(const struct options *options, const uint8_t *own_mac, uint8_t *frame)
{
    uint8_t *ip = frame + ETHERNET_BYTES;
    uint8_t *transport = ip + ip_header_bytes(options);
    uint32_t ip_bytes = options->length - ETHERNET_BYTES;
    uint32_t below = ip_bytes - ip_header_bytes(options);
    memset(frame, 0, options->length);
    memcpy(frame, options->mac, 6);
    memcpy(frame + 6, own_mac, 6);
    if (options->source.family == AF_INET) {
        put16(frame + 12, ETHERTYPE_IP);
        ip[0] = 0x45;
        put16(ip + 2, ip_bytes);
        ip[8] = 64;
        ip[9] = wire_protocol(options);
    } else {
        put16(frame + 12, ETHERTYPE_IPV6);
        ip[0] = 0x60;
        put16(ip + 4, below);
        ip[6] = wire_protocol(options);
        ip[7] = 64;
    }
    if (options->protocol == IPPROTO_UDP) put16(transport + 4, below);
    if (options->protocol == IPPROTO_TCP) {
        transport[12] = TCP_BYTES / 4 << 4;
        transport[13] = 0x02;     /* SYN */
        put16(transport + 14, 64240);
    }
    if (options->protocol == IPPROTO_ICMP) transport[0] = options->source.family == AF_INET ? ICMP_ECHO_V4 : ICMP_ECHO_V6;
}

static void put_address(uint8_t *at, const struct range *range, uint64_t offset)
{
    if (range->family == AF_INET) {
        put32(at, (uint32_t)(range->low + offset));
    } else {
        put64(at, range->high);
        put64(at + 8, range->low + offset);
    }
}

static uint64_t source_offset(const struct options *options, uint64_t random)
{
    if (options->sources) {
        uint64_t step = (options->source.size ? options->source.size : UINT64_MAX) / options->sources;
        return random % options->sources * step;
    }
    return options->source.size ? random % options->source.size : random;
}

static void put_checksums(const struct options *options, uint8_t *ip, uint8_t *transport)
{
    uint32_t at = checksum_offset(options);
    uint32_t sum = 0;
    if (options->source.family == AF_INET) {
        put16(ip + 10, 0);
        put16(ip + 10, folded(sum16(ip, IPV4_BYTES, 0)));
        if (options->protocol != IPPROTO_ICMP) sum = sum16(ip + 12, 8, 0);
    } else {
        sum = sum16(ip + 8, 32, 0);
    }
    if (options->source.family == AF_INET6 || options->protocol != IPPROTO_ICMP)
        sum += wire_protocol(options) + options->length - ETHERNET_BYTES - ip_header_bytes(options);
    put16(transport + at, 0);
    sum = folded(sum16(transport, transport_bytes(options), sum));
    put16(transport + at, sum || options->protocol != IPPROTO_UDP ? sum : 0xffff);  /* RFC 768: 0 means none */
}

/* What is new in every frame. */
void vary(const struct options *options, uint64_t number, uint64_t *state, uint8_t *frame)
{
    uint8_t *ip = frame + ETHERNET_BYTES;
    uint8_t *transport = ip + ip_header_bytes(options);
    uint32_t address_bytes = options->source.family == AF_INET ? 4 : 16;
    uint8_t *addresses = ip + (options->source.family == AF_INET ? 12 : 8);
    uint64_t random = next_random(state);
    put_address(addresses, &options->source, source_offset(options, next_random(state)));
    uint64_t turn = options->random_destinations ? next_random(state) : number;
    if (options->destination.size) turn %= options->destination.size;
    put_address(addresses + address_bytes, &options->destination, turn);
    if (options->source.family == AF_INET) put16(ip + 4, (uint32_t)(random >> 48));
    if (options->protocol == IPPROTO_ICMP) {
        put32(transport + 4, (uint32_t)random);
    } else {
        uint32_t source = options->source_port >= 0 ? (uint32_t)options->source_port : 1024 + (random & 0x7fff);
        uint32_t destination = options->destination_port >= 0 ? (uint32_t)options->destination_port
                                                              : 1 + (random >> 16 & 0x7fff);
        put16(transport, source);
        put16(transport + 2, destination);
        if (options->protocol == IPPROTO_TCP) put32(transport + 4, (uint32_t)(random >> 32));
    }
    put_checksums(options, ip, transport);
}
