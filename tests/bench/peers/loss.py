"""How much of a load is lost that the wire carries and the sensor has to keep up with.

850,000 frames of 60 bytes a second for 8 seconds, 256 hosts, every packet a new flow, flows on: longer than any ring
holds.  Loss is what the sensor's interface received and the sensor did not count.  `arrived_pps`: the rate at which the
frames arrived.
"""

import time

from bench.peers.pairs import in_turns
from bench.peers.result import Ledger
from bench.peers.sensors import Sensor, Setup
from bench.peers.stage import Load
from lab.watch import until

__all__ = ["NAMES", "measure"]

NETWORK = "10.0.0.0/24"
PPS = 850_000
SECONDS = 8.0
ROUNDS = 3
SETTLE_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
LOSS, ARRIVED = "loss_percent_max_load", "arrived_pps_max_load"
NAMES = (LOSS, ARRIVED)


def measure(ledger: Ledger) -> None:
    """Send the load to one after the other."""

    def one(sensor: Sensor, number: int) -> None:
        before = sensor.counted()
        sent = sensor.stage.send(Load(NETWORK, PPS, seconds=SECONDS, xdp=True), seed=number)
        counted = _settled(sensor) - before
        ledger.add(LOSS, sensor.name, max(0.0, 1 - counted / sent.arrived) * 100)
        ledger.add(ARRIVED, sensor.name, sent.arrived / sent.seconds, "packets/s")

    in_turns(ledger, NAMES, Setup(NETWORK), ROUNDS, one)


def _settled(sensor: Sensor) -> int:
    """Give its count when it stands still: what waits in a ring is not lost."""
    counts = [-1, sensor.counted()]

    def stands() -> bool:
        time.sleep(SETTLE_SECONDS)
        counts.append(sensor.counted())
        return counts[-1] == counts[-2]

    until(stands, PATIENCE_SECONDS)
    return counts[-1]
