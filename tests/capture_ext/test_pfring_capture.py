"""PF_RING through the whole capture: threads in a cluster, device names, figures, warnings."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import pytest
from netaddr import IPNetwork

from capture.frames import Sent
from fnm_guard.capture.live import Capture
from fnm_guard.capture.model import CaptureError, SourceKind, SourceSpec
from fnm_guard.core.model import Direction, Thresholds
from fnm_guard.core.policy import DetectionPolicy

from .told import Told

DEADLINE = 30.0
COUNT = 1500
POLICY = DetectionPolicy((IPNetwork("203.0.113.0/24"),), incoming=Thresholds(pps=1000))


@pytest.fixture(autouse=True)
def flood(told: Told, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the installed library be ours, and feed it a flood."""
    monkeypatch.setenv("FNM_GUARD_LIBPFRING", library)
    random = Random(20140704)
    told.feed([Sent(source_port=random.randrange(1, 65_536)).frame() for _ in range(COUNT)])


@contextmanager
def running(*specs: SourceSpec) -> Iterator[Capture]:
    """Run a capture of these interfaces."""
    capture = Capture(POLICY, specs)
    capture.start()
    try:
        yield capture
    finally:
        capture.close()


def eventually(claim: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + DEADLINE
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def packets(capture: Capture) -> int:
    """Give what was counted to our hosts."""
    return capture.traffic().directions[Direction.INCOMING].packets


def test_the_threads_of_one_interface_share_it_through_a_cluster(told: Told) -> None:
    """Each frame is counted once, in one of the threads; all are in one cluster, and cross as one."""
    with running(SourceSpec("fnm3", kind=SourceKind.PF_RING, threads=3)) as capture:
        eventually(lambda: packets(capture) == COUNT)
        eventually(lambda: [state.received for state in capture.sources()] == [COUNT // 3] * 3)
        (crossing,) = capture.crossings()
        assert crossing.rate > 1000
    joins = [line for line in told.calls() if line.startswith("set_cluster")]
    assert len(joins) == 3
    assert len(set(joins)) == 1


def test_a_cluster_that_was_given_is_used(told: Told) -> None:
    """Another program may share it; one thread joins it, too."""
    with running(SourceSpec("fnm3", kind=SourceKind.PF_RING, cluster=42)) as capture:
        eventually(lambda: packets(capture) == COUNT)
    assert "set_cluster - 42 0" in told.calls()


def test_device_names_are_handed_over_as_they_are(told: Told) -> None:
    """A driver in front and a queue behind are PF_RING's business."""
    names = ["zc:fnm3@0", "zc:fnm3@1", "fnm4@0,1"]
    with running(*(SourceSpec(name, kind=SourceKind.PF_RING) for name in names)) as capture:
        eventually(lambda: packets(capture) == COUNT * len(names))
        assert [state.description for state in capture.sources()] == [f"pf_ring {name}" for name in names]
    opened = [line.split()[1] for line in told.calls() if line.startswith("open ")]
    assert opened == names


def test_a_zc_device_has_no_cluster(told: Told) -> None:
    """Its threads cannot share it; the line says what to write instead."""
    told.tell(REFUSE="set_cluster")
    with pytest.raises(CaptureError, match=r"use one thread, or name the receive queues, .*: zc:fnm3@0, zc:fnm3@1"):
        Capture(POLICY, [SourceSpec("zc:fnm3", kind=SourceKind.PF_RING, threads=2)]).start()


def test_losses_are_asked_for_while_it_runs(told: Told) -> None:
    """The module's figure is looked at once a second, by a thread that is not the reader's."""
    told.tell(DROP=100)
    with running(SourceSpec("fnm3", kind=SourceKind.PF_RING)) as capture:
        eventually(lambda: capture.sources()[0].dropped_ring == 100)
        eventually(lambda: capture.sources()[0].received == COUNT - 100)
        assert capture.sources()[0].state == "running"


def test_what_does_not_work_and_does_not_have_to_is_a_warning(told: Told) -> None:
    """A device that gives what this machine sends too runs, and says so where its state is shown."""
    told.tell(REFUSE="set_direction")
    with running(SourceSpec("fnm3", kind=SourceKind.PF_RING)) as capture:
        eventually(lambda: packets(capture) == 2 * COUNT)
        text = "pf_ring fnm3: frames that this machine sends are counted too"
        eventually(lambda: capture.sources()[0].warnings == (text,))
        assert (capture.sources()[0].state, capture.sources()[0].failure) == ("running", "")
