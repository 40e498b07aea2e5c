"""Processors for capture threads.

Whether one can be used is found out by trying: it may be off line, outside the cpuset of the service, or not exist.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fnm_guard.capture.model import SourceSpec

__all__ = ["cpu_problems", "pin"]


def pin(cpu: int) -> None:
    """Let the calling thread run on one processor alone.

    Raises:
        OSError: If there is no such processor, or this process may not use it.
    """
    os.sched_setaffinity(0, {cpu})  # 0 is the calling thread, not the process: sched_setaffinity(2)


def cpu_problems(specs: "Sequence[SourceSpec]") -> list[str]:
    """Say which processors threads are to be pinned to and cannot, a line an interface."""
    wanted = {cpu for spec in specs for cpu in spec.cpus}
    if not wanted:
        return []
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="processors") as threads:  # which loses its own
        unusable, there = threads.submit(_tried, sorted(wanted)).result()
    lines = []
    for spec in specs:
        found = [str(cpu) for cpu in spec.cpus if cpu in unusable]
        if found:
            lines.append(f"capture: {spec.interface}: cpus: {', '.join(found)} cannot be used; allowed: {there}")
    return lines


def _tried(cpus: "Iterable[int]") -> tuple[set[int], str]:
    """Give those that this thread cannot be moved to, and in words where it may run."""
    there = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
    unusable = set()
    for cpu in cpus:
        try:
            pin(cpu)
        except OSError:
            unusable.add(cpu)
    return unusable, there
