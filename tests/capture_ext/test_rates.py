"""Sliding windows, power and peak, against a slow reading of the same words."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.frames import ACK, SYN, TCP, Sent
from capture.lane import SECOND, TICK, Lane, host
from capture_ext import reports
from capture_ext.rates import Rates

TICKS = 20
HOSTS = ("203.0.113.7", "203.0.113.8")


@dataclass
class SlowWindow:
    """Every tick that ever was, and rates straight from their definition."""

    lengths: list[int] = field(default_factory=lambda: [TICK] * TICKS)
    counts: list[int] = field(default_factory=lambda: [0] * TICKS)

    def end_tick(self, length: int, count: int) -> None:
        self.lengths.append(length)
        self.counts.append(count)

    def rate(self) -> float:
        return sum(self.counts[-TICKS:]) * 1e9 / max(SECOND, sum(self.lengths[-TICKS:]))

    def powers(self) -> list[float]:
        """Give the packet rate of every 4 ticks in a row of the window, the latest first."""
        ends = range(len(self.counts), len(self.counts) - TICKS + 3, -1)
        return [sum(self.counts[end - 4 : end]) * 1e9 / sum(self.lengths[end - 4 : end]) for end in ends]

    def started(self, now: int) -> int:
        first = next(place for place in range(-TICKS, 0) if self.counts[place])
        return now - sum(self.lengths[first:])


lengths = st.sampled_from((TICK, TICK, TICK, TICK, TICK // 3, TICK + 1_234_567, 7 * TICK, 30 * TICK))
ticks = st.lists(st.tuples(lengths, st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=70)


@settings(max_examples=150)
@given(ticks, st.integers(20, 900))
def test_agrees_with_the_definition(story: "list[tuple[int, int, int]]", threshold: int) -> None:
    """Crossings, rates, power, peak, start and packets are what their definitions give, however uneven the ticks."""
    lane = Lane(incoming=[(0, threshold)])
    slow = {address: SlowWindow() for address in HOSTS}
    peaks: dict[str, float] = {}
    since: dict[str, int] = {}
    for length, *counts in story:
        for address, count in zip(HOSTS, counts, strict=True):
            lane.repeat(Sent(destination=address), count)
            slow[address].end_tick(length, count)
        crossed = {crossing.host: crossing for crossing in lane.tick(length)}
        for address, count in zip(HOSTS, counts, strict=True):
            window = slow[address]
            crossing = crossed.pop(host(address), None)
            assert (crossing is not None) == (address not in peaks and window.rate() > threshold)
            if crossing:
                assert crossing.rate == pytest.approx(window.rate())
                assert crossing.power == pytest.approx(max(window.powers()))
                assert (crossing.started_ns, crossing.at_ns) == (window.started(lane.now), lane.now)
                assert crossing.rates[0] == pytest.approx(window.rate())
                peaks[address] = crossing.power
                since[address] = 0
            elif address in peaks:
                peaks[address] = max(peaks[address], window.powers()[0])
                since[address] += count
        assert crossed == {}
        watched = {report.host: report for report in reports.watched(lane.engine)}
        assert set(watched) == {host(address) for address in peaks}
        for address, peak in peaks.items():
            report = watched[host(address)]
            assert report.peak == pytest.approx(peak)
            assert report.rates[0] == pytest.approx(slow[address].rate())
            assert report.packets == (0, since[address], 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("column", "threshold", "packet", "count"),
    [
        (0, 300, Sent(), 300),
        (1, 1.2, Sent(ip_bytes=1500), 100),
        (3, 40, Sent(protocol=6), 40),
        (4, 40, Sent(protocol=17), 40),
        (5, 40, Sent(protocol=1), 40),
        (6, 40, Sent(protocol=47), 40),
        (7, 40, Sent(fragment=True), 40),
        (8, 40, Sent(protocol=TCP, tcp_flags=SYN), 40),
        (9, 0.48, Sent(protocol=6, ip_bytes=1500), 40),
        (10, 0.48, Sent(protocol=17, ip_bytes=1500), 40),
        (11, 0.48, Sent(protocol=1, ip_bytes=1500), 40),
    ],
)
def test_a_crossing_is_strictly_above(column: int, threshold: float, packet: Sent, count: int) -> None:
    """Exactly the threshold is no crossing, one packet more is, for every metric and in both directions."""
    for outgoing in (False, True):
        checks = [(column, threshold)]
        lane = Lane(outgoing=checks) if outgoing else Lane(incoming=checks)
        mine = packet
        if outgoing:
            values = {name: getattr(packet, name) for name in ("protocol", "ip_bytes", "tcp_flags", "fragment")}
            mine = Sent(source="203.0.113.7", destination="192.0.2.1", **values)
        lane.repeat(mine, count)
        assert lane.tick() == []
        lane.repeat(mine, 1)
        (crossing,) = lane.tick()
        assert (crossing.column, crossing.outgoing, crossing.threshold) == (column, outgoing, threshold)
        assert crossing.rate == pytest.approx(threshold * (count + 1) / count)


@pytest.mark.parametrize("times", [1.25, 2, 5, 10, 19])
def test_k_times_the_threshold_crosses_after_its_share_of_the_window(times: float) -> None:
    """A flood of k times the threshold, out of silence, crosses with the first tick that ends after 1/k window."""
    lane = Lane(incoming=[(0, 20_000)])
    needed = 0
    while True:
        lane.repeat(Sent(), round(20_000 * times / TICKS))
        needed += 1
        if lane.tick():
            break
    assert needed == int(TICKS / times) + 1


def test_a_late_tick_makes_no_rate() -> None:
    """Packets of a tick that took a whole second are spread over the 1.95 s that its window lasts."""
    lane = Lane(incoming=[(0, 1000)])
    lane.repeat(Sent(), 1900)
    assert lane.tick(SECOND) == []
    lane.repeat(Sent(), 50)
    assert lane.tick() == []
    lane.repeat(Sent(), 1)
    assert [crossing.rate for crossing in lane.tick()] == [pytest.approx(1951 / 1.95)]


def test_the_first_metric_names_the_crossing() -> None:
    """Of several metrics over their thresholds the first in their order is told, once."""
    lane = Lane(incoming=[(0, 100), (4, 10), (10, 0.001)])
    lane.repeat(Sent(), 50)
    assert [crossing.column for crossing in lane.tick()] == [4]
    lane.repeat(Sent(), 5000)
    assert lane.tick() == []


def test_released_hosts_cross_again() -> None:
    """A host is told of once; released, it crosses again with the next tick if it is still above."""
    lane = Lane(incoming=[(0, 100)])
    lane.repeat(Sent(), 200)
    assert len(lane.tick()) == 1
    assert lane.tick() == []
    lane.engine.release(*host("203.0.113.7"), False)
    assert reports.watched(lane.engine) == []
    assert len(lane.tick()) == 1


def test_windows_of_silent_hosts_empty_and_go() -> None:
    """A host that falls silent has no rate after a window, and no window any more."""
    lane = Lane()
    lane.repeat(Sent(), 10)
    rates = []
    for _ in range(TICKS + 2):
        lane.tick()
        found = reports.rates(lane.engine, host("203.0.113.7"), False)
        rates.append(found[0] if found else None)
    assert rates == [10.0] * TICKS + [None] * 2


def test_columns_without_a_threshold_are_shares() -> None:
    """What no threshold needs is taken from the share in the last one to two windows, and sums up with the rest."""
    lane = Lane(incoming=[(0, 1e9)])
    for _ in range(3 * TICKS):
        lane.repeat(Sent(protocol=TCP, tcp_flags=SYN, ip_bytes=100), 30)
        lane.repeat(Sent(protocol=TCP, tcp_flags=ACK, ip_bytes=100), 10)
        lane.repeat(Sent(ip_bytes=200, fragment=True), 60)
        lane.tick()
    found = reports.rates(lane.engine, host("203.0.113.7"), False)
    assert found is not None
    pps, bps, flows, tcp, udp, icmp, other, fragments, syn, *bits = found
    assert (pps, bps, flows) == (2000, 2000 * 8 * 160, 2)
    assert [tcp, udp, icmp, other, fragments, syn] == pytest.approx([800, 1200, 0, 0, 1200, 600])
    assert bits == pytest.approx([800 * 800, 1200 * 1600, 0])


def test_figures_do_not_wrap() -> None:
    """More than 4 GB at one host in one tick count as 4 GB, and not as the rest of a division."""
    lane = Lane(incoming=[(1, 1000)])
    lane.repeat(Sent(ip_bytes=65_535), 66_000)
    (crossing,) = lane.tick()
    assert crossing.rate == pytest.approx((2**32 - 1) * 8 / 1e6)


@pytest.mark.parametrize(("window", "tick"), [(SECOND, 0), (SECOND, 333_333_333), (SECOND, SECOND), (7000, 1), (3, 1)])
def test_windows_that_are_none(window: int, tick: int) -> None:
    """A window is 4 to 6,000 whole ticks."""
    with pytest.raises(ValueError, match="4 to 6000 whole ticks"):
        Rates(window, tick, 10)
