"""What happens when something is full, and what may be asked of the engine."""

import gc

import pytest
from netaddr import IPAddress

from capture.frames import Sent
from capture.lane import SEED, TICK, Lane, host, limits, numbers
from capture_ext import census, reports
from capture_ext.engine import Engine, EngineSizes
from capture_ext.memory import MemoryFrames

HOST = host("203.0.113.7")
TICKS = 20
NO_WINDOWS = EngineSizes(windows=0)
QUEUE = 16_384


def test_without_windows_a_flood_is_seen_within_two() -> None:
    """With no window free a steady flood crosses within two windows, with its rates; a host below never does."""
    for first in range(TICKS):
        lane = Lane(incoming=[(0, 2000)], sizes=NO_WINDOWS)
        lane.repeat(Sent(), 1)
        for _ in range(first):
            lane.tick()
        crossings: list[reports.CrossingReport] = []
        ticks = 0
        while not crossings:
            lane.repeat(Sent(), 110)
            lane.repeat(Sent(destination="203.0.113.8"), 100)
            crossings = lane.tick()
            ticks += 1
        assert [crossing.host for crossing in crossings] == [HOST]
        assert ticks <= 2 * TICKS
        assert 2000 < crossings[0].rate <= 2200
        assert crossings[0].power == pytest.approx(crossings[0].rate)
        for _ in range(3 * TICKS):
            lane.repeat(Sent(destination="203.0.113.8"), 100)
            assert lane.tick() == []
        assert census.health(lane.engine).windows_refused > 0


def test_without_windows_a_burst_is_no_flood() -> None:
    """Blocks that last longer than a window are judged by their real length."""
    lane = Lane(incoming=[(0, 1000)], sizes=NO_WINDOWS)
    for _ in range(10):
        lane.repeat(Sent(), 900)
        for _ in range(TICKS + 5):
            assert lane.tick() == []


def test_a_host_that_crosses_without_a_window_is_watched_in_the_reserve() -> None:
    """From the crossing on it is read like any other, and its totals are complete."""
    lane = Lane(incoming=[(0, 1000)], sizes=NO_WINDOWS)
    for _ in range(TICKS):
        lane.repeat(Sent(), 60)
        lane.tick()
    (report,) = reports.watched(lane.engine)
    assert report.host == HOST
    assert 0 < report.rates[0] <= 1200
    assert report.packets[1] < TICKS * 60
    assert lane.totals()["203.0.113.7"][0].packets[1] == TICKS * 60


def test_a_full_queue_loses_no_crossing() -> None:
    """Crossings that find the queue full come with the next tick; each is told once."""
    lane = Lane("198.18.0.0/17", incoming=[(0, 0.5)], sizes=EngineSizes(audits=0))
    base = int(IPAddress("198.18.0.0"))
    count = QUEUE + 1000
    lane.send(Sent(destination=str(IPAddress(base + number))) for number in range(count))
    first, second, third = lane.tick(), lane.tick(), lane.tick()
    assert (len(first), len(second), len(third)) == (QUEUE, 1000, 0)
    assert {crossing.host[1] for crossing in first + second} == {base + number for number in range(count)}
    assert census.health(lane.engine).crossings_postponed == 1000


def test_no_window_to_watch_in_postpones_the_crossing() -> None:
    """When even the reserve is used up, a crossing waits for a window and is not lost."""
    lane = Lane("198.18.0.0/19", incoming=[(0, 15)], sizes=EngineSizes(windows=0, audits=0))
    base = int(IPAddress("198.18.0.0"))
    for number in range(4096):
        assert lane.engine.watch(4, base + number, False)
    assert not lane.engine.watch(4, base + 5000, False)
    lane.repeat(Sent(destination=str(IPAddress(base + 5000))), 20)
    assert lane.tick() == []
    assert census.health(lane.engine).crossings_windowless == 1
    for number in range(10):
        lane.engine.release(4, base + number, False)
    lane.tick()
    lane.repeat(Sent(destination=str(IPAddress(base + 5000))), 1)
    assert [crossing.host for crossing in lane.tick()] == [(4, base + 5000)]


def test_watching_without_traffic() -> None:
    """A host that is watched by order is read in silence, has no crossing for that, and crosses like any other."""
    lane = Lane("203.0.113.0/24", "2001:db8:100::/48", incoming=[(0, 100)])
    six = host("2001:db8:100::5")
    assert lane.engine.watch(*HOST, False)
    assert lane.engine.watch(*six, True)
    assert not lane.engine.watch(*host("192.0.2.1"), False)
    assert not lane.engine.watch(*host("2001:db8::1"), False)
    for _ in range(2 * TICKS):
        assert lane.tick() == []
    assert {(report.host, report.rates[0], sum(report.packets)) for report in reports.watched(lane.engine)} == {
        (HOST, 0, 0),
        (six, 0, 0),
    }
    lane.repeat(Sent(), 10)
    lane.tick()
    assert {report.host: (report.peak, report.packets[1]) for report in reports.watched(lane.engine)} == {
        HOST: (50, 10),
        six: (0, 0),
    }
    lane.repeat(Sent(), 101)
    assert [crossing.host for crossing in lane.tick()] == [HOST]
    lane.engine.release(*HOST, False)
    lane.engine.release(*six, True)
    assert reports.watched(lane.engine) == []


def test_several_workers_are_one_sum() -> None:
    """A flood that is spread over threads crosses as one, and its window is that of the sum."""
    lane = Lane(incoming=[(0, 300)], workers=3)
    for worker in range(3):
        lane.repeat(Sent(source_port=worker), 101, worker)
    (crossing,) = lane.tick()
    assert (crossing.rate, crossing.rates[2]) == (303, 3)


def test_the_busiest_hosts() -> None:
    """`top` sorts by packets, bytes or flows of the window in one direction, and gives no more than asked for."""
    lane = Lane()
    for number in range(1, 21):
        address = f"203.0.113.{number}"
        lane.send(
            [
                Sent(destination=address, ip_bytes=1500 - 70 * number, source_port=port % 21 + 1 - number)
                for port in range(200 + number)
                if port % 21 + 1 - number > 0
            ]
        )
    lane.repeat(Sent(source="203.0.113.99", destination="192.0.2.1"), 5)
    lane.tick()
    totals = {address: incoming for address, (incoming, _) in lane.totals().items() if incoming.bytes}
    for column in (0, 1):
        figures = {address: side.bytes if column else side.packets[1] for address, side in totals.items()}
        found = census.top(lane.engine, column, False, 7)
        assert [figures[str(IPAddress(number, 4))] for _, number in found] == sorted(figures.values(), reverse=True)[:7]
    assert census.top(lane.engine, 2, False, 1) == [host("203.0.113.1")]
    assert census.top(lane.engine, 0, True, 10) == [host("203.0.113.99")]
    with pytest.raises(ValueError, match="no metric"):
        census.top(lane.engine, 12, False, 1)


def test_where_internal_traffic_goes() -> None:
    """The destinations of internal traffic are named by their share of the samples."""
    lane = Lane()
    lane.send([Sent(source="203.0.113.1", destination=f"203.0.113.{9 if number % 5 else 8}") for number in range(6400)])
    (first, much), (second, little) = census.internal_destinations(lane.engine, 5)
    assert (first, second) == (host("203.0.113.9"), host("203.0.113.8"))
    assert much + little == 100
    assert 65 <= much <= 95


def test_class_totals_have_rates() -> None:
    """Packets and bits of each course are told over the window."""
    lane = Lane()
    lane.repeat(Sent(ip_bytes=100), 50)
    lane.tick()
    lane.tick()
    incoming = census.courses(lane.engine)[1]
    assert (incoming.packets, incoming.bytes, incoming.pps, incoming.bps) == (50, 5000, 50, 40_000)
    for _ in range(TICKS):
        lane.tick()
    assert census.courses(lane.engine)[1].pps == 0


def test_a_clock_that_stands_still_ends_no_tick() -> None:
    """A tick without time changes nothing and is counted; what was counted comes with the next one."""
    lane = Lane(incoming=[(0, 10)])
    lane.repeat(Sent(), 20)
    assert lane.tick(0) == []
    assert lane.tick(-TICK) == []
    assert census.health(lane.engine).clock_stopped == 2
    assert len(lane.tick(2 * TICK)) == 1


def test_ten_thousand_hosts_at_once() -> None:
    """10,000 hosts that cross in one tick are all told in it."""
    lane = Lane("198.18.0.0/18", incoming=[(0, 3)])
    base = int(IPAddress("198.18.0.0"))
    for _ in range(4):
        lane.send(Sent(destination=str(IPAddress(base + number))) for number in range(10_000))
    assert len(lane.tick()) == 10_000
    assert census.health(lane.engine).audits == 256


def test_too_many_threads_are_refused() -> None:
    """More workers than the engine can read are refused with the limit."""
    lane = Lane(workers=64)
    with pytest.raises(ValueError, match="more than 64 capture threads"):
        lane.engine.add_worker(MemoryFrames([]), False)


def test_memory_goes_with_the_last_reference() -> None:
    """An engine that was replaced gives its memory back at once; nothing waits for the garbage collector."""

    def engines() -> int:
        return sum(isinstance(thing, Engine) for thing in gc.get_objects())

    gc.collect()
    before = engines()
    lane = Lane(workers=2)
    assert engines() == before + 1
    gc.disable()
    try:
        del lane
        assert engines() == before
    finally:
        gc.enable()


def test_the_largest_network_costs_nothing_untouched() -> None:
    """A /8 can be watched; memory is what its traffic touches."""
    engine = Engine(numbers("10.0.0.0/8"), limits(), 10**9, TICK, EngineSizes(), SEED)
    worker = engine.add_worker(MemoryFrames([(0, Sent(destination="10.255.255.255").frame())]), False)
    worker.run()
    engine.begin(0)
    engine.tick(TICK)
    ((found, incoming, _),) = census.hosts(engine)
    assert (found, incoming.packets[1]) == (host("10.255.255.255"), 1)
