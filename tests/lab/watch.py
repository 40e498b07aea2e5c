"""What the lab looks at while it runs: kernel routes, packets that arrive, hosts that answer."""

import re
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.namespaces import Lab, Namespace

__all__ = ["ArrivalWatch", "Pings", "RouteWatch", "until"]


def until(claim: Callable[[], bool], seconds: float, step: float = 0.01) -> bool:
    """Wait until `claim` holds; False if it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > end:
            return False
        time.sleep(step)
    return True


class RouteWatch:
    """Dates the changes of a namespace's kernel routes, as `ip monitor` tells them."""

    def __init__(self, namespace: "Namespace") -> None:
        self.changes: list[tuple[float, str]] = []
        self._namespace = namespace
        self._process = subprocess.Popen(
            ["ip", "-n", namespace.name, "monitor", "route"], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._thread = threading.Thread(target=self._read, name="route-watch")
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._process.terminate()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout
        self._process.stdout.close()

    def wait(self, host: str, *, present: bool, after: float = 0.0, seconds: float = 10.0) -> float | None:
        """Wait until the blackhole route of `host` came (or went) after the wall time `after`, and give when."""
        found: list[float] = []

        def seen() -> bool:
            found.extend(
                at
                for at, line in list(self.changes)
                if at >= after and f"blackhole {host}" in line and line.startswith("Deleted") != present
            )
            return bool(found)

        return found[0] if until(seen, seconds, 0.005) else None

    def blackholes(self) -> set[str]:
        """Give the hosts that the kernel drops now."""
        text = self._namespace.ip("route", "show", "type", "blackhole")
        text += self._namespace.ip("-6", "route", "show", "type", "blackhole")
        return {match.group(1) for match in re.finditer(r"^blackhole ([0-9a-f.:]+)", text, re.MULTILINE)}

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.changes.append((time.time(), line.strip()))


@dataclass(frozen=True, slots=True)
class Arrival:
    """Packets an interface received up to a wall time."""

    at: float
    packets: int


class ArrivalWatch:
    """Samples what one interface of a namespace receives, every 5 ms."""

    def __init__(self, namespace: "Namespace", interface: str) -> None:
        self.samples: list[Arrival] = []
        self._namespace = namespace
        self._interface = interface
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="arrival-watch")
        self._thread.start()

    def close(self) -> None:
        """Stop sampling."""
        self._stopping.set()
        self._thread.join()

    def rate(self, seconds: float) -> float:
        """Give the packets per second over the last `seconds`."""
        samples = list(self.samples)
        last = samples[-1]
        first = next(sample for sample in samples if sample.at >= last.at - seconds)
        return (last.packets - first.packets) / max(last.at - first.at, 1e-3)

    def last_flood(self, pps: float, after: float) -> float | None:
        """Give when the last sample came in which packets arrived at above `pps`, seen after the wall time `after`."""
        samples = [sample for sample in list(self.samples) if sample.at >= after]
        pairs = pairwise(samples)
        flooded = [b.at for a, b in pairs if (b.packets - a.packets) > pps * max(b.at - a.at, 1e-4)]
        return flooded[-1] if flooded else None

    def _sample(self) -> None:
        pattern = re.compile(rf"^\s*{self._interface}:\s*\d+\s+(\d+)", re.MULTILINE)
        with self._namespace.entered():
            table = Path("/proc/thread-self/net/dev")
            while not self._stopping.wait(0.005):
                match = pattern.search(table.read_text())
                if match:
                    self.samples.append(Arrival(time.time(), int(match.group(1))))


class Pings:
    """Pings a host five times a second until closed, and says how many answered."""

    def __init__(self, lab: "Lab", namespace: "Namespace", target: str) -> None:
        self._lab = lab
        self._log = lab.folder / f"ping-{target.replace(':', '_')}.log"
        self._log.unlink(missing_ok=True)
        self._process = lab.start(namespace, "ping", "-n", "-i", "0.2", "-W", "1", target, log=self._log.name)

    def answers(self) -> int:
        """Give how many answers came so far."""
        return self._log.read_text().count("bytes from")

    def close(self) -> None:
        """Stop."""
        self._lab.stop(self._process)
