"""What can be said of capture threads before they are started: their number, their processors, their memory."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fnm_guard.capture.choose import choose
from fnm_guard.capture.model import SourceKind
from fnm_guard.capture.pinning import cpu_problems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fnm_guard.capture.model import SourceSpec

__all__ = ["ring_mebibytes", "thread_problems", "thread_warnings"]

THREADS_LIMIT = 64
"""What the engine takes: detector.pxd, WORKERS_LIMIT."""

_MUCH = 4  # of the machine's memory: a quarter
_INTERFACES = Path("/sys/class/net")


def thread_problems(specs: "Sequence[SourceSpec]") -> list[str]:
    """Say why the threads cannot be had: there are too many, or a processor is missing."""
    threads = sum(spec.threads for spec in specs)
    lines = cpu_problems(specs)
    if threads > THREADS_LIMIT:
        lines.append(f"capture: {threads} threads of all interfaces together; allowed: {THREADS_LIMIT}")
    return lines


def ring_mebibytes(specs: "Sequence[SourceSpec]") -> int:
    """Give the memory of all AF_PACKET rings, each thread's added."""
    return sum(spec.ring_bytes * spec.threads for spec in specs if _is_af_packet(spec)) >> 20


def thread_warnings(
    specs: "Sequence[SourceSpec]", memory_bytes: int | None = None, interfaces: Path = _INTERFACES
) -> list[str]:
    """Say where threads cost much, or have nothing to do.

    Args:
        specs: The sources.
        memory_bytes: What the machine has; None: as it says itself.
        interfaces: Where the kernel shows its interfaces, those of this network namespace.
    """
    lines = []
    have = (memory_bytes or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) >> 20
    rings = ring_mebibytes(specs)
    if rings * _MUCH > have:
        text = f"capture: the rings take {rings} MiB of this machine's {have} MiB"
        lines.append(f"{text}: lower ring_mib, or fewer threads")
    for spec in specs:
        queues = len(list((interfaces / spec.interface / "queues").glob("rx-*")))
        if spec.fanout == "queue" and 0 < queues < spec.threads and _is_af_packet(spec):
            few = "one receive queue" if queues == 1 else f"{queues} receive queues"
            text = f"{spec.interface}: {few} for {spec.threads} threads, so that some have nothing to do"
            lines.append(f"{text}: ethtool -L {spec.interface} combined {spec.threads}, or fanout: hash")
    return lines


def _is_af_packet(spec: "SourceSpec") -> bool:
    return choose(spec.kind).kind is SourceKind.AF_PACKET
