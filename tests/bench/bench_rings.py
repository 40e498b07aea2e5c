"""What the settings of a packet socket cost: block size, block timeout, and what threads share frames out by.

`rings`: the capture thread's own CPU time for each frame while frames arrive, and what its ring dropped.  `fanout`: the
CPU time of sender and kernel together for each frame, sent as fast as it goes, because over a veth the sender's
system calls carry the frame into the ring; what the threads use is beside it.  All combinations of a round run one
after the other, so that a change of the machine's load meets all of them.  Prints one JSON object; run as root:

    PYTHONPATH=tests .venv/bin/python tests/bench/bench_rings.py [--rounds 3]
"""

import argparse
import contextlib
import json
import platform
import resource
import sys
import threading
from typing import TYPE_CHECKING, Any

from bench.bench_afpacket import Wire, made_wire, spread
from capture_ext.afpacket import AfPacket
from capture_ext.reading import Drained, drain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RING_BYTES = 64 << 20
RINGS = [(64 << 10, 8), (256 << 10, 8), (1 << 20, 4), (1 << 20, 8), (1 << 20, 16), (4 << 20, 8)]
LIVE_PPS = 100_000
LIVE_SECONDS = 2.0
FANOUTS = [("alone", 1), ("queue", 2), ("cpu", 2), ("hash", 2)]
FLOOD_FRAMES = 300_000
FLOOD_PPS = 5_000_000  # more than a socket can send: as fast as it goes
FANOUT_GROUP = 4711
SLICE_SECONDS = 0.3


@contextlib.contextmanager
def opened(wire: Wire, sources: "Sequence[AfPacket]") -> "Iterator[None]":
    """Open sources at the near end; close them at the end."""
    try:
        with wire.near.entered():
            for source in sources:
                source.open()
        yield
    finally:
        for source in sources:
            source.close()


def live(wire: Wire, block_bytes: int, timeout_ms: int) -> tuple[float, int]:
    """Read while frames arrive: CPU time for each, and how many the ring dropped."""
    source = AfPacket("cap0", block_bytes=block_bytes, blocks=RING_BYTES // block_bytes, timeout_ms=timeout_ms)
    with opened(wire, [source]):
        sender = wire.flood("--pps", str(LIVE_PPS), "--seconds", str(LIVE_SECONDS))
        seen = drain(source, int(LIVE_PPS * LIVE_SECONDS), LIVE_SECONDS + 1)
        sender.wait(60)
        return seen.cpu_ns / seen.frames, source.statistics().dropped_ring


def shared(wire: Wire, mode: str, threads: int) -> tuple[float, float, list[int]]:
    """Flood threads of a group: CPU time for each frame of sender and kernel, of the threads, and each one's share."""
    group = {"fanout_group": FANOUT_GROUP, "fanout_mode": mode} if threads > 1 else {}
    sources = [AfPacket("cap0", **group) for _ in range(threads)]  # type: ignore[arg-type]  # two kinds of values
    is_over = threading.Event()
    seen: list[Drained] = []

    def read(source: AfPacket) -> None:
        while not is_over.is_set():
            seen.append(drain(source, FLOOD_FRAMES, SLICE_SECONDS))
        seen.append(drain(source, FLOOD_FRAMES, SLICE_SECONDS))

    readers = [threading.Thread(target=read, args=(source,)) for source in sources]
    with opened(wire, sources):
        before = _children()
        for reader in readers:
            reader.start()
        wire.flood("--count", str(FLOOD_FRAMES), "--pps", str(FLOOD_PPS), "--seconds", "60").wait(90)
        used = _children() - before
        is_over.set()
        for reader in readers:
            reader.join()
        shares = [source.statistics().received for source in sources]
    return used / FLOOD_FRAMES, sum(one.cpu_ns for one in seen) / sum(shares), shares


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1e9


def measured(wire: Wire, rounds: int) -> dict[str, Any]:
    """Measure all combinations, `rounds` times."""
    rings: dict[tuple[int, int], list[tuple[float, int]]] = {ring: [] for ring in RINGS}
    fanouts: dict[tuple[str, int], list[tuple[float, float, list[int]]]] = {fanout: [] for fanout in FANOUTS}
    for _ in range(rounds):
        for ring, of_ring in rings.items():
            of_ring.append(live(wire, *ring))
        for fanout, of_fanout in fanouts.items():
            of_fanout.append(shared(wire, *fanout))
    return {
        "rings": [
            {
                "block_bytes": block_bytes,
                "timeout_ms": timeout_ms,
                "cpu_ns_per_frame": spread([cost for cost, _ in found]),
                "dropped": [dropped for _, dropped in found],
            }
            for (block_bytes, timeout_ms), found in rings.items()
        ],
        "fanout": [
            {
                "mode": mode,
                "threads": threads,
                "sending_ns_per_frame": spread([sending for sending, _, _ in found]),
                "threads_ns_per_frame": spread([reading for _, reading, _ in found]),
                "shares": [shares for _, _, shares in found],
            }
            for (mode, threads), found in fanouts.items()
        ],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="what the settings of a packet socket cost")
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with made_wire() as wire:
        found = measured(wire, rounds)
    report = {"benchmark": "rings", "kernel": platform.release(), "machine": platform.machine(), "pps": LIVE_PPS}
    sys.stdout.write(json.dumps(report | found, indent=2) + "\n")


if __name__ == "__main__":
    main()
