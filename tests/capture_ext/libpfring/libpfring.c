/*
 * A libpfring for tests: the functions and layouts of the real one, fed from a capture file.
 *
 * It behaves as the real one was measured to behave, above all where that is inconvenient: it uses libpcap without
 * naming it as a dependency, refuses to be read before it is enabled, gives both directions unless told, lends one
 * buffer that the next call spoils, counts as received what was read, and fills headers of different releases.
 * Written from those observations; nothing here is PF_RING's.
 *
 * The environment tells it what to do, read when a ring is opened; every name begins with TEST_PFRING_.
 *   FRAMES      capture file that the device receives        JOURNAL    file that gets a line for every call but recv
 *   OPEN_ERRNO  refuse to open with that errno               REFUSE     names of set_ functions that give -7
 *   DROP        lose that many frames before they are read   FAIL_AFTER, FAIL_CODE   give the code after so many frames
 *   LAYOUT      6.0 or 8.9 (default)                         CLOCK      card: own clock; none: no nanoseconds
 *   LATE_MS     frames arrive that long after enable         FD         none: -1; busy: always readable; silent: never
 *   ENABLE      what pfring_enable_ring gives
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PUBLIC __attribute__((visibility("default")))

enum { NOT_SUPPORTED = -7, WRONG_STATE = -11, NOT_ENABLED = -12, END_OF_FILE = -2 };
enum { CLUSTERS = 8, FRAME_LIMIT = 65536, ALIKE_BYTES = 36, HEADER_OLD = 188, HEADER_NEW = 209 };

/* libpcap, declared here and bound at run time as the real library does. */
struct pcap_pkthdr { struct timeval ts; uint32_t caplen, len; };
void *pcap_open_offline(const char *name, char *error);
int pcap_next_ex(void *file, struct pcap_pkthdr **header, const uint8_t **frame);
void pcap_close(void *file);

struct alike {                    /* what all releases have in common at the start of a header */
    struct timeval ts;
    uint32_t caplen, len;
    uint64_t timestamp_ns;
    uint32_t flags;
} __attribute__((packed));

struct cluster { unsigned id, members; };

struct ring {
    void *file;
    bool capture_file, enabled, received_only, twice, old;
    uint32_t caplen;
    int descriptor;
    struct cluster *cluster;
    unsigned member;
    uint64_t number, given, dropped, drop_wanted, fail_after;
    int fail_code;
    struct timespec arrival;
    uint8_t lent[FRAME_LIMIT];
    uint8_t pending[FRAME_LIMIT];
    struct pcap_pkthdr pending_header;
};

static uint64_t receive_calls;

static const char *told(const char *name)
{
    char variable[64];
    snprintf(variable, sizeof variable, "TEST_PFRING_%s", name);
    const char *value = getenv(variable);
    return value ? value : "";
}

static uint64_t told_number(const char *name, uint64_t otherwise)
{
    const char *text = told(name);
    return *text ? strtoull(text, NULL, 10) : otherwise;
}

static void note(const char *call, const char *text, long first, long second)
{
    const char *path = told("JOURNAL");
    FILE *journal = *path ? fopen(path, "a") : NULL;
    if (!journal) return;
    fprintf(journal, "%s %s %ld %ld\n", call, text, first, second);
    fclose(journal);
}

PUBLIC struct ring *pfring_open(const char *device, uint32_t caplen, uint32_t flags)
{
    char error[256];
    note("open", device, caplen, flags);
    int refused = (int)told_number("OPEN_ERRNO", 0);
    if (refused) {
        errno = refused;
        return NULL;
    }
    struct ring *ring = calloc(1, sizeof *ring);
    ring->capture_file = !strncmp(device, "pcap:", 5);
    ring->file = pcap_open_offline(ring->capture_file ? device + 5 : told("FRAMES"), error);
    if (!ring->file) {
        free(ring);
        errno = EINVAL;
        return NULL;
    }
    ring->caplen = caplen;
    ring->old = !strcmp(told("LAYOUT"), "6.0");
    ring->drop_wanted = told_number("DROP", 0);
    ring->fail_after = told_number("FAIL_AFTER", UINT64_MAX);
    ring->fail_code = -(int)told_number("FAIL_CODE", 1);
    ring->descriptor = -1;
    return ring;
}

PUBLIC int pfring_enable_ring(struct ring *ring)
{
    note("enable", "-", 0, 0);
    int outcome = -(int)told_number("ENABLE", 0);
    if (outcome) return outcome;
    long late = (long)told_number("LATE_MS", 0);
    struct itimerspec timer = {.it_value = {late / 1000, late % 1000 * 1000000 + 1}};
    bool plain = strcmp(told("FD"), "busy") && strcmp(told("FD"), "silent");
    clock_gettime(CLOCK_MONOTONIC, &ring->arrival);
    ring->arrival.tv_nsec += late * 1000000;
    if (ring->capture_file || !strcmp(told("FD"), "none")) ring->descriptor = -1;
    else if (plain) {
        ring->descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        timerfd_settime(ring->descriptor, 0, &timer, NULL);
    } else ring->descriptor = eventfd(!strcmp(told("FD"), "busy"), EFD_NONBLOCK | EFD_CLOEXEC);
    ring->enabled = true;
    return 0;
}

PUBLIC int pfring_get_selectable_fd(struct ring *ring) { return ring->descriptor; }

#ifndef WITHOUT_OPTIONAL
static struct cluster clusters[CLUSTERS];

static int setting(struct ring *ring, const char *name, long first, long second)
{
    note(name, ring->enabled ? "late" : "-", first, second);
    if (strstr(told("REFUSE"), name)) return NOT_SUPPORTED;
    return ring->enabled ? WRONG_STATE : 0;
}

PUBLIC int pfring_set_application_name(struct ring *ring, char *name)
{
    note("name", name, 0, 0);
    return strstr(told("REFUSE"), "set_application_name") || ring->enabled ? NOT_SUPPORTED : 0;
}

PUBLIC int pfring_set_socket_mode(struct ring *ring, int mode) { return setting(ring, "set_socket_mode", mode, 0); }

PUBLIC int pfring_set_direction(struct ring *ring, int direction)
{
    int outcome = setting(ring, "set_direction", direction, 0);
    if (!outcome) ring->received_only = direction == 1;
    return outcome;
}

PUBLIC int pfring_set_cluster(struct ring *ring, unsigned id, int type)
{
    int outcome = setting(ring, "set_cluster", id, type);
    for (unsigned index = 0; !outcome && index < CLUSTERS; index++) {
        if (clusters[index].id != id && clusters[index].id) continue;
        clusters[index].id = id;
        ring->cluster = &clusters[index];
        ring->member = clusters[index].members++;
        break;
    }
    return outcome;
}

PUBLIC void pfring_shutdown(struct ring *ring) { note("shutdown", "-", ring->enabled, 0); }
#endif

static bool arrived(const struct ring *ring)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t since = (now.tv_sec - ring->arrival.tv_sec) * 1000000000 + now.tv_nsec - ring->arrival.tv_nsec;
    return since >= 0;
}

/* Bring the next frame for this ring into `pending`; false at the end. */
static bool next_frame(struct ring *ring)
{
    struct pcap_pkthdr *header;
    const uint8_t *frame;
    if (ring->twice) {            /* the same frame as it is sent on */
        ring->twice = false;
        return true;
    }
    while (pcap_next_ex(ring->file, &header, &frame) == 1) {
        uint64_t number = ring->number++;
        if (ring->cluster && number % ring->cluster->members != ring->member) continue;
        if (ring->dropped < ring->drop_wanted) {
            ring->dropped++;
            continue;
        }
        ring->pending_header = *header;
        memcpy(ring->pending, frame, header->caplen);
        ring->twice = !ring->received_only && !ring->capture_file;
        return true;
    }
    return false;
}

static void fill_header(const struct ring *ring, uint8_t *header)
{
    const struct pcap_pkthdr *seen = &ring->pending_header;
    struct alike alike = {.ts = seen->ts, .len = seen->len};
    alike.caplen = seen->caplen < ring->caplen ? seen->caplen : ring->caplen;
    alike.timestamp_ns = (uint64_t)seen->ts.tv_sec * 1000000000 + (uint64_t)seen->ts.tv_usec * 1000 + 777;
    if (!strcmp(told("CLOCK"), "card")) alike.timestamp_ns = 4242;
    if (!strcmp(told("CLOCK"), "none")) alike.timestamp_ns = 0;
    memcpy(header, &alike, ALIKE_BYTES);
    memset(header + ALIKE_BYTES, ring->old ? 0xA5 : 0x01, (ring->old ? HEADER_OLD : HEADER_NEW) - ALIKE_BYTES);
}

PUBLIC int pfring_recv(struct ring *ring, uint8_t **buffer, unsigned buffer_bytes, void *header, uint8_t wait)
{
    receive_calls++;
    if (!ring->enabled) return NOT_ENABLED;
    if (wait || buffer_bytes) note("recv", "copies or waits", buffer_bytes, wait);
    memset(ring->lent, 0xEE, sizeof ring->lent);
    if (ring->given >= ring->fail_after) return ring->fail_code;
    if (!arrived(ring)) return 0;
    if (!next_frame(ring)) {
        uint64_t expired;
        if (strcmp(told("FD"), "busy") && ring->descriptor >= 0 && read(ring->descriptor, &expired, sizeof expired) < 0)
            errno = 0;
        return ring->capture_file ? END_OF_FILE : 0;
    }
    if (buffer_bytes) return 0;
    memcpy(ring->lent, ring->pending, ring->pending_header.caplen);
    fill_header(ring, header);
    *buffer = ring->lent;
    ring->given++;
    return 1;
}

/* The newer layout has a third figure, which the standard module leaves unwritten. */
PUBLIC int pfring_stats(struct ring *ring, uint64_t *figures)
{
    if (ring->capture_file) return NOT_SUPPORTED;
    if (figures[2]) note("stats", "not zeroed", 0, 0);
    figures[0] = ring->given;
    figures[1] = ring->dropped;
    return 0;
}

PUBLIC void pfring_close(struct ring *ring)
{
    note("close", "-", 0, 0);
    if (ring->cluster && !--ring->cluster->members) ring->cluster->id = 0;
    if (ring->descriptor >= 0) close(ring->descriptor);
    pcap_close(ring->file);
    free(ring);
}

/* Not of the real library: how often pfring_recv was called. */
PUBLIC uint64_t test_pfring_receive_calls(void) { return receive_calls; }
