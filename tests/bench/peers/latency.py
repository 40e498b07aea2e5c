"""How long it takes from the first frame of an attack to the UPDATE at BIRD.

The threshold is 20,000 packets/s for both, all else as each ships it: windows and ticks here, an average over 5 seconds
that is made every second there.  Every attack takes another host and begins at a random phase.
"""

import random
import time
from collections.abc import Iterator

from bench.peers.pairs import in_turns
from bench.peers.result import Ledger
from bench.peers.sensors import Sensor, Setup
from bench.peers.stage import Load
from lab.bgp import BgpTap
from lab.namespaces import LabError

__all__ = ["NAMES", "measure"]

NETWORK = "10.0.0.0/24"
THRESHOLD = 20_000
ROUNDS = 6
TIMES = {5.0: 2, 2.0: 1, 1.25: 1}
"""Attack rate in thresholds, and attacks of that kind in a round."""
PATIENCE_SECONDS = 25.0
QUIET_SECONDS = 1.2
NAMES = tuple(f"update_seconds_{times:g}x" for times in TIMES)


def measure(ledger: Ledger) -> None:
    """Attack the hosts of one and of the other in turns."""
    victims = {name: _hosts() for name in ("ours", "fastnetmon")}

    def one(sensor: Sensor, _number: int) -> None:
        tap = BgpTap(sensor.stage.upstream, "grd0")
        try:
            for name, (times, count) in zip(NAMES, TIMES.items(), strict=True):
                for _ in range(count):
                    ledger.add(name, sensor.name, _attack(sensor, tap, next(victims[sensor.name]), times))
        finally:
            tap.close()

    in_turns(ledger, NAMES, Setup(NETWORK, threshold=THRESHOLD), ROUNDS, one)


def _hosts() -> Iterator[str]:
    return (f"10.0.0.{number}" for number in range(1, 255))


def _attack(sensor: Sensor, tap: BgpTap, host: str, times: float) -> float:
    """Flood a host until its UPDATE, and give the seconds."""
    time.sleep(QUIET_SECONDS + random.random())
    flood = sensor.stage.flood(Load(host, int(THRESHOLD * times), seconds=PATIENCE_SECONDS))
    try:
        update = tap.wait(host, announced=True, after=flood.first_frame, seconds=PATIENCE_SECONDS)
    finally:
        flood.close()
    if update is None:
        raise LabError(f"no UPDATE for {host} in {PATIENCE_SECONDS:g} s at {times:g} times the threshold")
    return update.at - float(flood.first_frame)
