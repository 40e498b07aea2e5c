"""What the whole daemon takes: resident memory with 256 to 1,048,576 hosts, and CPU time when nothing arrives.

The daemon as it is run, with one capture thread, its session to BIRD up.  `rss_idle`: after the start.  `rss`: after
600,000 frames to random hosts, so that all of 256 and of 65,536 are active; of 1,048,576 the frames come from 65,536,
every sixteenth, which touches every page of the counters of one direction.  `rss_..._random`: then as many frames to
hosts at random out of all, in the other direction.  The AF_PACKET ring, 32 MiB, is in every figure.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from announcer.peers import Bird, Neighbour
from bench.blast import build
from bench.figures import Figure, Target
from bench.meters import cpu_ns, resident_mib
from lab import topology
from lab.guard import Guard
from lab.namespaces import Lab, LabError
from lab.settings import LOCAL_AS, PEER_AS, mirror_settings
from lab.watch import until

__all__ = ["FIGURES", "measure"]

FRAMES = 600_000
PPS = 200_000
STARTS = 3
IDLE_SAMPLES = 5
IDLE_SECONDS = 2.0
SETTLE_SECONDS = 2.0
"""Longer than the window: what was counted has left it."""
ACTIVE = 65_536
PREFIXES = {256: "10.0.0.0/24", ACTIVE: "10.0.0.0/16", 1_048_576: "10.0.0.0/12"}
MANY = max(PREFIXES)
FOREIGN = "198.18.0.0/15"
TARGETS = {
    "rss_mib_256": Target(120, at_most=True),
    f"rss_mib_{MANY}": Target(350, at_most=True),
    f"idle_cpu_percent_{MANY}": Target(2, at_most=True),
}
FIGURES = (
    *(f"{name}_{hosts}" for hosts in PREFIXES for name in ("rss_idle_mib", "rss_mib")),
    f"rss_mib_{MANY}_random",
    f"idle_cpu_percent_{MANY}",
)
UNITS = {name: "%" if name.startswith("idle_cpu") else "MiB" for name in FIGURES}


@dataclass(slots=True)
class Samples:
    """What was read so far, by figure."""

    read: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float) -> None:
        """Keep one reading."""
        self.read.setdefault(name, []).append(value)


def measure() -> Iterator[Figure]:
    """Start the daemon several times with each number of hosts and read what it takes."""
    samples = Samples()
    for hosts, prefix in PREFIXES.items():
        for _ in range(STARTS):
            with _running(prefix) as (network, guard):
                _read(samples, network, guard, hosts)
    for name in FIGURES:
        yield Figure(name, UNITS[name], tuple(samples.read[name]), TARGETS.get(name))


@contextmanager
def _running(prefix: str) -> Iterator[tuple[topology.Network, Guard]]:
    """Give a daemon with its session up, which guards `prefix` on an interface that is silent."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fnm-bench-")))
        lab = stack.enter_context(Lab(folder))
        network = topology.build(lab, mirror=False)
        Bird(lab, network.upstream, Neighbour(topology.UPSTREAM, topology.GUARD, PEER_AS, LOCAL_AS)).start()
        guard = Guard(lab, network.guard, mirror_settings(networks=[prefix], never_ban=[]))
        guard.start()
        if not until(lambda: all(peer["state"] == "up" for peer in guard.ask("peers")["peers"]), 20, 0.2):
            raise LabError(f"the BGP session did not come up: {guard.call('peers').stdout}")
        yield network, guard


def _read(samples: Samples, network: topology.Network, guard: Guard, hosts: int) -> None:
    """Read one daemon, first idle, then after traffic."""
    assert guard.process
    pid = guard.process.pid
    time.sleep(SETTLE_SECONDS)
    samples.add(f"rss_idle_mib_{hosts}", resident_mib(pid))
    if hosts == MANY:
        _send(network, "--source", PREFIXES[hosts], "--sources", str(ACTIVE), "--destination", FOREIGN)
    else:
        _send(network, "--source", FOREIGN, "--destination", PREFIXES[hosts])
    samples.add(f"rss_mib_{hosts}", resident_mib(pid))
    if hosts == MANY:
        _send(network, "--source", FOREIGN, "--destination", PREFIXES[hosts])
        samples.add(f"rss_mib_{hosts}_random", resident_mib(pid))
        _read_idle(samples, pid, f"idle_cpu_percent_{hosts}")
    counted = guard.ask("status")["sources"][0]["received"]
    if counted < FRAMES:
        raise LabError(f"{counted} of {FRAMES} frames were seen")


def _read_idle(samples: Samples, pid: int, name: str) -> None:
    """Read what all threads use while nothing arrives."""
    readings = []
    for _ in range(1 + IDLE_SAMPLES):
        readings.append((time.monotonic(), sum(cpu_ns(pid).values())))
        time.sleep(IDLE_SECONDS)
    for (then, before), (now, after) in pairwise(readings):
        samples.add(name, (after - before) / (now - then) / 1e9 * 100)


def _send(network: topology.Network, *ends: str) -> None:
    """Send FRAMES frames to the guard's port, and wait until they have left the window."""
    words = ["--interface", "mir0", "--mac", "02:00:00:00:00:99", *ends, "--count", str(FRAMES), "--pps", str(PPS)]
    network.router.run(build(), *words, "--seconds", "60", timeout=90)
    time.sleep(SETTLE_SECONDS)
