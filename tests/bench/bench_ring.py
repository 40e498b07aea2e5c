"""What a frame of 60 bytes costs the live capture behind an AF_PACKET ring: CPU time of the thread that reads it.

The wire is a veth pair.  `cpu`: the capture is stopped while its ring fills and then goes on, so that it reads as fast
as it can and nothing else is in the figure.  `live_cpu`: the frames arrive at a steady rate while it reads, waking up
is in the figure, and so is what the kernel does in its name.  65,536 hosts, and every packet is a new flow.

`detector_cpu`: what the clock thread uses meanwhile.  It follows the number of hosts with traffic, not that of packets,
and at this rate nearly all of the 65,536 have some.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.blast import build
from bench.figures import Figure, Target
from lab.namespaces import Lab, LabError, Namespace

__all__ = ["FIGURES", "measure"]

FRAMES = 400_000
FILL_PPS = 200_000
LIVE_PPS = 200_000
ROUNDS = 5
TARGETS = {"off": Target(35, at_most=True), "on": Target(60, at_most=True)}
FIGURES = tuple(
    name.format(flows)
    for flows in TARGETS
    for name in ("cpu_ns_per_packet_flows_{}", "live_cpu_ns_per_packet_flows_{}", "detector_cpu_percent_flows_{}")
)
QUIET = "net.ipv6.conf.default.disable_ipv6=1"


@dataclass(frozen=True, slots=True)
class Wire:
    """A capture at one end of a wire, a generator at the other."""

    reader: "subprocess.Popen[str]"
    far: Namespace
    blast: Path

    def state(self, frames: int = 0) -> dict[str, int]:
        """Ask the capture what it has used, once it has counted so many frames, and how many there are."""
        assert self.reader.stdin
        assert self.reader.stdout
        self.reader.stdin.write(f"{frames}\n")
        self.reader.stdin.flush()
        line = self.reader.stdout.readline()
        if not line:
            raise LabError("the capture ended")
        return dict(json.loads(line))

    def send(self, pps: int) -> None:
        """Send FRAMES frames from random sources to random hosts."""
        words = ["--interface", "gen0", "--mac", "02:00:00:00:00:99", "--source", "198.18.0.0/15"]
        words += ["--destination", "10.0.0.0/16", "--length", "60", "--count", str(FRAMES), "--pps", str(pps)]
        self.far.run(self.blast, *words, "--seconds", "60", "--seed", str(time.monotonic_ns() % 2**32), timeout=90)


def measure() -> Iterator[Figure]:
    """Time both ways of reading, flows off and on."""
    with tempfile.TemporaryDirectory() as folder, Lab(Path(folder)) as lab:
        near, far = lab.namespace("near"), lab.namespace("far")
        for namespace in (near, far):
            namespace.run("sysctl", "-qw", QUIET)
        lab.link(near, "cap0", far, "gen0")
        for flows, target in TARGETS.items():
            with _reading(near, far, flows) as wire:
                full = [_cost(wire, _fill) for _ in range(1 + ROUNDS)][1:]
                live = [_cost(wire, _flow) for _ in range(ROUNDS)]
            yield Figure(f"cpu_ns_per_packet_flows_{flows}", "ns", tuple(cost.packet_ns for cost in full), target)
            yield Figure(f"live_cpu_ns_per_packet_flows_{flows}", "ns", tuple(cost.packet_ns for cost in live))
            yield Figure(f"detector_cpu_percent_flows_{flows}", "%", tuple(cost.detector_percent for cost in live))


@contextmanager
def _reading(near: Namespace, far: Namespace, flows: str) -> Iterator[Wire]:
    """Run the capture."""
    command = near.command(sys.executable, Path(__file__).with_name("ring_reader.py"), "cap0", flows)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        yield Wire(reader, far, build())
        assert reader.stdin
        reader.stdin.close()


def _fill(wire: Wire) -> None:
    """Let the frames wait in the ring."""
    wire.reader.send_signal(signal.SIGSTOP)
    try:
        wire.send(FILL_PPS)
    finally:
        wire.reader.send_signal(signal.SIGCONT)


def _flow(wire: Wire) -> None:
    """Let the frames be read as they come."""
    wire.send(LIVE_PPS)


@dataclass(frozen=True, slots=True)
class Cost:
    """What FRAMES frames cost: the reading thread for each, the clock thread of a core while they were sent."""

    packet_ns: float
    detector_percent: float


def _cost(wire: Wire, send: Callable[[Wire], None]) -> Cost:
    """Send frames and give what they cost; a frame that was lost would make the figures a lie."""
    before = wire.state()
    send(wire)
    after = wire.state(before["frames"] + FRAMES)
    used = {key: after[key] - before[key] for key in before}
    if used["frames"] != FRAMES:
        raise LabError(f"{used['frames']} of {FRAMES} frames counted")
    return Cost(used["reading_ns"] / FRAMES, used["ticking_ns"] / (FRAMES / LIVE_PPS * 1e9) * 100)
