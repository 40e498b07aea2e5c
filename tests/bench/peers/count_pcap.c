/*
 * Count frames through libpcap and do nothing else: what any sensor built on libpcap costs at least.
 *
 *     count_pcap INTERFACE RING_KIB      SIGUSR1: print the count; SIGTERM: end
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <pcap/pcap.h>

enum { SNAPLEN = 96, TIMEOUT_MS = 20, POLL_MS = 100 };

static volatile sig_atomic_t asked, ended;

static void note(int number) { if (number == SIGUSR1) asked = 1; else ended = 1; }

static void count(u_char *counter, const struct pcap_pkthdr *header, const u_char *bytes)
{
    (void)header;
    (void)bytes;
    ++*(uint64_t *)counter;
}

int main(int words, char **word)
{
    char problem[PCAP_ERRBUF_SIZE] = "";
    uint64_t counter = 0;
    if (words != 3) return 2;
    pcap_t *capture = pcap_create(word[1], problem);
    if (!capture || pcap_set_snaplen(capture, SNAPLEN) || pcap_set_timeout(capture, TIMEOUT_MS) ||
        pcap_set_promisc(capture, 1) || pcap_set_buffer_size(capture, atoi(word[2]) << 10) ||
        pcap_activate(capture) < 0 || pcap_setnonblock(capture, 1, problem)) {
        fprintf(stderr, "count_pcap: %s: %s\n", word[1], capture ? pcap_geterr(capture) : problem);
        return 1;
    }
    struct sigaction action = {.sa_handler = note};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    puts("ready");
    fflush(stdout);
    struct pollfd ring = {.fd = pcap_get_selectable_fd(capture), .events = POLLIN};
    while (!ended) {
        if (poll(&ring, 1, POLL_MS) < 0 && errno != EINTR) return 1;
        if (pcap_dispatch(capture, -1, count, (u_char *)&counter) < 0) return 1;
        if (!asked) continue;
        asked = 0;
        printf("%llu packets captured\n", (unsigned long long)counter);
        fflush(stdout);
    }
    pcap_close(capture);
    return 0;
}
