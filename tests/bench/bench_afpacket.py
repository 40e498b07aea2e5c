"""What a frame costs the capture thread in the packet-socket source alone, without parser and counters.

`full ring`: the frames lie in the ring already; the thread only walks, touches and gives back.  `live`: they arrive
while the thread reads, so waking up is in the figure.  Both by the thread's own CPU clock, so other work on the machine
does not count, though it takes cache.  Prints one JSON object; run as root:

    PYTHONPATH=tests .venv/bin/python tests/bench/bench_afpacket.py [--rounds 5]
"""

import argparse
import contextlib
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.blast import build
from capture_ext.afpacket import AfPacket
from capture_ext.reading import Drained, drain
from lab.namespaces import Lab, Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

RING_FRAMES = {60: 300_000, 1514: 150_000}  # by frame length: what surely fits into the ring
FILL_PPS = 200_000  # slow enough for the receiving side to keep up
FILL_TIMEOUT_MS = 500  # else 64 blocks would be handed over half empty
LIVE_TIMEOUT_MS = 8
LIVE_PPS = 100_000
LIVE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Wire:
    """A veth pair between two namespaces, and the program that floods it."""

    near: Namespace
    far: Namespace
    blast: Path

    def flood(self, *words: str) -> "subprocess.Popen[bytes]":
        """Start to send random packets to random hosts of a /16."""
        arguments = ["--interface", "gen0", "--mac", "02:00:00:00:00:99", "--source", "198.18.0.0/15"]
        command = self.far.command(self.blast, *arguments, "--destination", "10.0.0.0/16", *words)
        return subprocess.Popen(command, stdout=subprocess.DEVNULL)

    @contextlib.contextmanager
    def opened(self, timeout_ms: int) -> "Iterator[AfPacket]":
        """Give an open source with the default ring but for its timeout."""
        source = AfPacket("cap0", timeout_ms=timeout_ms)
        with self.near.entered():
            source.open()
        try:
            yield source
        finally:
            source.close()


@contextlib.contextmanager
def made_wire() -> "Iterator[Wire]":
    """Give a wire that goes away at the end."""
    with tempfile.TemporaryDirectory() as folder, Lab(Path(folder)) as lab:
        near, far = lab.namespace("near"), lab.namespace("far")
        lab.link(near, "cap0", far, "gen0")
        yield Wire(near, far, build())


def from_full_ring(wire: Wire, length: int) -> Drained:
    """Fill the ring, then read it."""
    wanted = RING_FRAMES[length]
    with wire.opened(FILL_TIMEOUT_MS) as source:
        sender = wire.flood("--count", str(wanted), "--pps", str(FILL_PPS), "--length", str(length))
        sender.wait(60)
        return drain(source, wanted, 2 * FILL_TIMEOUT_MS / 1000)


def live(wire: Wire, length: int) -> tuple[Drained, int]:
    """Read while frames arrive; also gives how many the ring dropped."""
    with wire.opened(LIVE_TIMEOUT_MS) as source:
        sender = wire.flood("--pps", str(LIVE_PPS), "--seconds", str(LIVE_SECONDS), "--length", str(length))
        seen = drain(source, int(LIVE_PPS * LIVE_SECONDS), LIVE_SECONDS + 1)
        sender.wait(60)
        return seen, source.statistics().dropped_ring


def spread(figures: list[float]) -> dict[str, float]:
    """Give best, median and worst, rounded."""
    found = {"best": min(figures), "median": statistics.median(figures), "worst": max(figures)}
    return {name: round(figure, 1) for name, figure in found.items()}


def measured(wire: Wire, length: int, rounds: int) -> dict[str, Any]:
    """Measure one frame length."""
    full = [from_full_ring(wire, length) for _ in range(rounds)]
    arriving = [live(wire, length) for _ in range(rounds)]
    return {
        "frame_bytes": length,
        "full_ring": {
            "frames": [seen.frames for seen in full],
            "cpu_ns_per_frame": spread([seen.cpu_ns / seen.frames for seen in full]),
        },
        "live": {
            "pps": LIVE_PPS,
            "frames": [seen.frames for seen, _ in arriving],
            "dropped": [dropped for _, dropped in arriving],
            "cpu_ns_per_frame": spread([seen.cpu_ns / seen.frames for seen, _ in arriving]),
        },
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="CPU time a frame costs in the packet-socket source")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with made_wire() as wire:
        results = [measured(wire, length, rounds) for length in RING_FRAMES]
    report = {"benchmark": "afpacket", "kernel": platform.release(), "machine": platform.machine(), "results": results}
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
