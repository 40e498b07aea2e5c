"""`make bench`: run the benchmarks, print a table beside the run before, and store the samples.

    PYTHONPATH=.:tests .venv/bin/python tests/bench/suite.py [NAME...]

A NAME is a benchmark or one of its figures; without one, all are run.  docs/performance.md tells what they mean.
"""

import argparse
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from bench import (
    bench_carpet,
    bench_daemon,
    bench_engine,
    bench_files,
    bench_offloads,
    bench_ring,
    bench_system,
    bench_update,
)
from bench.figures import Figure, conditions, load, save, table
from bench.priority import first_in_line
from lab.namespaces import LabError

RESULT = Path(__file__).resolve().parents[2] / "build" / "bench" / "engine.json"
BUSY_LOAD = 0.5


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark.

    Attributes:
        figures: The names of what it measures.
        needs_root: Whether it builds network namespaces.
    """

    name: str
    figures: tuple[str, ...]
    measure: Callable[[], Iterator[Figure]]
    needs_root: bool

    def is_meant(self, names: list[str]) -> bool:
        """Whether one of `names` is this benchmark or a figure of it."""
        return not names or any(name == self.name or name in self.figures for name in names)


BENCHMARKS = (
    Benchmark("engine", bench_engine.FIGURES, bench_engine.measure, needs_root=False),
    Benchmark("files", bench_files.FIGURES, bench_files.measure, needs_root=False),
    Benchmark("ring", bench_ring.FIGURES, bench_ring.measure, needs_root=True),
    Benchmark("update", bench_update.FIGURES, bench_update.measure, needs_root=True),
    Benchmark("system", bench_system.FIGURES, bench_system.measure, needs_root=True),
    Benchmark("offloads", bench_offloads.FIGURES, bench_offloads.measure, needs_root=True),
    Benchmark("carpet", bench_carpet.FIGURES, bench_carpet.measure, needs_root=True),
    Benchmark("daemon", bench_daemon.FIGURES, bench_daemon.measure, needs_root=True),
)


def main() -> int:
    """Run what was asked for; 1 if something could not be measured, 2 for a name that is none."""
    names = _arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # namespaces go away then too
    chosen = [benchmark for benchmark in BENCHMARKS if benchmark.is_meant(names)]
    before = load(RESULT)
    _say(f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    if os.getloadavg()[0] > BUSY_LOAD * (os.cpu_count() or 1):
        _say("the machine is busy: figures are worse than on a quiet one, and spread more")
    failures = 0
    measured: list[Figure] = []
    for benchmark in chosen:
        figures, failure = _run(benchmark)
        measured += figures
        if failure:
            failures += 1
            _say(f"{benchmark.name}: not measured: {failure}")
    if measured:
        _say("\n" + table(measured, before))
        _say(f"\nsamples: {RESULT}")
    return 1 if failures else 0


def _arguments() -> list[str]:
    known = [name for benchmark in BENCHMARKS for name in (benchmark.name, *benchmark.figures)]
    parser = argparse.ArgumentParser(description="Run the benchmarks of fnm-guard")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(known)}")
    names: list[str] = parser.parse_args().names
    for name in names:
        if name not in known:
            parser.error(f"no benchmark or figure {name!r}; there are: {', '.join(known)}")
    return names


def _run(benchmark: Benchmark) -> tuple[list[Figure], str]:
    """Run one benchmark and store its figures at once; with the reason if it came to nothing or broke off."""
    if benchmark.needs_root and os.geteuid() != 0:
        return [], "needs root: builds network namespaces"
    facts = conditions()
    started = time.monotonic()
    figures: list[Figure] = []
    failure = ""
    try:
        with first_in_line():
            for figure in benchmark.measure():
                figures.append(figure)
                _say(f"  {figure.name}: {figure.median:.4g} {figure.unit}")
    except LabError as error:
        failure = str(error)
    assert failure or tuple(figure.name for figure in figures) == benchmark.figures
    command = f"make bench ONLY={benchmark.name}"
    save(RESULT, figures, command, load(RESULT), {**facts, "load_average_after": conditions()["load_average"]})
    _say(f"{benchmark.name}: {time.monotonic() - started:.0f} s")
    return figures, failure


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 a table on the terminal is what it is run for


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted, everything is removed")
