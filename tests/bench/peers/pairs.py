"""Both sensors on stages of their own, to be measured in turns."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from bench.peers.result import Ledger
from bench.peers.sensors import FastNetMon, FnmGuard, Sensor, Setup
from bench.peers.stage import open_stage
from bench.priority import put_first
from lab.namespaces import LabError

__all__ = ["in_turns", "one_by_one", "running"]

MAKERS = (FnmGuard, FastNetMon)


@contextmanager
def running(make: Callable[..., Sensor], setup: Setup) -> Iterator[Sensor]:
    """Give a sensor that runs on a fresh stage."""
    with open_stage(make.__name__[:2].lower()) as stage:
        sensor = make(stage, setup)
        sensor.start()
        put_first([stage.sensor, stage.upstream])
        yield sensor


def in_turns(
    ledger: Ledger, names: Sequence[str], setup: Setup, rounds: int, measure: Callable[[Sensor, int], None]
) -> None:
    """Keep both running and measure one after the other, so many times; who fails is left out, with the reason."""
    with ExitStack() as stack:
        sensors: list[Sensor] = []
        for make in MAKERS:
            try:
                sensors.append(stack.enter_context(running(make, setup)))
            except LabError as error:
                ledger.fail(names, make.name, str(error))
        for number in range(rounds):
            for sensor in list(sensors):
                try:
                    measure(sensor, number)
                except LabError as error:
                    ledger.fail(names, sensor.name, str(error))
                    sensors.remove(sensor)


def one_by_one(
    ledger: Ledger, names: Sequence[str], setup: Setup, rounds: int, measure: Callable[[Sensor, int], None]
) -> None:
    """Start, measure and stop one after the other, so many times."""
    for number in range(rounds):
        for make in MAKERS:
            try:
                with running(make, setup) as sensor:
                    measure(sensor, number)
            except LabError as error:
                ledger.fail(names, make.name, str(error))
