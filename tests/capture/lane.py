"""An engine that a test drives by hand: packets in, a tick, reports out."""

from collections.abc import Iterable, Sequence

from netaddr import IPAddress, IPNetwork

from capture.frames import Sent
from capture_ext import census, reports
from capture_ext.engine import Engine, EngineSizes
from capture_ext.limits import Limits
from capture_ext.memory import MemoryFrames
from capture_ext.worker import Worker

SECOND = 10**9
TICK = 50 * 10**6
SEED = bytes(range(24))
Checks = Sequence[tuple[int, float]]


def numbers(*networks: str) -> list[tuple[int, int, int]]:
    """Give networks as the engine takes them."""
    return [(net.version, net.first, net.prefixlen) for net in map(IPNetwork, networks)]


def host(text: str) -> reports.Host:
    """Give an address as the engine gives it."""
    address = IPAddress(text)
    return address.version, int(address)


def limits(incoming: Checks = (), outgoing: Checks = (), window: int = SECOND) -> Limits:
    """Give thresholds without groups."""
    return Limits(window, [(incoming, outgoing)], [])


class Lane:
    """One engine with some workers and a clock that stands still between ticks."""

    def __init__(
        self,
        *networks: str,
        incoming: Checks = (),
        outgoing: Checks = (),
        sizes: EngineSizes | None = None,
        workers: int = 1,
        count_internal: bool = False,
        checks: Limits | None = None,
        decapsulate: Sequence[str] = (),
    ) -> None:
        self.engine = Engine(
            numbers(*(networks or ("203.0.113.0/24",))),
            checks or limits(incoming, outgoing),
            SECOND,
            TICK,
            sizes or EngineSizes(),
            SEED,
        )
        self.workers = [self.engine.add_worker(MemoryFrames([]), count_internal, decapsulate) for _ in range(workers)]
        self.now = 1000 * SECOND
        self.engine.begin(self.now)

    def send(self, packets: Iterable[Sent], worker: int = 0, stamp: int = 0) -> None:
        """Count packets, all in the tick under way."""
        self.play(self.workers[worker], [(stamp + number, packet.frame()) for number, packet in enumerate(packets)])

    def play(self, worker: Worker, frames: list[tuple[int, bytes]], stripped_tag: int = 0) -> None:
        """Count frames."""
        worker.source = MemoryFrames(frames, stripped_tag=stripped_tag)
        assert worker.run() == "ended"

    def repeat(self, packet: Sent, count: int, worker: int = 0) -> None:
        """Count one packet many times."""
        source = MemoryFrames([(0, packet.frame())], rounds=count)
        self.workers[worker].source = source
        assert self.workers[worker].run() == "ended"

    def tick(self, length: int = TICK) -> list[reports.CrossingReport]:
        """End the tick; give the crossings."""
        self.now += length
        self.engine.tick(self.now)
        return reports.crossings(self.engine)

    def totals(self) -> dict[str, tuple[census.SideReport, census.SideReport]]:
        """Give the totals of every host that was seen."""
        return {
            str(IPAddress(number, 6 if family == 6 else 4)): (incoming, outgoing)
            for (family, number), incoming, outgoing in census.hosts(self.engine)
        }
