"""Counters of hosts and of all traffic."""

import struct
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPSet

from capture.frames import ACK, GRE, ICMP, ICMPV6, SYN, TCP, UDP, Sent
from capture.lane import Lane, host
from capture_ext import census
from capture_ext.census import SideReport
from capture_ext.engine import EngineSizes

NETWORKS = ("203.0.113.0/24", "198.51.100.128/25", "2001:db8:100::/48")
OURS = IPSet(NETWORKS)
HOSTS4 = ("203.0.113.0", "203.0.113.7", "203.0.113.255", "198.51.100.128", "198.51.100.127", "192.0.2.1")
HOSTS6 = ("2001:db8:100::1", "2001:db8:100:ffff::2", "2001:db8:101::1", "2001:db8::5")
PROTOCOLS = {4: (TCP, UDP, ICMP, GRE), 6: (TCP, UDP, ICMPV6, GRE)}
KINDS = {TCP: 0, UDP: 1, ICMP: 2, ICMPV6: 2, GRE: 3}


def sent(hosts: "tuple[str, ...]", family: int) -> "st.SearchStrategy[Sent]":
    """Give packets between some hosts."""
    return st.builds(
        Sent,
        source=st.sampled_from(hosts),
        destination=st.sampled_from(hosts),
        protocol=st.sampled_from(PROTOCOLS[family]),
        ip_bytes=st.integers(60, 1500),
        tcp_flags=st.sampled_from((SYN, ACK, SYN | ACK)),
        fragment=st.booleans() if family == 4 else st.just(False),
    )


def count_slowly(packets: "list[Sent]", *, internal: bool) -> "tuple[Counter[object], dict[object, list[int]]]":
    """Count as the manual says, one packet at a time: courses, and lines of six packet counts and bytes."""
    courses: Counter[object] = Counter()
    lines: dict[object, list[int]] = {}
    for packet in packets:
        ours = packet.source in OURS, packet.destination in OURS
        courses[ours, "packets"] += 1
        courses[ours, "bytes"] += packet.ip_bytes
        if ours[1] and (internal or not ours[0]):
            add_slowly(lines.setdefault((packet.destination, 0), [0] * 7), packet)
        if ours[0] and (internal or not ours[1]):
            add_slowly(lines.setdefault((packet.source, 1), [0] * 7), packet)
    return courses, lines


def add_slowly(line: "list[int]", packet: Sent) -> None:
    """Add one packet to a line."""
    line[KINDS[packet.protocol]] += 1
    line[4] += packet.fragment
    line[5] += packet.protocol == TCP and packet.tcp_flags & (SYN | ACK) == SYN
    line[6] += packet.ip_bytes


@given(
    st.lists(st.one_of(sent(HOSTS4, 4), sent(HOSTS6, 6)), max_size=150),
    st.booleans(),
    st.integers(1, 3),
    st.integers(0, 100),
)
def test_agrees_with_a_slow_count(packets: "list[Sent]", internal: bool, workers: int, early: int) -> None:
    """Hosts, courses and frames are what a count by hand gives, over several threads and ticks."""
    lane = Lane(*NETWORKS, workers=workers, count_internal=internal, sizes=EngineSizes(ipv6_hosts=64))
    for worker in range(workers):
        lane.send(packets[:early][worker::workers], worker)
    lane.tick()
    for worker in range(workers):
        lane.send(packets[early:][worker::workers], worker)
    lane.tick()
    courses, lines = count_slowly(packets, internal=internal)
    found = {
        (address, direction): [*side.packets, side.bytes]
        for address, sides in lane.totals().items()
        for direction, side in enumerate(sides)
        if side.bytes
    }
    assert found == lines
    order = [(False, False), (False, True), (True, False), (True, True)]
    given_courses = [(course.packets, course.bytes) for course in census.courses(lane.engine)]
    assert given_courses == [(courses[ours, "packets"], courses[ours, "bytes"]) for ours in order]
    assert census.frames(lane.engine) == (len(packets), {})


def test_internal_traffic_is_no_hosts() -> None:
    """A packet between two of our hosts is in the internal total alone, unless it is asked for."""
    packet = Sent(source="203.0.113.8", destination="203.0.113.7")
    for internal in (False, True):
        lane = Lane(count_internal=internal)
        lane.send([packet])
        lane.tick()
        assert [course.packets for course in census.courses(lane.engine)] == [0, 0, 0, 1]
        assert len(lane.totals()) == (2 if internal else 0)


def test_packet_counts_go_on_past_32_bits() -> None:
    """A packet count that wraps in the 64-byte line goes on in the totals."""
    lane = Lane()
    lane.workers[0].lines()[7 * 64 + 48 : 7 * 64 + 52] = struct.pack("=I", 2**32 - 5)
    lane.send([Sent(protocol=ICMP)] * 3)
    lane.tick()
    lane.send([Sent(protocol=ICMP)] * 20)
    assert lane.totals()["203.0.113.7"][0].packets[2] == 2**32 + 18  # before the tick sees it
    lane.tick()
    lane.send([Sent(protocol=ICMP)])
    lane.tick()
    assert lane.totals()["203.0.113.7"][0].packets[2] == 2**32 + 19


def test_unparsed_frames_are_counted_by_reason() -> None:
    """A frame that cannot be parsed counts under its reason, and in no course."""
    lane = Lane()
    whole = Sent().frame()
    arp = whole[:12] + b"\x08\x06" + whole[14:]
    lane.play(lane.workers[0], [(0, whole), (1, whole[:20]), (2, arp), (3, arp)])
    lane.tick()
    assert census.frames(lane.engine) == (4, {"truncated": 1, "not_ip": 2})
    assert sum(course.packets for course in census.courses(lane.engine)) == 1


def test_ipv6_flood_over_a_whole_network_keeps_the_victim() -> None:
    """A scan of a /48 stays within the table, and the host that is really flooded is found in it."""
    lane = Lane("2001:db8:100::/48", incoming=[(0, 1000)], sizes=EngineSizes(ipv6_hosts=256, windows=1000))
    victim = Sent(source="2001:db8::1", destination="2001:db8:100::bad", ip_bytes=60)
    base = int(IPAddress("2001:db8:100::"))
    crossings = []
    for tick in range(20):
        scan = [
            replace(victim, destination=str(IPAddress(base + ((tick * 500 + number) << 20), 6)))
            for number in range(500)
        ]
        mixed = [packet for stranger in scan for packet in (victim, stranger, victim)]
        lane.send(mixed, worker=0)
        crossings += lane.tick()
    assert [crossing.host for crossing in crossings] == [host("2001:db8:100::bad")]
    (report,) = [line for address, line in lane.totals().items() if address == "2001:db8:100::bad"]
    assert report[0].packets[1] == 20 * 1000
    health = census.health(lane.engine)
    assert health.ipv6_entered - health.ipv6_evicted <= 256
    assert health.ipv6_evicted >= 10_000 - 256
    assert sum(course.packets for course in census.courses(lane.engine)) == 20 * 1500


def test_a_reused_place_begins_at_zero() -> None:
    """What one IPv6 host counted is never given to the next one in its place, in whichever thread."""
    lane = Lane("2001:db8:100::/48", sizes=EngineSizes(ipv6_hosts=8), workers=2)
    packets = [
        Sent(source="2001:db8::1", destination=f"2001:db8:100::{number:x}", ip_bytes=60) for number in range(1, 40)
    ]
    for number, packet in enumerate(packets):
        lane.send([packet] * (number + 1), worker=0)
        lane.send([packet] * 100, worker=1)
        lane.tick()
        seen = lane.totals()[packet.destination][0]
        assert seen == SideReport((0, number + 101, 0, 0, 0, 0), 60 * (number + 101))
    assert len(lane.totals()) == 8


def test_hosts_that_lose_their_place_within_a_batch() -> None:
    """Packets of more hosts than there are places, in one batch, never count for another host."""
    lane = Lane("2001:db8:100::/48", sizes=EngineSizes(ipv6_hosts=8))
    packets = [
        Sent(source="2001:db8::1", destination=f"2001:db8:100::{number:x}", ip_bytes=60) for number in range(1, 33)
    ]
    lane.send(packets)
    lane.tick()
    totals = lane.totals()
    assert len(totals) == 8
    assert all(incoming.packets[1] <= 1 for incoming, _ in totals.values())
    assert census.courses(lane.engine)[1].packets == 32


def test_an_ipv6_host_without_a_place_is_still_incoming() -> None:
    """When all places are watched, a further host counts in the class totals of its direction."""
    lane = Lane("2001:db8:100::/48", sizes=EngineSizes(ipv6_hosts=8))
    for number in range(1, 9):
        assert lane.engine.watch(*host(f"2001:db8:100::{number:x}"), False)
    lane.send([Sent(source="2001:db8::1", destination="2001:db8:100::ff", ip_bytes=60)])
    lane.tick()
    assert [course.packets for course in census.courses(lane.engine)] == [0, 1, 0, 0]
    assert "2001:db8:100::ff" not in lane.totals()
    assert census.health(lane.engine).ipv6_refused == 1
    assert not lane.engine.watch(*host("2001:db8:100::ff"), False)
