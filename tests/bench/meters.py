"""What the kernel says a process has used."""

import re
from pathlib import Path

__all__ = ["cpu_ns", "resident_mib"]


def cpu_ns(pid: int | str = "self") -> dict[int, int]:
    """Give the CPU time of every thread of a process, in nanoseconds, by thread id."""
    threads = Path(f"/proc/{pid}/task")
    return {int(path.name): int((path / "schedstat").read_text().split()[0]) for path in threads.iterdir()}


def resident_mib(pid: int) -> float:
    """Give the resident memory of a process, shared pages and ring buffers included."""
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found
    return int(found.group(1)) / 1024
