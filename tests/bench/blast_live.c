/*
 * `blast --xdp`: frames that the kernel makes itself, several millions a second.
 *
 * BPF_PROG_TEST_RUN with live frames (Linux 5.18) runs the program of blast_program.c over pages of its own and sends
 * what it redirects.  One call serves the whole run, because each costs some ten milliseconds; the program paces and
 * counts, and a second thread ends the call in time.  The interface is one end of a veth pair whose other end has NAPI:
 * `ethtool -K OTHER gro on`, or an XDP program.  What the other end has no room for is lost there: `sent` less its
 * rx_packets.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "blast.h"

#define LOG_BYTES 65536
#define RUNS_A_CALL 0xffffffffu
#define BATCH 64
#define WATCH_NS 1000000
#define SECOND_NS 1000000000

struct watch {
    const struct options *options;
    struct report *report;
    const struct shared *shared;
    pthread_t sender;
    atomic_bool over;
};

static long bpf(int command, union bpf_attr *attributes)
{
    return syscall(__NR_bpf, command, attributes, sizeof *attributes);
}

static _Noreturn void refuse(const char *what)
{
    fprintf(stderr, "blast: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct shared *share(int *descriptor)
{
    union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = sizeof(struct shared),
                                 .max_entries = 1, .map_flags = BPF_F_MMAPABLE};
    *descriptor = (int)bpf(BPF_MAP_CREATE, &attributes);
    if (*descriptor < 0) refuse("the eBPF map");
    void *memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, *descriptor, 0);
    if (memory == MAP_FAILED) refuse("the eBPF map's memory");
    return memory;
}

static int load_program(const struct bpf_insn *code, uint32_t length)
{
    static char log[LOG_BYTES];
    union bpf_attr attributes = {.prog_type = BPF_PROG_TYPE_XDP, .insn_cnt = length, .log_level = 1,
                                 .log_size = sizeof log};
    attributes.insns = (uintptr_t)code;
    attributes.license = (uintptr_t)"GPL";
    attributes.log_buf = (uintptr_t)log;
    int descriptor = (int)bpf(BPF_PROG_LOAD, &attributes);
    if (descriptor >= 0) return descriptor;
    int reason = errno;
    fputs(log, stderr);
    errno = reason;
    refuse("the eBPF program");
}

static uint64_t read_sent(const struct shared *shared) { return __atomic_load_n(&shared->sent, __ATOMIC_RELAXED); }

static void wake(int number) { (void)number; }

/* Date the run by its first frame, which comes some milliseconds after the call. */
static void date(struct report *report, const struct shared *shared)
{
    struct timespec *times[] = {&report->wall, &report->monotonic};
    int64_t later = (int64_t)shared->first - (int64_t)report->monotonic.tv_sec * SECOND_NS - report->monotonic.tv_nsec;
    for (int index = 0; index < 2; index++) {
        int64_t total = times[index]->tv_nsec + later;
        times[index]->tv_sec += total / SECOND_NS;
        times[index]->tv_nsec = total % SECOND_NS;
    }
}

/* Say when the first frames are out; interrupt the sender when it is to end, until it has seen it. */
static void *watch(void *argument)
{
    struct watch *watch = argument;
    const struct options *options = watch->options;
    struct timespec nap = {.tv_nsec = WATCH_NS};
    bool said = false;
    while (!atomic_load(&watch->over)) {
        watch->report->sent = read_sent(watch->shared);
        if (!said && watch->report->sent) {
            date(watch->report, watch->shared);
            print_line(options, watch->report, "started");
            said = true;
        }
        if (is_over(options, watch->report)) pthread_kill(watch->sender, SIGUSR1);
        nanosleep(&nap, NULL);
    }
    return NULL;
}

static int run_program(int program, const struct options *options, const uint8_t *frame, const struct report *report)
{
    while (!is_over(options, report)) {
        union bpf_attr attributes = {0};
        attributes.test.prog_fd = (uint32_t)program;
        attributes.test.data_in = (uintptr_t)frame;
        attributes.test.data_size_in = options->length;
        attributes.test.repeat = RUNS_A_CALL;
        attributes.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
        attributes.test.batch_size = BATCH;
        if (bpf(BPF_PROG_TEST_RUN, &attributes) < 0 && errno != EINTR) {
            fprintf(stderr, "blast: %s: %s (live frames need Linux 5.18)\n", options->interface, strerror(errno));
            return -1;
        }
    }
    return 0;
}

int send_live(const struct options *options, const uint8_t *own_mac)
{
    static uint8_t frame[FRAME_LIMIT];
    struct report report = {0};
    struct sigaction action = {.sa_handler = wake};
    struct bpf_insn *code;
    pthread_t watcher;
    int state;
    struct shared *shared = share(&state);
    shared->random = options->seed;
    prepare(options, own_mac, frame);
    uint32_t length = write_program(options, frame, state, if_nametoindex(options->interface), &code);
    int program = load_program(code, length);
    sigaction(SIGUSR1, &action, NULL);
    struct watch watched = {options, &report, shared, pthread_self(), false};
    clock_gettime(CLOCK_REALTIME, &report.wall);
    clock_gettime(CLOCK_MONOTONIC, &report.monotonic);
    if (pthread_create(&watcher, NULL, watch, &watched)) refuse("a thread");
    int failed = run_program(program, options, frame, &report);
    atomic_store(&watched.over, true);
    pthread_join(watcher, NULL);
    report.sent = read_sent(shared);
    print_line(options, &report, failed ? "failed" : "finished");
    return failed ? 1 : 0;
}
