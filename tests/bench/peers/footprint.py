"""What the sensors take: resident memory with 256 to 1,048,576 hosts, and CPU time when nothing arrives.

Memory is that of the daemon's process with its packet rings, as each ships it, after 600,000 frames: all hosts of 256
and of 65,536 are then active, and of 1,048,576 those 65,536 that send, every sixteenth.  ExaBGP and GoBGP are left out.
Idle CPU is that of all threads, over 2 seconds each, when those frames are gone.
"""

import time
from functools import partial

from bench.meters import process_cpu_ns, resident_mib
from bench.peers.pairs import one_by_one
from bench.peers.result import Ledger
from bench.peers.sensors import Sensor, Setup
from bench.peers.stage import FOREIGN, Load

__all__ = ["NAMES", "measure"]

ROUNDS = 2
FRAMES = 600_000
PPS = 200_000
ACTIVE = 65_536
PREFIXES = {256: "10.0.0.0/24", ACTIVE: "10.0.0.0/16", 1_048_576: "10.0.0.0/12"}
MANY = max(PREFIXES)
IDLE = f"idle_cpu_percent_{MANY}"
NAMES = (*(f"rss_mib_{hosts}" for hosts in PREFIXES), IDLE)
SETTLE_SECONDS = 3.0
IDLE_SAMPLES = 3
IDLE_SECONDS = 2.0


def measure(ledger: Ledger) -> None:
    """Start one after the other with each number of hosts."""
    for hosts, prefix in PREFIXES.items():
        names = [f"rss_mib_{hosts}", *[IDLE] * (hosts == MANY)]
        one_by_one(ledger, names, Setup(prefix), ROUNDS, partial(_read, ledger, hosts))


def _read(ledger: Ledger, hosts: int, sensor: Sensor, number: int) -> None:
    pid = sensor.process.pid
    sensor.stage.send(_load(hosts), seed=number)
    time.sleep(SETTLE_SECONDS)
    ledger.add(f"rss_mib_{hosts}", sensor.name, resident_mib(pid))
    for _ in range(IDLE_SAMPLES if hosts == MANY else 0):
        used, begin = process_cpu_ns(pid), time.monotonic()
        time.sleep(IDLE_SECONDS)
        spent = process_cpu_ns(pid) - used
        ledger.add(IDLE, sensor.name, spent / (time.monotonic() - begin) / 1e9 * 100)


def _load(hosts: int) -> Load:
    if hosts == MANY:
        return Load(FOREIGN, PPS, source=PREFIXES[hosts], sources=ACTIVE, count=FRAMES)
    return Load(PREFIXES[hosts], PPS, count=FRAMES)
