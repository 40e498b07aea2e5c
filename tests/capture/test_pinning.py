"""Capture threads on processors of their own."""

import os
import threading

from fnm_guard.capture.model import SourceSpec
from fnm_guard.capture.pinning import cpu_problems, pin

NO_CPU = 4095


def test_a_thread_is_pinned_and_no_other() -> None:
    """The calling thread alone is moved, and stays where it was put."""
    before = os.sched_getaffinity(0)
    cpu = min(before)
    seen: list[set[int]] = []

    def run() -> None:
        pin(cpu)
        seen.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [{cpu}]
    assert os.sched_getaffinity(0) == before


def test_processors_that_do_not_exist_are_named() -> None:
    """Each interface has a line with the ones it cannot have, and those there are."""
    there = sorted(os.sched_getaffinity(0))
    specs = [
        SourceSpec("eth3", threads=2, cpus=(there[0], NO_CPU)),
        SourceSpec("eth4", threads=1, cpus=(there[0],)),
        SourceSpec("eth5"),
    ]
    allowed = ", ".join(map(str, there))
    assert cpu_problems(specs) == [f"capture: eth3: cpus: {NO_CPU} cannot be used; allowed: {allowed}"]
    assert set(there) == os.sched_getaffinity(0), "asking moves nobody"
    assert cpu_problems(specs[1:]) == []
