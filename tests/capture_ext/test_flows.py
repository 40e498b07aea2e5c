"""Distinct flows per host and window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture.frames import Sent
from capture.lane import SEED, Lane, host
from capture_ext import census, reports
from capture_ext.engine import EngineSizes
from capture_ext.flows import Flows

TICKS = 20
HOST = host("203.0.113.7")


def flow(number: int) -> Sent:
    """Give a packet of a flow to 203.0.113.7."""
    return Sent(source=f"192.0.2.{number % 200}", source_port=1000 + number // 200)


def flows_of(lane: Lane) -> float:
    """Give the flows of 203.0.113.7 in the window."""
    rates = reports.rates(lane.engine, HOST, False)
    return rates[2] if rates else 0.0


@given(st.lists(st.sets(st.integers(0, 9)), min_size=1, max_size=70))
def test_agrees_with_sets(seen: "list[set[int]]") -> None:
    """A flow counts when it did not within the last window: never more than the distinct ones, new ones exactly."""
    lane = Lane()
    counted: dict[int, int] = {}
    counts: list[int] = []
    for tick, flows in enumerate(seen):
        new = [number for number in flows if tick - counted.get(number, -TICKS) >= TICKS]
        counted.update(dict.fromkeys(new, tick))
        counts.append(len(new))
        lane.send([flow(number) for number in flows for _ in range(2)])
        lane.tick()
        assert flows_of(lane) == sum(counts[-TICKS:])
        assert flows_of(lane) <= len(set().union(*seen[max(0, tick - TICKS + 1) : tick + 1]))


def test_lasting_flows_count_once_a_window() -> None:
    """Flows that go on are their number in every window, however long they last."""
    lane = Lane()
    for _ in range(5 * TICKS):
        lane.send([flow(number) for number in range(50)])
        lane.tick()
        assert flows_of(lane) == 50


def test_what_makes_a_flow() -> None:
    """Another source, destination, port or protocol is another flow; the same packet again is not."""
    lane = Lane(count_internal=True)
    first = Sent()
    lane.send([first, first, Sent(source_port=1), Sent(destination_port=1), Sent(protocol=6), Sent(source="192.0.2.9")])
    lane.send([Sent(source="203.0.113.7", destination="192.0.2.1"), Sent(destination="203.0.113.8")])
    lane.tick()
    assert flows_of(lane) == 5
    outgoing = reports.rates(lane.engine, HOST, True)
    neighbour = reports.rates(lane.engine, host("203.0.113.8"), False)
    assert outgoing is not None
    assert neighbour is not None
    assert (outgoing[2], neighbour[2]) == (1, 1)


def test_threshold_on_flows() -> None:
    """A flows threshold is crossed by distinct flows, not by packets, and strictly above it."""
    lane = Lane(incoming=[(2, 100)])
    lane.send([flow(number) for number in range(100)] * 5)
    assert lane.tick() == []
    lane.send([flow(number) for number in range(100, 101)])
    (crossing,) = lane.tick()
    assert (crossing.column, crossing.rate, crossing.threshold) == (2, 101, 100)


@pytest.mark.parametrize(("share", "highest_missed"), [(0.25, 0.001), (0.5, 0.015), (1.0, 0.18)])
def test_a_filling_table_misses_as_said(share: float, highest_missed: float) -> None:
    """Of as many flows as part of the table, the share that is missed stays within what is written."""
    entries = 8192
    lane = Lane(sizes=EngineSizes(flows=entries))
    count = int(entries * share)
    lane.send([flow(number) for number in range(count)])
    lane.tick()
    assert count * (1 - highest_missed) <= flows_of(lane) <= count
    assert census.health(lane.engine).flows_missed == count - flows_of(lane)


def test_a_full_table_never_counts_twice() -> None:
    """Strangers' flows that fill the table do not make lasting flows of another host count again."""
    lane = Lane(sizes=EngineSizes(flows=64))
    lasting = [Sent(destination="203.0.113.9", source_port=number) for number in range(10)]
    for tick in range(3 * TICKS):
        lane.send([*lasting, *(flow(tick * 200 + number) for number in range(200)), *lasting])
        lane.tick()
        rates = reports.rates(lane.engine, host("203.0.113.9"), False)
        assert rates is not None
        assert rates[2] <= 10
    assert census.health(lane.engine).flows_missed > 1000


def test_flows_can_be_off() -> None:
    """Without a table nothing is counted and everything else goes on."""
    lane = Lane(sizes=EngineSizes(flows=0))
    lane.send([flow(number) for number in range(10)])
    lane.tick()
    assert flows_of(lane) == 0
    assert lane.totals()["203.0.113.7"][0].packets[1] == 10


@pytest.mark.parametrize(
    ("limit", "ticks", "seed"), [(-1, 20, SEED), (2**28 + 1, 20, SEED), (8, 0, SEED), (8, 20, b"")]
)
def test_arguments_out_of_range(limit: int, ticks: int, seed: bytes) -> None:
    """Sizes and seeds out of range are refused."""
    with pytest.raises(ValueError, match=r"flows|seed"):
        Flows(limit, ticks, seed)
