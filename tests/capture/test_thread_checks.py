"""What `check` says of threads."""

import os
from pathlib import Path

import pytest

from capture_ext.engine import Engine, EngineSizes
from capture_ext.limits import Limits
from capture_ext.memory import MemoryFrames
from fnm_guard.capture.model import SourceKind, SourceSpec
from fnm_guard.capture.thread_checks import THREADS_LIMIT, ring_mebibytes, thread_problems, thread_warnings

GIBIBYTE = 1 << 30


def spec(interface: str = "eth3", threads: int = 1, fanout: str = "queue", mebibytes: int = 32) -> SourceSpec:
    """Describe an AF_PACKET source."""
    return SourceSpec(interface, kind=SourceKind.AF_PACKET, threads=threads, fanout=fanout, ring_bytes=mebibytes << 20)


def test_threads_of_all_interfaces_have_one_limit() -> None:
    """It is that of the engine, so that `check` says what the start would."""
    assert thread_problems([spec("eth3", 32), spec("eth4", 32)]) == []
    assert thread_problems([spec("eth3", 32), spec("eth4", 33)]) == [
        "capture: 65 threads of all interfaces together; allowed: 64"
    ]
    engine = Engine([(4, 3405803776, 30)], Limits(10**9, [((), ())], []), 10**9, 10**8, EngineSizes(), bytes(24))
    for _ in range(THREADS_LIMIT):
        engine.add_worker(MemoryFrames([]), False)
    with pytest.raises(ValueError, match=f"more than {THREADS_LIMIT} capture threads"):
        engine.add_worker(MemoryFrames([]), False)


def test_a_processor_that_is_not_there_is_a_problem() -> None:
    """It is found before the daemon starts."""
    (line,) = thread_problems([SourceSpec("eth3", cpus=(4095,))])
    assert line.startswith("capture: eth3: cpus: 4095 cannot be used")


def test_every_thread_has_a_ring() -> None:
    """Interfaces times threads times `ring_mib`; PF_RING's memory is its module's."""
    ring = SourceSpec("eth5", kind=SourceKind.PF_RING, threads=4)
    assert ring_mebibytes([spec("eth3", 2), spec("eth4", 4, mebibytes=16), ring]) == 128


def test_rings_that_take_much_of_the_machine() -> None:
    """A quarter of the memory is much, because nothing can swap it out."""
    assert thread_warnings([spec(threads=8)], GIBIBYTE) == []
    assert thread_warnings([spec(threads=9)], GIBIBYTE) == [
        "capture: the rings take 288 MiB of this machine's 1024 MiB: lower ring_mib, or fewer threads"
    ]
    own = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    (line,) = thread_warnings([spec(threads=64, mebibytes=own // 64)])
    assert f"of this machine's {own} MiB" in line


@pytest.mark.parametrize(
    ("queues", "threads", "fanout", "said"),
    [
        (1, 2, "queue", "one receive queue for 2 threads, so that some have nothing to do"),
        (2, 4, "queue", "2 receive queues for 4 threads, so that some have nothing to do"),
        (1, 2, "hash", ""),
        (2, 2, "queue", ""),
        (1, 1, "queue", ""),
        (0, 2, "queue", ""),
    ],
)
def test_threads_without_a_queue(tmp_path: Path, queues: int, threads: int, fanout: str, said: str) -> None:
    """More threads than receive queues are told, with what to do; not where frames are shared out otherwise."""
    for number in range(queues):
        (tmp_path / "eth3" / "queues" / f"rx-{number}").mkdir(parents=True)
    (tmp_path / "eth3" / "queues" / "tx-0").mkdir(parents=True, exist_ok=True)
    lines = thread_warnings([spec(threads=threads, fanout=fanout)], GIBIBYTE, tmp_path)
    remedy = f": ethtool -L eth3 combined {threads}, or fanout: hash"
    assert lines == ([f"eth3: {said}{remedy}"] if said else [])
