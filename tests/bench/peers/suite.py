"""`make bench-peers`: measure FastNetMon and the code at hand side by side, on the same load, in one run.

    PYTHONPATH=.:tests .venv/bin/python tests/bench/peers/suite.py [NAME...]

A NAME is a part or one of its figures; without one, all are run.  docs/performance.md tells what they mean.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.figures import conditions
from bench.peers import carpet, cost, footprint, latency, loss
from bench.peers.result import Ledger, save, table
from bench.priority import first_in_line
from lab.namespaces import LabError

RESULT = Path(__file__).resolve().parents[3] / "build" / "bench" / "peers.json"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the suite, and the names of what it measures."""

    name: str
    names: tuple[str, ...]
    measure: Callable[[Ledger], None]

    def is_meant(self, names: list[str]) -> bool:
        """Whether one of `names` is this part or a figure of it."""
        return not names or any(name == self.name or name in self.names for name in names)


PARTS = (
    Part("cost", cost.NAMES, cost.measure),
    Part("loss", loss.NAMES, loss.measure),
    Part("latency", latency.NAMES, latency.measure),
    Part("footprint", footprint.NAMES, footprint.measure),
    Part("carpet", carpet.NAMES, carpet.measure),
)


def main() -> int:
    """Run what was asked for; 1 if something broke off."""
    names = _arguments()
    if os.geteuid() != 0:
        _say("needs root: builds network namespaces, and runs FastNetMon in them")
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # namespaces go away then too
    _say(f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    failures = [failure for part in PARTS if part.is_meant(names) for failure in _run(part)]
    for failure in failures:
        _say(failure)
    _say(f"samples: {RESULT}")
    return 1 if failures else 0


def _arguments() -> list[str]:
    known = [name for part in PARTS for name in (part.name, *part.names)]
    parser = argparse.ArgumentParser(description="Measure fnm-guard and FastNetMon side by side")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(known)}")
    names: list[str] = parser.parse_args().names
    for name in names:
        if name not in known:
            parser.error(f"no part or figure {name!r}; there are: {', '.join(known)}")
    return names


def _run(part: Part) -> list[str]:
    """Run one part, store what it gave at once, and give what went wrong."""
    facts = conditions()
    started = time.monotonic()
    ledger = Ledger()
    failures = []
    try:
        with first_in_line():
            part.measure(ledger)
    except LabError as error:
        failures.append(f"{part.name}: broke off: {error}")
    comparisons = ledger.comparisons()
    facts |= {"load_average_after": conditions()["load_average"]}
    save(RESULT, comparisons, f"make bench-peers ONLY={part.name}", facts)
    _say(table(comparisons))
    _say(f"{part.name}: {time.monotonic() - started:.0f} s\n")
    return failures


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 a table on the terminal is what it is run for


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted, everything is removed")
