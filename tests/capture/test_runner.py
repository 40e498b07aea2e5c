"""A source's thread: it outlives every fault, and runs where it was told to."""

import os

import pytest
import structlog
from netaddr import IPNetwork

from capture.frames import Sent
from capture.waiting import eventually
from capture_ext.memory import MemoryFrames
from capture_ext.source import SourceStatistics
from fnm_guard.capture import live, runner
from fnm_guard.capture.live import Capture
from fnm_guard.capture.model import CaptureError, SourceSpec
from fnm_guard.capture.sources import BuiltSource
from fnm_guard.core.policy import DetectionPolicy

POLICY = DetectionPolicy(networks=(IPNetwork("203.0.113.0/24"),))
FRAMES = [(number, Sent().frame()) for number in range(10)]


class Faulty(MemoryFrames):
    """A source with a fault of ours in it, for as long as a test wants."""

    faults: tuple[str, ...] = ()
    opened = 0

    def open(self) -> None:
        """Count, and fail."""
        self.opened += 1
        if "open" in self.faults:
            raise RuntimeError("a fault in open")
        super().open()

    def statistics(self) -> SourceStatistics:
        """Fail, or give the counts."""
        if "statistics" in self.faults:
            raise KeyError("a fault in statistics")
        return super().statistics()


def captured(*built: BuiltSource) -> Capture:
    """Give a capture of these sources."""
    return Capture(POLICY, [SourceSpec(one.interface) for one in built], build=lambda _: list(built))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody wait long for the next attempt or look."""
    monkeypatch.setattr(runner, "FIRST_WAIT_SECONDS", 0.02)
    monkeypatch.setattr(runner, "LONGEST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(live, "_LOOK_SECONDS", 0.02)


@pytest.mark.usefixtures("hasty")
def test_a_fault_does_not_end_the_thread() -> None:
    """A source that raises what nobody foresaw is failed with the fault, tried again, and reads on when it can."""
    source = Faulty(FRAMES, failure="the cable is out")
    source.faults = ("open",)
    capture = captured(BuiltSource(source, "eth3", False), BuiltSource(MemoryFrames(FRAMES), "eth4", False))
    capture.start()
    try:
        eventually(lambda: source.opened > 3)
        assert capture.sources()[0].state == "failed"
        assert "a fault in open" in capture.sources()[0].failure
        source.faults = ()
        eventually(lambda: capture.sources()[0].received >= 10)
        source.faults = ("open", "statistics")
        opened = source.opened
        eventually(lambda: source.opened > opened + 2)
        source.faults = ()
        received = capture.sources()[0].received
        eventually(lambda: capture.sources()[0].received > received)
    finally:
        capture.close()
    assert [state.state for state in capture.sources()] == ["stopped", "stopped"]


@pytest.mark.usefixtures("hasty")
def test_a_source_that_cannot_be_looked_at_hides_no_other() -> None:
    """A fault while counts are asked for is logged, and the next source is asked all the same."""
    faulty, sound = Faulty(FRAMES, rounds=10**9), MemoryFrames(FRAMES, rounds=10**9)
    faulty.faults = ("statistics",)
    capture = captured(BuiltSource(faulty, "eth3", False), BuiltSource(sound, "eth4", False))
    with structlog.testing.capture_logs() as lines:
        capture.start()
        try:
            eventually(lambda: capture.sources()[1].received > 0)
            eventually(lambda: "look at a source failed" in [line["event"] for line in lines])
            faulty.faults = ()
            eventually(lambda: capture.sources()[0].received > 0)
        finally:
            capture.close()


@pytest.mark.usefixtures("hasty")
def test_an_outage_of_two_threads_is_one_line() -> None:
    """However often both try to open it again, an interface that is gone is told of once."""
    sources = [Faulty(FRAMES, failure="the cable is out") for _ in range(2)]
    for source in sources:
        source.faults = ("open",)
    idle = BuiltSource(MemoryFrames([]), "eth4", False)
    capture = captured(*(BuiltSource(source, "eth3", False) for source in sources), idle)
    with structlog.testing.capture_logs() as lines:
        capture.start()
        try:
            eventually(lambda: min(source.opened for source in sources) > 3)
        finally:
            capture.close()
    assert len([line for line in lines if line["event"] == "source failed"]) == 1


def test_a_thread_runs_on_its_processor() -> None:
    """The thread of a source is pinned, whatever the source; those without a processor are not."""
    before = os.sched_getaffinity(0)
    cpu = max(before)
    sources = [MemoryFrames(FRAMES, rounds=10**9) for _ in range(2)]
    capture = captured(BuiltSource(sources[0], "eth3", False, cpu=cpu), BuiltSource(sources[1], "eth4", False))
    capture.start()
    try:
        pinned, free = (runner.thread.native_id or 0 for runner in capture._runners)
        eventually(lambda: os.sched_getaffinity(pinned) == {cpu})
        assert os.sched_getaffinity(free) == before
    finally:
        capture.close()


def test_a_processor_that_does_not_exist_stops_the_start() -> None:
    """Nothing is opened when a thread cannot be put where it should be."""
    capture = Capture(POLICY, [SourceSpec("eth3", cpus=(4095,))], build=lambda _: pytest.fail("sources were built"))
    with pytest.raises(CaptureError, match=r"capture: eth3: cpus: 4095 cannot be used; allowed: 0"):
        capture.start()


def test_a_processor_that_went_away_is_told() -> None:
    """One that was there when the capture started costs the pinning, not the source."""
    source = BuiltSource(MemoryFrames(FRAMES), "eth3", False, cpu=4095)
    capture = captured(source)
    with structlog.testing.capture_logs() as lines:
        capture.start()
        try:
            eventually(lambda: capture.traffic().frames == 10)
        finally:
            capture.close()
    assert [line["cpu"] for line in lines if line["event"] == "thread not pinned"] == [4095]


class Losing(MemoryFrames):
    """A source that has lost some of each kind."""

    def statistics(self) -> SourceStatistics:
        """Give the counts."""
        return super().statistics()._replace(dropped_ring=1, dropped_interface=5, dropped_kernel=7)


def test_what_an_interface_lost_counts_once() -> None:
    """Every thread has its own ring; the interface is that of all, and its losses are not multiplied by them."""
    capture = captured(*(BuiltSource(Losing(FRAMES), "eth3", False, thread=number) for number in range(3)))
    capture.start()
    eventually(lambda: {state.state for state in capture.sources()} == {"stopped"})
    capture.close()
    found = [(state.dropped_ring, state.dropped_interface, state.dropped_kernel) for state in capture.sources()]
    assert found == [(1, 5, 7), (1, 0, 0), (1, 0, 0)]


def test_what_runs_is_logged() -> None:
    """The log has one line for each interface that is open, however many threads read it."""
    facts = {"backend": "memory", "interface": "eth3", "threads": 2}
    built = [BuiltSource(MemoryFrames(FRAMES), "eth3", False, facts=facts) for _ in range(2)]
    failing = Faulty(FRAMES)
    failing.faults = ("open",)
    capture = captured(*built, BuiltSource(failing, "eth4", False, facts={"interface": "eth4"}))
    with structlog.testing.capture_logs() as lines:
        capture.start()
        capture.close()
    assert [line for line in lines if line["event"] == "source runs"] == [
        {"event": "source runs", "log_level": "info", **facts}
    ]
