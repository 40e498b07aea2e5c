"""How fast the engine counts from memory, and what it holds: one JSON object to standard output.

Each case runs in a process of its own: 1,048,576 frames of 60 bytes, 64 apart in memory, so that each is one cache
line out of DRAM; random foreign sources and ports, random hosts of ours, TCP, UDP and ICMP mixed.  A round gives all of
them once and is followed by a tick, as 50 ms of a flood would be; with flows on, by a whole window, so that every
packet is a new flow.  The figures are CPU time of the thread, best of the rounds.

    .venv/bin/python tests/bench/bench_engine.py
"""

import json
import random
import struct
import subprocess
import sys
import time
from pathlib import Path

from capture_ext.engine import Engine, EngineSizes
from capture_ext.limits import Limits
from capture_ext.memory import MemoryFrames

FRAMES = 1 << 20
ROUNDS = 8
SECOND_NS = 10**9
TICK_NS = 50 * 10**6
WINDOW_TICKS = 20
FIRST_ADDRESS = 10 << 24
HOSTS = {256: 24, 65_536: 16, 1_048_576: 12}
UPPER = {6: bytes(8) + b"\x50\x02" + bytes(6), 17: bytes(4), 1: b""}


def make_frames(hosts: int) -> list[tuple[int, bytes]]:
    """Give the frames, dated 1 ns apart."""
    chance = random.Random(1)
    head = bytes(12) + b"\x08\x00"
    frames = []
    for number in range(FRAMES):
        protocol = chance.choice((6, 6, 17, 17, 1))
        source = 0xC0000000 | chance.getrandbits(28)
        ip = struct.pack(
            "!BBHHHBBHII", 0x45, 0, 46, 0, 0, 64, protocol, 0, source, FIRST_ADDRESS + chance.randrange(hosts)
        )
        frames.append((number, (head + ip + chance.randbytes(4) + UPPER[protocol]).ljust(60, b"\0")))
    return frames


def resident_mib() -> float:
    """Give the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def measure(hosts: int, *, flows: bool) -> dict[str, float]:
    """Measure one case."""
    source = MemoryFrames(make_frames(hosts))
    before = resident_mib()
    engine = Engine(
        [(4, FIRST_ADDRESS, 32 - (hosts - 1).bit_length())],
        Limits(SECOND_NS, [([(0, 1e12)], [(0, 1e12)])], []),
        SECOND_NS,
        TICK_NS,
        EngineSizes(flows=1 << 20 if flows else 0),
        bytes(range(24)),
    )
    worker = engine.add_worker(source, count_internal=False)
    now = 0
    engine.begin(now)
    counting, ticking = [], []
    for _ in range(ROUNDS):
        source.open()
        begin = time.thread_time_ns()
        worker.run()
        counting.append(time.thread_time_ns() - begin)
        for tick in range(WINDOW_TICKS + 1 if flows else 1):
            now += TICK_NS
            begin = time.thread_time_ns()
            engine.tick(now)
            if tick == 0:
                ticking.append(time.thread_time_ns() - begin)
    return {
        "packets_per_second": round(FRAMES / min(counting) * 1e9),
        "ns_per_packet": round(min(counting) / FRAMES, 2),
        "ns_per_packet_median": round(sorted(counting)[ROUNDS // 2] / FRAMES, 2),
        "tick_ms": round(min(ticking) / 1e6, 2),
        "resident_mib_of_engine": round(resident_mib() - before, 1),
    }


def main() -> None:
    """Run every case, or the one that is named by two arguments."""
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]), flows=sys.argv[2] == "on")))  # noqa: T201  the result
        return
    cases = {}
    for hosts in HOSTS:
        for flows in ("off", "on"):
            command = [sys.executable, __file__, str(hosts), flows]
            cases[f"{hosts} hosts, flows {flows}"] = json.loads(subprocess.check_output(command))
    print(json.dumps(cases, indent=2))  # noqa: T201  the result


if __name__ == "__main__":
    main()
