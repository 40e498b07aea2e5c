"""10,000 hosts attacked at once: when the first and the last of their routes is in BIRD's kernel.

The load of bench_carpet.py: in turns to 10,000 hosts, 20 frames of 60 bytes a second each, five times a threshold of 4,
the same for both; whatever bounds the number of bans is raised.  `carpet_10000_routes`: how many of the 10,000 came
within 60 seconds; without all there is no last one.
"""

import re
import time

from bench.bench_carpet import FIRST as FIRST_HOST
from bench.bench_carpet import HOST_PPS, HOSTS, NETWORK, THRESHOLD
from bench.bench_carpet import LAST as LAST_HOST
from bench.peers.pairs import one_by_one
from bench.peers.result import Ledger
from bench.peers.sensors import Sensor, Setup
from bench.peers.stage import Load
from lab.namespaces import LabError
from lab.watch import RouteWatch, until

__all__ = ["NAMES", "measure"]

VICTIMS = f"{FIRST_HOST}-{LAST_HOST}"
PPS = HOSTS * HOST_PPS
ROUNDS = 2
PATIENCE_SECONDS = 60.0
FIRST, LAST, ROUTES = (f"carpet_{HOSTS}_{what}" for what in ("first_seconds", "last_seconds", "routes"))
NAMES = (FIRST, LAST, ROUTES)


def measure(ledger: Ledger) -> None:
    """Attack all hosts of one, then of the other, each time from a fresh start."""
    setup = Setup(NETWORK, threshold=THRESHOLD, bans=2 * HOSTS)

    def one(sensor: Sensor, _number: int) -> None:
        times = _attack(sensor)
        ledger.add(ROUTES, sensor.name, len(times), "routes")
        if times:
            ledger.add(FIRST, sensor.name, min(times))
        if len(times) < HOSTS:
            raise LabError(f"{len(times)} of {HOSTS} routes in {PATIENCE_SECONDS:g} s")
        ledger.add(LAST, sensor.name, max(times))

    one_by_one(ledger, NAMES, setup, ROUNDS, one)


def _attack(sensor: Sensor) -> list[float]:
    """Give the seconds from the first frame to each host's route."""
    watch = RouteWatch(sensor.stage.upstream)
    flood = sensor.stage.flood(Load(VICTIMS, PPS, seconds=PATIENCE_SECONDS, at_random=False))
    try:
        until(lambda: len(watch.changes) >= HOSTS, PATIENCE_SECONDS, 0.1)
        time.sleep(0.2)
    finally:
        flood.close()
        watch.close()
    seen: dict[str, float] = {}
    for at, line in watch.changes:
        found = re.match(r"blackhole (10\.0\.\S+)", line)
        if found:
            seen.setdefault(found.group(1), at - flood.first_frame)
    return list(seen.values())
