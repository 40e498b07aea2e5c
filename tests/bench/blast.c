/*
 * blast: send made-up packets at a steady rate, for benchmarks and for the lab's floods.
 *
 * Frames go out through a packet socket past the queueing discipline, in bursts of up to 64; with `--xdp` the kernel
 * makes them itself, ten times as many a second (blast_live.c).  Every frame gets new random ports and a source of its
 * own out of the source range; destinations take turns, or are drawn with `--random`.  Checksums are right and the
 * payload is zero, so a checksum is a sum over headers alone.  The run is bounded by time always and by count if asked.
 *
 * Standard output: one JSON line when the first burst has gone out, one at the end; both tell the instant just before
 * the first frame on both clocks, in nanoseconds.  Exit code 0 done, 1 the kernel refused, 2 usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "blast.h"

#define BURST 64
#define BACKLOG_SECONDS 0.02      /* what could not be sent for longer is given up, not sent in one heap later */
#define NAP_NS 50000

static volatile sig_atomic_t stopped;

static void stop(int number) { (void)number; stopped = 1; }

static double seconds_of(const struct timespec *time) { return (double)time->tv_sec + (double)time->tv_nsec / 1e9; }

static double monotonic(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return seconds_of(&now);
}

static int open_socket(const struct options *options, uint8_t *own_mac)
{
    int one = 1;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(options->interface)};
    socklen_t length = sizeof address;
    int descriptor = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || !address.sll_ifindex || bind(descriptor, (struct sockaddr *)&address, sizeof address) ||
        setsockopt(descriptor, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) ||
        getsockname(descriptor, (struct sockaddr *)&address, &length)) {
        fprintf(stderr, "blast: %s: %s\n", options->interface, strerror(errno));
        exit(1);
    }
    memcpy(own_mac, address.sll_addr, 6);
    return descriptor;
}

/* Give how many frames are due now, BURST at most; naps when there is none. */
static uint64_t due_now(const struct options *options, uint64_t gone, double *start)
{
    if (!options->pps) return BURST;
    double due = (monotonic() - *start) * options->pps + 1 - (double)gone;
    if (due < 1) {
        double wait = (1 - due) / options->pps * 1e9;
        struct timespec nap = {.tv_nsec = wait < NAP_NS ? NAP_NS : wait > 1e7 ? 10000000 : (long)wait};
        nanosleep(&nap, NULL);
        return 0;
    }
    if (due > BURST && due > BACKLOG_SECONDS * options->pps)
        *start += (due - BURST) / options->pps;
    return due > BURST ? BURST : (uint64_t)due;
}

void print_line(const struct options *options, const struct report *report, const char *state)
{
    double seconds = monotonic() - seconds_of(&report->monotonic);
    printf("{\"state\": \"%s\", \"wall_ns\": %" PRIu64 ", \"monotonic_ns\": %" PRIu64 ", \"sent\": %" PRIu64
           ", \"refused\": %" PRIu64 ", \"seconds\": %.6f, \"pps\": %.0f, \"frame_bytes\": %u}\n", state,
           (uint64_t)report->wall.tv_sec * 1000000000u + (uint64_t)report->wall.tv_nsec,
           (uint64_t)report->monotonic.tv_sec * 1000000000u + (uint64_t)report->monotonic.tv_nsec,
           report->sent, report->refused, seconds, (double)report->sent / seconds, options->length);
    fflush(stdout);
}

/* Whether the run is to end: by a signal, its time or its count. */
bool is_over(const struct options *options, const struct report *report)
{
    return stopped || monotonic() >= seconds_of(&report->monotonic) + options->seconds ||
           (options->count && report->sent >= options->count);
}

/* Send `wanted` frames; give how many the kernel took, or -1. */
static int send_burst(int descriptor, struct mmsghdr *messages, unsigned wanted, struct report *report)
{
    int taken = sendmmsg(descriptor, messages, wanted, 0);
    if (taken > 0) return taken;
    if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR) return -1;
    report->refused++;
    struct timespec nap = {.tv_nsec = NAP_NS};
    nanosleep(&nap, NULL);
    return 0;
}

static int send_all(const struct options *options, int descriptor, const uint8_t *own_mac)
{
    static uint8_t frames[BURST][FRAME_LIMIT];
    struct mmsghdr messages[BURST] = {0};
    struct iovec parts[BURST];
    struct report report = {0};
    uint64_t state = options->seed;
    for (int index = 0; index < BURST; index++) {
        prepare(options, own_mac, frames[index]);
        parts[index] = (struct iovec){frames[index], options->length};
        messages[index].msg_hdr = (struct msghdr){.msg_iov = &parts[index], .msg_iovlen = 1};
    }
    double start = monotonic(), end = start + options->seconds;
    while (!stopped && monotonic() < end && (!options->count || report.sent < options->count)) {
        uint64_t wanted = due_now(options, report.sent, &start);
        if (options->count && wanted > options->count - report.sent) wanted = options->count - report.sent;
        if (!wanted) continue;
        for (uint64_t index = 0; index < wanted; index++) vary(options, report.sent + index, &state, frames[index]);
        bool first = !report.sent;
        if (first) {
            clock_gettime(CLOCK_REALTIME, &report.wall);
            clock_gettime(CLOCK_MONOTONIC, &report.monotonic);
        }
        int taken = send_burst(descriptor, messages, (unsigned)wanted, &report);
        if (taken < 0) {
            fprintf(stderr, "blast: %s after %" PRIu64 " frames: %s\n", options->interface, report.sent, strerror(errno));
            break;
        }
        report.sent += (uint64_t)taken;
        if (first && taken) print_line(options, &report, "started");
    }
    bool done = stopped || monotonic() >= end || (options->count && report.sent >= options->count);
    print_line(options, &report, done ? "finished" : "failed");
    return done ? 0 : 1;
}

int main(int count, char **words)
{
    uint8_t own_mac[8];
    struct options options = read_options(count, words);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);  /* a flood does not outlive who started it */
    int descriptor = open_socket(&options, own_mac);
    int code = options.xdp ? send_live(&options, own_mac) : send_all(&options, descriptor, own_mac);
    close(descriptor);
    return code;
}
