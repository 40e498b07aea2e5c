"""What a 60-byte frame costs the sensor: CPU time of all its threads while it drains a ring that filled beforehand.

The program is stopped while the frames arrive and then goes on, so that it reads as fast as it can.  What it uses in
the same time without frames is taken off.  256 hosts, every packet a new flow.  tcpdump and a counter over libpcap are
measured in the same rounds: the floor that a user has without any sensor.  `..._65536_hosts`: the same load over 65,536
hosts; what a detector does with so many active hosts in the second after it is in the figure.
"""

import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial

from bench.meters import process_cpu_ns
from bench.peers.floors import CountPcap, Tcpdump
from bench.peers.result import OURS, THEIRS, Ledger
from bench.peers.sensors import FastNetMon, FnmGuard, Sensor, Setup
from bench.peers.stage import Load, Stage, open_stage
from lab.namespaces import LabError
from lab.watch import until

__all__ = ["NAMES", "measure"]

FRAMES = 500_000
FILL_PPS = 800_000
ROUNDS = 5
RING_MIB = 1024
"""So many blocks that the frames fit in however slowly they come: a block is closed after 8 ms, full or not."""
IDLE_SECONDS = 1.0
DRAIN_SECONDS = 60.0
SETTLE_SECONDS = 0.5
RESTING_SHARE = 0.02
"""Of a core, above what it uses without frames."""
NEARLY = 0.95
ATTEMPTS = 4
FEW, MANY = "10.0.0.0/24", "10.0.0.0/16"
CASES = {
    "cpu_ns_per_packet_flows_off": (FEW, False),
    "cpu_ns_per_packet_flows_on": (FEW, True),
    "cpu_ns_per_packet_flows_on_65536_hosts": (MANY, True),
}
FLOOR_CASE = "cpu_ns_per_packet_flows_off"
FLOORS = {floor.name: f"cpu_ns_per_packet_{floor.name}" for floor in (Tcpdump, CountPcap)}
NAMES = (*CASES, *FLOORS.values())


def measure(ledger: Ledger) -> None:
    """Drain full rings, one program after the other, round by round."""
    for name, (network, flows) in CASES.items():
        setup = Setup(network, flows=flows, ring_mib=RING_MIB)
        makers: list[Callable[[Stage], Sensor]] = [partial(FnmGuard, setup=setup), partial(FastNetMon, setup=setup)]
        _measure_case(ledger, name, network, makers + ([Tcpdump, CountPcap] if name == FLOOR_CASE else []))


def _measure_case(ledger: Ledger, name: str, network: str, makers: Sequence[Callable[[Stage], Sensor]]) -> None:
    with ExitStack() as stack:
        sensors: list[Sensor] = []
        for number, make in enumerate(makers):
            sensor = make(stack.enter_context(open_stage(f"c{number}")))
            sensors += _started(ledger, name, sensor)
        for number in range(1 + ROUNDS):
            for sensor in sensors:
                cost = drain(sensor, Load(network, FILL_PPS, count=FRAMES, xdp=True), seed=number)
                if number:  # the first round, in which memory gets its pages, is left out
                    _keep(ledger, name, sensor.name, cost)


def _started(ledger: Ledger, name: str, sensor: Sensor) -> Iterable[Sensor]:
    """Start it; what does not start is told in the ledger."""
    try:
        sensor.start()
    except LabError as error:
        ledger.fail([FLOORS.get(sensor.name, name)], sensor.name, str(error))
        return []
    return [sensor]


def _keep(ledger: Ledger, name: str, side: str, cost: float) -> None:
    """Keep a cost; the floors have names of their own, with both sensors beside them."""
    if side in FLOORS:
        ledger.add(FLOORS[side], side, cost, "ns")
        return
    ledger.add(name, side, cost, "ns")
    if name == FLOOR_CASE and side in {OURS, THEIRS}:
        for floor in FLOORS.values():
            ledger.add(floor, side, cost, "ns")


def drain(sensor: Sensor, load: Load, seed: int) -> float:
    """Fill the ring of a stopped sensor and give the nanoseconds a packet; if it did not hold them, do it again."""
    for _ in range(ATTEMPTS):
        cost = _drain_once(sensor, load, seed)
        if cost is not None:
            return cost
    raise LabError(f"{sensor.name}: in {ATTEMPTS} attempts its ring never held {NEARLY:.0%} of {load.count} frames")


def _drain_once(sensor: Sensor, load: Load, seed: int) -> float | None:
    """Give the cost, or None when too few frames were counted."""
    process = sensor.process
    counted = sensor.counted()
    begin = time.monotonic()
    idle = process_cpu_ns(process.pid)
    time.sleep(IDLE_SECONDS)
    idle_share = (process_cpu_ns(process.pid) - idle) / (time.monotonic() - begin)  # ns a second
    process.send_signal(signal.SIGSTOP)
    try:
        sensor.stage.send(load, seed)
        used, begin = process_cpu_ns(process.pid), time.monotonic()
    finally:
        process.send_signal(signal.SIGCONT)
    _wait_until_idle(process.pid, idle_share)
    spent = process_cpu_ns(process.pid) - used - idle_share * (time.monotonic() - begin)
    packets = sensor.counted() - counted
    return spent / packets if packets >= NEARLY * load.count else None


def _wait_until_idle(pid: int, idle_share: float) -> None:
    """Wait until it uses hardly more than without frames; it is not asked, because answers cost it something too."""
    uses = [process_cpu_ns(pid)]

    def rests() -> bool:
        uses.append(process_cpu_ns(pid))
        return uses[-1] - uses[-2] < (idle_share + RESTING_SHARE * 1e9) * SETTLE_SECONDS

    time.sleep(SETTLE_SECONDS)
    until(rests, DRAIN_SECONDS, SETTLE_SECONDS)
