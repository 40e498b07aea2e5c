"""Hosts at the edges of networks, of overlapping ones and of very many, through the whole engine."""

import pytest

from capture.frames import Sent
from capture.lane import SECOND, SEED, TICK, Lane, host
from capture_ext import census, reports
from capture_ext.engine import Engine, EngineSizes
from capture_ext.limits import Limits
from capture_ext.memory import MemoryFrames

# One inside the other, one over the edge of two, one host twice, and two that touch.
NESTED = ("198.51.100.0/24", "198.51.100.0/25", "198.51.100.255/32", "198.51.100.255/32", "198.51.101.0/30")
NESTED6 = ("2001:db8:100::/48", "2001:db8:100:ffff::/64", "2001:db8:100:ffff:ffff:ffff:ffff:ffff/128")
OURS = ["198.51.100.0", "198.51.100.127", "198.51.100.128", "198.51.100.255", "198.51.101.0", "198.51.101.3"]
OURS6 = ["2001:db8:100::", "2001:db8:100:ffff::", "2001:db8:100:ffff:ffff:ffff:ffff:ffff"]
NOT_OURS = ["198.51.99.255", "198.51.101.4", "0.0.0.0", "255.255.255.255"]
NOT_OURS6 = ["2001:db8:ff:ffff:ffff:ffff:ffff:ffff", "2001:db8:101::", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]


def packet(address: str, outgoing: bool) -> Sent:
    """Give a packet to or from an address."""
    six = ":" in address
    stranger, size = ("2001:db8::1", 60) if six else ("192.0.2.1", 46)
    source, destination = (address, stranger) if outgoing else (stranger, address)
    return Sent(source=source, destination=destination, ip_bytes=size)


@pytest.mark.parametrize("outgoing", [False, True])
@pytest.mark.parametrize(("networks", "ours", "others"), [(NESTED, OURS, NOT_OURS), (NESTED6, OURS6, NOT_OURS6)])
def test_first_and_last_hosts_are_hosts(
    networks: tuple[str, ...], ours: list[str], others: list[str], outgoing: bool
) -> None:
    """A host at an edge counts once and crosses once, however many networks cover it; its neighbours are strangers."""
    lane = Lane(*networks, incoming=[(0, 5)], outgoing=[(0, 5)])
    for address in ours + others:
        lane.repeat(packet(address, outgoing), 6)
    crossings = lane.tick()
    assert {crossing.host for crossing in crossings} == {host(address) for address in ours}
    assert [(crossing.outgoing, crossing.rate) for crossing in crossings] == [(outgoing, 6)] * len(ours)
    sides = {address: pair[outgoing] for address, pair in lane.totals().items()}
    assert {address: side.packets[1] for address, side in sides.items()} == dict.fromkeys(ours, 6)
    assert census.courses(lane.engine)[0].packets == 6 * len(others)


def test_ten_thousand_networks() -> None:
    """The first and last host of each of 10,000 networks is counted and judged; what lies between them is not ours."""
    bases = [(10 << 24) + (number << 9) for number in range(10_000)]
    limits = Limits(SECOND, [([(0, 1)], [])], [])
    engine = Engine([(4, base, 24) for base in bases], limits, SECOND, TICK, EngineSizes(audits=0), SEED)
    worker = engine.add_worker(MemoryFrames([]), count_internal=False)
    engine.begin(SECOND)
    like = Sent(destination="10.0.0.0").frame()
    edges = [base + offset for base in bases for offset in (0, 255, 256, 511)]
    frames = [(0, like[:30] + edge.to_bytes(4) + like[34:]) for edge in edges]
    worker.source = MemoryFrames(frames, rounds=2)
    assert worker.run() == "ended"
    found = set()
    now = SECOND
    while True:
        now += TICK
        engine.tick(now)
        crossings = reports.crossings(engine)
        if not crossings:
            break
        found |= {crossing.host for crossing in crossings}
    assert found == {(4, base + offset) for base in bases for offset in (0, 255)}
    courses = census.courses(engine)
    assert (courses[0].packets, courses[1].packets) == (40_000, 40_000)
    assert sum(incoming.packets[1] for _, incoming, _ in census.hosts(engine)) == 40_000
