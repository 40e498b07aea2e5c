"""What a 60-byte frame costs the whole system: kernel and daemon together.

500,000 frames a second to 256 hosts, flows off.  The interface's receive path runs in a kernel thread of its own
(threaded NAPI), whose CPU time is added to that of all the daemon's threads; what the daemon uses in the same time
without frames is taken off.  The generator's own time is not in it.
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure, Target
from bench.meters import process_cpu_ns
from bench.peers.sensors import FnmGuard, Setup
from bench.peers.stage import Load, Stage, open_stage
from lab.namespaces import LabError

__all__ = ["FIGURES", "measure"]

NETWORK = "10.0.0.0/24"
PPS = 500_000
SECONDS = 4.0
ROUNDS = 4
IDLE_SECONDS = 2.0
SETTLE_SECONDS = 1.0
TARGETS: dict[str, Target | None] = {"af_packet": None, "xdp": Target(300, at_most=True)}
FIGURES = tuple(f"system_cpu_ns_per_packet_{source}" for source in TARGETS)


def measure() -> Iterator[Figure]:
    """Measure one source after the other."""
    for source, target in TARGETS.items():
        with open_stage("sys") as stage:
            sensor = FnmGuard(stage, Setup(NETWORK, flows=False, source=source))
            sensor.start()
            receiver = _receive_in_a_thread(stage)
            costs = [_cost(sensor, receiver, seed) for seed in range(1 + ROUNDS)]
            yield Figure(f"system_cpu_ns_per_packet_{source}", "ns", tuple(costs[1:]), target)


def _receive_in_a_thread(stage: Stage) -> int:
    """Let cap0 receive in a kernel thread, and give its id."""
    before = _receivers()
    stage.sensor.run("sh", "-c", "echo 1 >/sys/class/net/cap0/threaded")
    new = sorted(_receivers() - before)
    if not new:
        raise LabError("no kernel thread receives for cap0")
    return new[0]


def _receivers() -> set[int]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if path.read_text().startswith("napi/cap0"):
                found.add(int(path.parent.name))
    return found


def _cost(sensor: FnmGuard, receiver: int, seed: int) -> float:
    """Send the load and give the nanoseconds a frame."""
    pid = sensor.process.pid
    counted = sensor.counted()
    idle, begin = process_cpu_ns(pid), time.monotonic()
    time.sleep(IDLE_SECONDS)
    idle_share = (process_cpu_ns(pid) - idle) / (time.monotonic() - begin)  # ns a second
    used, received, begin = process_cpu_ns(pid), _thread_ns(receiver), time.monotonic()
    sent = sensor.stage.send(Load(NETWORK, PPS, seconds=SECONDS, xdp=True), seed)
    time.sleep(SETTLE_SECONDS)
    spent = process_cpu_ns(pid) - used - idle_share * (time.monotonic() - begin) + _thread_ns(receiver) - received
    packets = sensor.counted() - counted
    if not packets:
        raise LabError(f"none of {sent.frames} frames was counted")
    return spent / packets


def _thread_ns(pid: int) -> int:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
