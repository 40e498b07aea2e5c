"""Which packet of a tunnel counts, seen from the counters."""

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import GRE, Ether
from scapy.layers.vxlan import VXLAN

from capture.lane import Lane
from capture_ext import census
from capture_ext.frame import parse, parse_frames
from capture_ext.memory import MemoryFrames
from frames import golden
from frames.tunnel_cases import nested
from frames.tunnel_oracle import ALL, Opener

END = "198.51.100.7"
INSIDE = "203.0.113.7"
NETWORKS = ("198.51.100.0/24", "203.0.113.0/24")
OUTER = Ether() / IP(src="192.0.2.9", dst=END)
FLOOD = IP(src="192.0.2.1", dst=INSIDE) / TCP(dport=80, flags="S")
IN_GRE = bytes(OUTER / GRE() / FLOOD)
IN_VXLAN = OUTER / UDP(sport=5, dport=8472) / VXLAN() / Ether() / FLOOD


@pytest.mark.parametrize(("kinds", "counted", "size"), [((), END, 64), (("ipip", "vxlan"), END, 64), (ALL, INSIDE, 40)])
def test_one_packet_of_a_frame_counts(kinds: tuple[str, ...], counted: str, size: int) -> None:
    """Inner or outer, as the switch says: one packet, at one host, with its own length."""
    lane = Lane(*NETWORKS, decapsulate=kinds)
    lane.play(lane.workers[0], [(0, IN_GRE)] * 3)
    lane.tick()
    totals = lane.totals()
    assert list(totals) == [counted]
    assert (sum(totals[counted][0].packets[:4]), totals[counted][0].bytes) == (3, 3 * size)
    assert [course.packets for course in census.courses(lane.engine)] == [0, 3, 0, 0]


def test_what_was_opened_and_what_was_not_is_counted() -> None:
    """Over all golden frames the counters say what the slow reading says, and every frame is counted or unparsed."""
    lane, opener = Lane(decapsulate=ALL), Opener()
    cases = [case for case in golden.load_tunnels() + golden.load_all() if case.link_type == 1]
    fields = [opener.read(case.frame, case.link_type) for case in cases]
    lane.play(lane.workers[0], [(0, case.frame) for case in cases])
    lane.tick()
    health = census.health(lane.engine)
    found = (health.tunnels_opened, health.tunnels_unread, health.tunnels_too_deep)
    assert found == (opener.counts["opened"], opener.counts["unread"], opener.counts["too_deep"])
    assert min(found) >= 3
    frames, unparsed = census.frames(lane.engine)
    assert frames == len(cases)
    assert sum(unparsed.values()) == sum(bool(reason) for reason, *_ in fields)
    assert sum(course.packets for course in census.courses(lane.engine)) == frames - sum(unparsed.values())


def test_nothing_is_counted_as_a_tunnel_when_all_is_off() -> None:
    """Off is off: the counters of tunnels stay 0 whatever passes."""
    lane = Lane()
    lane.play(lane.workers[0], [(0, case.frame) for case in golden.load_tunnels() if case.link_type == 1])
    health = census.health(lane.engine)
    assert (health.tunnels_opened, health.tunnels_unread, health.tunnels_too_deep) == (0, 0, 0)


def test_counts_of_threads_add_up() -> None:
    """The health figure is the sum over all capture threads."""
    lane = Lane(workers=3, decapsulate=("gre",))
    for worker in lane.workers:
        lane.play(worker, [(0, IN_GRE)] * 2)
    assert census.health(lane.engine).tunnels_opened == 6


def test_an_attack_inside_shows_its_victim() -> None:
    """The crossing is that of the inner address, and the audit has inner packets and whole frames."""
    lane = Lane(*NETWORKS, incoming=[(0, 100)], decapsulate=("gre",))
    worker = lane.workers[0]
    worker.source = MemoryFrames([(0, IN_GRE)], rounds=200)
    assert worker.run() == "ended"
    (crossing,) = lane.tick()
    assert crossing.host == (4, int.from_bytes(bytes(map(int, INSIDE.split(".")))))


@pytest.mark.parametrize(("levels", "counted"), [(4, "198.51.100.77"), (5, "198.51.100.5"), (6, "198.51.100.5")])
def test_four_are_taken_off_and_no_more(levels: int, counted: str) -> None:
    """The fifth tunnel is a packet like any other."""
    packet = parse(bytes(Ether() / nested(levels)), 1, decapsulate=("gre",))
    assert packet.destination == int.from_bytes(bytes(map(int, counted.split("."))))


@pytest.mark.parametrize(("port", "protocol"), [(8472, 6), (4789, 17)])
def test_vxlan_has_the_port_it_is_given(port: int, protocol: int) -> None:
    """Linux's own default is another than that of the standard."""
    (packet,) = parse_frames([bytes(IN_VXLAN)], 1, decapsulate=("vxlan",), vxlan_port=port)
    assert packet.protocol == protocol


def test_switches_are_checked() -> None:
    """A name or a port that does not exist is refused, not ignored."""
    with pytest.raises(ValueError, match=r"no tunnel 'l2tp'; there are gre, ipip, 6in4, vxlan, pppoe, pseudowire"):
        parse(IN_GRE, 1, decapsulate=("gre", "l2tp"))
    for port in (0, 65_536):
        with pytest.raises(ValueError, match=f"port {port}: 1 to 65535"):
            parse_frames([IN_GRE], 1, vxlan_port=port)
    with pytest.raises(ValueError, match="no tunnel 'x'"):
        Lane(decapsulate=("x",))
