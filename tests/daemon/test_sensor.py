"""One engine after another, and totals that never go back."""

import threading
import time
from typing import TYPE_CHECKING, TypeVar

import pytest
from netaddr import IPNetwork

from capture.frames import Sent
from capture_ext.memory import MemoryFrames
from daemon.house import DEADLINE, HOST, OTHER, frames, until
from fnm_guard.capture import runner
from fnm_guard.capture.live import Capture
from fnm_guard.capture.model import SourceSpec, SourceState
from fnm_guard.capture.sources import BuiltSource
from fnm_guard.core.model import Direction, Thresholds
from fnm_guard.core.policy import DetectionPolicy
from fnm_guard.daemon.sensor import Sensor

if TYPE_CHECKING:
    from collections.abc import Iterator

POLICY = DetectionPolicy(networks=(IPNetwork("203.0.113.0/24"),), incoming=Thresholds(pps=1000))
IN = Direction.INCOMING
Kind = TypeVar("Kind", bound=Capture)


def unstarted(kind: type[Kind], *sources: MemoryFrames, names: str = "abcd", policy: DetectionPolicy = POLICY) -> Kind:
    """Give a capture that reads from memory once it is started."""

    def build(_specs: object) -> list[BuiltSource]:
        return [BuiltSource(source, name, False) for source, name in zip(sources, names, strict=False)]

    return kind(policy, [SourceSpec("memory")], build=build)


def capture(*sources: MemoryFrames, names: str = "abcd", policy: DetectionPolicy = POLICY) -> Capture:
    """Give a running capture that reads from memory, once all frames are counted."""
    made = unstarted(Capture, *sources, names=names, policy=policy)
    made.start()
    until(lambda: all(state.state == "stopped" for state in made.sources()))
    made.settle()
    return made


def handed_over(sensor: Sensor, new: Capture, *watched: tuple[object, Direction]) -> None:
    """Go on with another capture as a reload does."""
    sensor.retire(new)
    sensor.succeed(new, watched, time.monotonic())  # type: ignore[arg-type]  # hosts, as the tests name them


def seen(sensor: Sensor) -> "Iterator[int]":
    """Give all that must only grow."""
    traffic = sensor.traffic()
    for item in traffic.directions.values():
        yield from (item.packets, item.bytes)
    yield traffic.frames
    yield from sensor.received()


def test_totals_go_on_where_the_last_engine_ended() -> None:
    """After a hand-over every total is what it was, and grows with what the new engine counts from then on."""
    sensor = Sensor(capture(frames(300), frames(5, destination="198.51.100.1")))
    before = list(seen(sensor))
    handed_over(sensor, capture(frames(40)))
    assert list(seen(sensor)) == before
    assert sensor.traffic().directions[IN].packets == 300
    sensor.close()


def test_what_both_engines_saw_counts_once() -> None:
    """While both run they see the same packets; the new one's share of that time is taken off."""
    sensor = Sensor(capture(frames(300)))
    new = capture(frames(300))
    handed_over(sensor, new)
    assert sensor.traffic().directions[IN].packets == 300
    assert sensor.sources()[0].received == 300
    sensor.close()


class Noting(Capture):
    """A capture that tells when its counts were taken."""

    noted: threading.Event

    def sources(self) -> list[SourceState]:
        found = super().sources()
        self.noted.set()
        return found


class Late(MemoryFrames):
    """Frames that come when they are let."""

    let: threading.Event

    def open(self) -> None:
        if not self.let.is_set():
            raise OSError("not yet")
        super().open()


class Lingering(MemoryFrames):
    """Frames without end, of a source that others go on receiving beside while it is being closed."""

    successor: Noting
    late: Late

    def close(self) -> None:
        self.successor.noted.wait(DEADLINE)
        self.late.let.set()
        until(lambda: self.successor.sources()[1].state == "stopped")


def test_what_comes_while_the_old_sources_are_closed_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old engine reads no more then: what the new one counts from there on is nobody else's."""
    monkeypatch.setattr(runner, "FIRST_WAIT_SECONDS", 0.05)
    one = [(0, Sent().frame())]
    late, old = Late(one * 40), Lingering(one, rounds=1 << 40)
    late.let = threading.Event()
    new = unstarted(Noting, frames(0), late)
    new.noted = threading.Event()
    old.successor, old.late = new, late
    before = unstarted(Capture, old)
    sensor = Sensor(before)
    sensor.start()
    new.start()
    handed_over(sensor, new)
    new.settle()
    assert sensor.traffic().frames == before.traffic().frames + 40
    assert sensor.traffic().directions[IN].packets == before.traffic().directions[IN].packets + 40
    sensor.close()


def test_a_third_engine_keeps_what_both_before_it_counted() -> None:
    """The account is carried over any number of reloads."""
    sensor = Sensor(capture(frames(300)))
    for _ in range(3):
        handed_over(sensor, capture(frames(0)))
    assert sensor.traffic().directions[IN].packets == 300
    assert sensor.received()[0] == 300
    sensor.close()


def test_a_source_that_is_no_more_stays_in_the_sum() -> None:
    """An interface that left the configuration leaves the list, not the sum of what was received."""
    sensor = Sensor(capture(frames(10), frames(7)))
    handed_over(sensor, capture(frames(0), names="a"))
    assert [(state.interface, state.received) for state in sensor.sources()] == [("a", 10)]
    assert sensor.received()[0] == 17
    handed_over(sensor, capture(frames(0), names="c"))
    assert [(state.interface, state.received) for state in sensor.sources()] == [("c", 0)]
    assert sensor.received()[0] == 17
    sensor.close()


def test_threads_of_one_interface_are_told_apart() -> None:
    """Two threads of one interface keep a count each."""
    sensor = Sensor(capture(frames(10), frames(7), names="aa"))
    handed_over(sensor, capture(frames(0), frames(0), names="aa"))
    assert [state.received for state in sensor.sources()] == [10, 7]
    sensor.close()


def test_a_host_under_attack_stays_watched_with_its_packets() -> None:
    """The new engine gives readings of it; its packets since the crossing go on from where they were."""
    sensor = Sensor(capture(frames(1500)))
    until(lambda: bool(sensor.crossings()))
    (before,) = sensor.readings(time.monotonic())
    handed_over(sensor, capture(frames(0)), (HOST, IN))
    (after,) = sensor.readings(time.monotonic())
    assert (after.host, after.direction, after.packets) == (HOST, IN, before.packets)
    sensor.close()


def test_a_host_that_is_ours_no_more_is_not_watched() -> None:
    """A host outside the new networks gives no reading, and nothing fails."""
    sensor = Sensor(capture(frames(1500)))
    until(lambda: bool(sensor.crossings()))
    elsewhere = DetectionPolicy(networks=(IPNetwork("198.51.100.0/24"),))
    handed_over(sensor, capture(frames(0), policy=elsewhere), (HOST, IN))
    assert sensor.readings(time.monotonic()) == []
    sensor.close()


def test_the_evidence_of_a_running_attack_is_kept() -> None:
    """An audit that was not full at the hand-over is given as it was then, until the host is released."""
    sensor = Sensor(capture(frames(1500)))
    until(lambda: bool(sensor.crossings()))
    before = sensor.audit(HOST, IN)
    assert before.packets
    handed_over(sensor, capture(frames(0)), (HOST, IN))
    assert sensor.audit(HOST, IN) == before
    sensor.release(HOST, IN)
    assert sensor.audit(HOST, IN).packets == ()
    assert sensor.readings(time.monotonic()) == []
    sensor.close()


def test_health_counters_go_on_and_gauges_do_not() -> None:
    """What only grows goes on growing, the latest tick stays the latest; what is in use is the new engine's."""
    policy = DetectionPolicy(networks=(IPNetwork("2001:db8::/32"),), incoming=Thresholds(pps=1000))
    ours6 = frames(3, source="2001:db8:ffff::1", destination="2001:db8::1")
    sensor = Sensor(capture(ours6, policy=policy))
    before = sensor.health()
    assert before.ipv6_entered > 0
    handed_over(sensor, capture(frames(0), policy=policy))
    after = sensor.health()
    assert after.ipv6_entered == before.ipv6_entered
    assert after.lateness_seconds >= before.lateness_seconds
    assert after.windows == 0
    sensor.close()


def test_the_rest_is_the_engines_own() -> None:
    """Rates, top hosts and internal destinations are those of the engine that runs."""
    sensor = Sensor(capture(frames(40), frames(40, source=str(OTHER))))
    assert sensor.rates(HOST).incoming.pps > 0
    assert [item.host for item in sensor.top("packets", IN, 5)] == [HOST]
    handed_over(sensor, capture(frames(0)))
    assert sensor.rates(HOST).incoming.pps == 0
    assert sensor.top("packets", IN, 5) == []
    assert sensor.internal_destinations(3) == []
    sensor.close()
