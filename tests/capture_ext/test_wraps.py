"""Numbers of 32 bits that come to their end."""

import struct

import pytest

from capture.frames import ICMP, SYN, TCP, UDP, Sent
from capture.lane import SECOND, TICK, Lane, host
from capture_ext import reports
from capture_ext.hosts6 import Hosts6

LINE_BYTES, PACKETS_OFFSET, COUNTS = 64, 40, 6
LAST = 2**32
SEED = bytes(range(24))
HOST = 7
TICKS = SECOND // TICK

# The column that a threshold watches, and a packet that counts there.
COLUMNS = [
    (0, Sent(protocol=UDP)),
    (3, Sent(protocol=TCP)),
    (4, Sent(protocol=UDP)),
    (5, Sent(protocol=ICMP)),
    (6, Sent(protocol=47)),
    (7, Sent(protocol=UDP, fragment=True)),
    (8, Sent(protocol=TCP, tcp_flags=SYN)),
]


def age(lane: Lane, packet: Sent, packets: int) -> None:
    """Let every packet count of the host stand at a number, and let a window pass since."""
    begin = HOST * LINE_BYTES + PACKETS_OFFSET
    lane.workers[0].lines()[begin : begin + 4 * COUNTS] = struct.pack(f"={COUNTS}I", *[packets - 1] * COUNTS)
    lane.repeat(packet, 1)
    assert len(lane.tick()) == 1  # to the engine so many have come at once
    for _ in range(2 * TICKS):
        assert lane.tick() == []
    lane.engine.release(*host(f"203.0.113.{HOST}"), False)


@pytest.mark.parametrize(("column", "packet"), COLUMNS)
def test_a_count_that_wraps_is_a_rate_like_any_other(column: int, packet: Sent) -> None:
    """While a count passes 2**32 its rate is what came: up to the threshold nothing crosses, above it does, exactly."""
    lane = Lane(incoming=[(column, 100)])
    age(lane, packet, LAST - 20)
    lane.repeat(packet, 40)
    assert lane.tick() == []
    lane.repeat(packet, 60)
    assert lane.tick() == []
    lane.repeat(packet, 1)
    (crossing,) = lane.tick()
    assert (crossing.column, crossing.rate) == (column, 101)
    assert crossing.rates[0] == 101


def test_the_window_of_a_watched_host_goes_over_the_wrap() -> None:
    """Rates and packets of a host that is watched do not jump while its counts wrap."""
    lane = Lane(incoming=[(0, 100)])
    packet = Sent(protocol=UDP)
    age(lane, packet, LAST - 400)
    for _ in range(TICKS):
        lane.repeat(packet, 40)
        lane.tick()
    (watched,) = reports.watched(lane.engine)
    assert watched.rates[0] == 40 * TICKS
    assert watched.peak == pytest.approx(800)
    assert sum(watched.packets[:4]) < 40 * TICKS


def test_the_oldest_ipv6_host_goes_while_ticks_wrap() -> None:
    """The host that was seen longest ago makes room, before, while and after the number of the tick passes 2**32."""
    hosts = Hosts6(8, SEED)
    for number in range(8):
        assert hosts.see(1 + number, (LAST - 4 + number) % LAST) is not None
    for number in range(8):
        assert hosts.see(101 + number, 4 + number) is not None
        kept = {hosts.address(place) for place in range(8)}
        assert kept == {*range(2 + number, 9), *range(101, 102 + number)}
