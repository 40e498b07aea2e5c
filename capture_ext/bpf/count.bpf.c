/* Count what an interface receives, before the kernel makes a packet of it.
 *
 *     frame -> packet -> hosts -> lines -> drop (mirror) or pass (router)
 *
 * As worker.pyx counts, into the same lines: per host and direction, per course, unparsed by reason.  What the engine
 * needs as a whole frame goes through a ring: frames of a host under audit, one in so many as a sample, and the first
 * of an IPv6 host that has no place yet.  The engine gives the place and counts that one packet itself.
 *
 * Build: make bpf.  The licence stands in the object because some helpers ask for it.
 */
#include "frame.bpf.h"
#include "hosts.bpf.h"

enum { INCOMING = 1, OUTGOING = 2, INTERNAL = 3 };
enum { COUNT_SYN = 5, KIND_FRAGMENT = 4 };

struct hosts {
    u32 source;
    u32 destination;
};

INLINE void find_hosts(u32 cpu, const struct packet *packet, struct hosts *hosts)
{
    u32 zero = 0;
    struct control *state;

    if (*(volatile u32 *)&packet->family == 4) {
        hosts->source = find_ipv4(packet->ends[SOURCE][1]);
        hosts->destination = find_ipv4(packet->ends[DESTINATION][1]);
        return;
    }
    state = find(&control, &zero);
    hosts->source = find_ipv6(cpu, SOURCE, state ? state->tick : 0);
    hosts->destination = find_ipv6(cpu, DESTINATION, state ? state->tick : 0);
}

/* Mark a line for the detector; a full barrier, so that it sees the counts or we its taking the mark (totals.pyx). */
INLINE void touch(u32 cpu, u32 line)
{
    u32 word = cpu * (sizes.hosts * 2 / 64) + line / 64;
    u64 *bits = find(&touched, &word);

    if (bits)
        __sync_fetch_and_or(bits, 1ULL << (line & 63));
}

/* Whether an audit still wants frames of a line; takes one off what it wants. */
INLINE u32 is_wanted(u32 line)
{
    u32 element = line / 4;
    struct quad *quad = find(&wanted, &element);
    u16 *left;

    if (!quad)
        return 0;
    left = &quad->numbers[line & 3];
    if (!*left)
        return 0;
    *left -= 1;
    return FOR_AUDIT;
}

/* Count a packet at one line; give the flags of the record it needs. */
INLINE u32 add(u32 cpu, u32 line, const struct packet *packet)
{
    u32 element = cpu * sizes.hosts * 2 + line;
    struct line *place = find(&lines, &element);
    u32 class = *(volatile u32 *)&packet->class & 3;

    if (!place)
        return 0;
    place->bytes[class] += packet->ip_bytes;
    place->packets[class] += 1;
    if (packet->syn)
        place->packets[COUNT_SYN] += 1;
    if (packet->fragment) {
        place->bytes[KIND_FRAGMENT] += packet->ip_bytes;
        place->packets[KIND_FRAGMENT] += 1;
    }
    touch(cpu, line);
    return is_wanted(line);
}

/* Count a packet at both ends that are ours. */
INLINE u32 add_at_hosts(u32 cpu, const struct hosts *hosts, const struct packet *packet)
{
    u32 flags = 0;

    if (hosts->destination < sizes.hosts)
        flags |= add(cpu, hosts->destination, packet);
    else if (hosts->destination == NO_ROOM)
        flags |= DESTINATION_MISSED;
    if (hosts->source < sizes.hosts)
        flags |= add(cpu, sizes.hosts + hosts->source, packet);
    else if (hosts->source == NO_ROOM)
        flags |= SOURCE_MISSED;
    return flags;
}

/* Whether this CPU may ask for one more IPv6 host in this round. */
INLINE int may_ask(struct slice *slice)
{
    u32 zero = 0;
    struct control *state = find(&control, &zero);

    if (!state || !sizes.ipv6_places)
        return 0;
    if (slice->round != state->round) {
        slice->round = state->round;
        slice->misses = 0;
    }
    slice->misses += 1;
    return slice->misses <= sizes.miss_limit;
}

/* Give a frame to the engine; 0 if the ring has no room. */
INLINE int tell(const struct slice *slice, u32 flags)
{
    struct record *record = reserve(&records, sizeof(*record), 0);

    if (!record)
        return 0;
    record->time_ns = monotonic_ns();
    record->flags = flags;
    record->wire_bytes = slice->packet.wire_bytes;
    record->captured = slice->packet.captured;
    record->unused = 0;
    __builtin_memcpy(record->frame, slice->frame, FRAME_BYTES);
    submit(record, NO_WAKEUP);
    return 1;
}

/* Whether it is time for a sample. */
INLINE u32 is_sample(struct slice *slice)
{
    if (slice->countdown) {
        slice->countdown -= 1;
        return 0;
    }
    slice->countdown = sizes.sample_every - 1;
    return FOR_SAMPLE;
}

/* Count the packet in a slice. */
ALONE u32 count_packet(u32 cpu)
{
    struct slice *slice = slice_of(cpu);
    struct packet *packet;
    struct hosts hosts;
    u32 course, flags = 0;

    if (!slice)
        return 0;
    packet = &slice->packet;
    find_hosts(cpu, packet, &hosts);
    course = (hosts.source != NO_HOST) * 2 + (hosts.destination != NO_HOST);
    course = reread(&slice->index, course) & 3;
    slice->packets[course] += 1;
    slice->bytes[course] += packet->ip_bytes;
    if (course == INCOMING || course == OUTGOING || (course == INTERNAL && sizes.count_internal))
        flags = add_at_hosts(cpu, &hosts, packet);
    if (flags & (SOURCE_MISSED | DESTINATION_MISSED) && !may_ask(slice)) {
        slice->unplaced += 1;
        flags &= FOR_AUDIT;
    }
    flags |= is_sample(slice);
    if (flags && !tell(slice, flags) && flags & (SOURCE_MISSED | DESTINATION_MISSED))
        slice->unplaced += 1;
    return 0;
}

/* Give the slice of this CPU; 0 if it has none: it came after the program was loaded. */
INLINE struct slice *own_slice(u32 cpu)
{
    u32 zero = 0;
    struct control *state;
    struct slice *slice = slice_of(cpu);

    if (!slice) {
        state = find(&control, &zero);
        if (state)
            __sync_fetch_and_add(&state->strays, 1);
    }
    return slice;
}

/* Copy the first bytes of a frame into the slice. */
INLINE void take_frame(struct xdp_md *context, struct slice *slice)
{
    u32 length = frame_length(context);
    u32 size = length < sizes.snaplen ? length : sizes.snaplen;

    slice->packet.wire_bytes = length;
    slice->packet.captured = 0;
    if (size - 1 < FRAME_BYTES && !load_bytes(context, 0, slice->frame, size))
        slice->packet.captured = size;
}

SECTION("xdp.frags")
int fnm_count(struct xdp_md *context)
{
    u32 cpu = processor();
    struct slice *slice = own_slice(cpu);
    u32 reason;

    if (!slice)
        return sizes.action;
    slice->frames += 1;
    take_frame(context, slice);
    reason = reread(&slice->index, read_frame(cpu));
    if (reason)
        slice->unparsed[reason & (REASONS - 1)] += 1;
    else
        count_packet(cpu);
    return sizes.action;
}

char fnm_license[] SECTION("license") = "GPL";
