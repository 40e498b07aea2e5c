"""How much of a load is lost that the wire carries and the sensor has to keep up with.

850,000 frames of 60 bytes a second for 8 seconds, 256 hosts, every packet a new flow, flows on: longer than any ring
holds.  Loss is what the sensor's interface received and the sensor did not count.  `arrived_pps`: the rate at which the
frames arrived.  Generator and sensors run before other work: a busy machine would not bring the load about.
"""

import time
from pathlib import Path

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
NICE = -10
LOSS, ARRIVED = "loss_percent_max_load", "arrived_pps_max_load"
NAMES = (LOSS, ARRIVED)


def measure(ledger: Ledger) -> None:
    """Send the load to one after the other."""

    def one(sensor: Sensor, number: int) -> None:
        _put_first(sensor.process.pid)
        before = sensor.counted()
        sent = sensor.stage.send(Load(NETWORK, PPS, seconds=SECONDS, xdp=True), seed=number)
        counted = _settled(sensor) - before
        ledger.add(LOSS, sensor.name, max(0.0, 1 - counted / sent.arrived) * 100)
        ledger.add(ARRIVED, sensor.name, sent.arrived / sent.seconds, "packets/s")

    _put_first("self")
    try:
        in_turns(ledger, NAMES, Setup(NETWORK), ROUNDS, one)
    finally:
        _put_first("self", nice=0)


def _put_first(pid: int | str, nice: int = NICE) -> None:
    """Let the session of a process run before other work, where the kernel shares by session (sched(7), autogroup)."""
    path = Path(f"/proc/{pid}/autogroup")
    if path.exists():
        path.write_text(str(nice))


def _settled(sensor: Sensor) -> int:
    """Give its count when it stands still: what waits in a ring is not lost."""
    counts = [-1, sensor.counted()]

    def stands() -> bool:
        time.sleep(SETTLE_SECONDS)
        counts.append(sensor.counted())
        return counts[-1] == counts[-2]

    until(stands, PATIENCE_SECONDS)
    return counts[-1]
