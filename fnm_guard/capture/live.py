"""The live capture: sources, their threads, the clock thread, and the engine they share.

Threads.
* One for each source (runner.py), without the GIL while it reads.
* The clock: ends a tick every 50 ms without the GIL, and writes to `fd` when crossings or full audits wait.
* A watching one: asks the sources for their counts once a second, which is also how they notice that an interface was
  renamed.
* The caller's, an event loop: everything else.  It never waits for a source.
"""

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

import structlog

from fnm_guard.capture.model import AuditSpec, CaptureError, DirectionTotals, Traffic
from fnm_guard.capture.outages import Outages
from fnm_guard.capture.overlap import cleared, without
from fnm_guard.capture.pinning import cpu_problems
from fnm_guard.capture.reader import Reader
from fnm_guard.capture.runner import SourceRunner
from fnm_guard.capture.sources import build_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fnm_guard.capture.model import SourceSpec, SourceState
    from fnm_guard.capture.sources import BuiltSource
    from fnm_guard.core.model import Crossing
    from fnm_guard.core.policy import DetectionPolicy

__all__ = ["Capture"]

_LOOK_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class Capture(Reader):
    """Counts what arrives on interfaces.

    Args:
        policy: Networks and thresholds.
        sources: The interfaces.
        audit: What is kept of an attack; None: the defaults.
        build: Makes the sources of all threads.

    Raises:
        ValueError: If the policy asks for more than the engine can hold.
    """

    def __init__(
        self,
        policy: "DetectionPolicy",
        sources: "Sequence[SourceSpec]",
        audit: AuditSpec | None = None,
        build: "Callable[[Sequence[SourceSpec]], list[BuiltSource]]" = build_sources,
    ) -> None:
        super().__init__(policy, audit or AuditSpec())
        self._specs = tuple(sources)
        self._build = build
        self._runners: list[SourceRunner] = []
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()
        self._fd = -1

    def start(self) -> None:
        """Open the sources in the network namespace of this thread, and start the threads.

        A source that cannot be opened is tried again and again, like one that fails later, as long as one opens.

        Raises:
            CaptureError: If none can be opened, or a thread cannot be pinned as it should be.
        """
        if problems := cpu_problems(self._specs):
            raise CaptureError("; ".join(problems))
        built: list[BuiltSource] = []
        try:
            built = self._build(self._specs)
            workers = [one.join(self._engine) for one in built]
            failures = _open(built)
        except (OSError, ValueError, CaptureError) as error:
            for one in built:
                one.source.close()
            raise CaptureError(str(error)) from error
        outages = _outages(built)
        self._runners = [
            SourceRunner(one, worker, failure, outages[one.interface])
            for one, worker, failure in zip(built, workers, failures, strict=True)
        ]
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._threads = [
            threading.Thread(target=self._engine.run_clock, args=(self._fd,), name="clock", daemon=True),
            threading.Thread(target=self._watch, name="sources", daemon=True),
            *(runner.thread for runner in self._runners),
        ]
        _tell(built, failures)
        for thread in self._threads:
            thread.start()

    @property
    def fd(self) -> int:
        """An eventfd that becomes readable when crossings or full audits wait; taking crossings clears it."""
        return self._fd

    def take_crossings(self) -> "Iterator[Crossing]":
        """Take the crossings since the last call; each value is made when it is asked for."""
        if self._fd >= 0:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._fd)
        return super().take_crossings()

    def sources(self) -> "list[SourceState]":
        """Give the state of every source's thread; counts are a second old at the most."""
        return [runner.state for runner in self._runners]

    def settle(self) -> None:
        """End a tick now and ask the sources, so that totals and counts are of this instant; any thread."""
        if self._runners:
            self._engine.tick(time.monotonic_ns())
        for runner in self._runners:
            runner.look()

    def overlap(self) -> "tuple[Traffic, list[SourceState]]":
        """Give what was counted up to the last `settle`, without the sources that share no frame with an engine before.

        So this is what the engine before has counted, too, if it stopped at that instant.
        """
        alone = [runner for runner in self._runners if runner.counts_alone]
        states = [cleared(runner.state) if runner in alone else runner.state for runner in self._runners]
        traffic = without(self.traffic(), [self.counted(runner.worker) for runner in alone])
        if len(alone) == len(self._runners):
            traffic = Traffic(dict.fromkeys(traffic.directions, DirectionTotals(0, 0, 0.0, 0.0)), 0)
        return traffic, states

    def halt(self) -> None:
        """Stop reading; returns when the last frame is counted, before the sources are closed.  Any thread."""
        for runner in self._runners:
            runner.stop()
        for runner in self._runners:
            runner.wait_halted()

    def close(self) -> None:
        """Stop and join the threads and close the sources; what was counted can still be read."""
        self._closing.set()
        self._engine.stop_clock()
        self.halt()
        for thread in self._threads:
            thread.join()
        self._threads = []
        self.settle()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            for runner in self._runners:
                try:
                    runner.look()
                except Exception:  # noqa: BLE001  # the other sources must be looked at, and this one again
                    _log.exception("look at a source failed", source=runner.state.description)


def _open(built: "Sequence[BuiltSource]") -> list[str]:
    """Open sources; give why each cannot be opened, "" if it is open.

    Raises:
        CaptureError: If none is open; each reason once, with all its sources.
    """
    failures = [one.try_open() for one in built]
    if not all(failures):
        return failures
    sources: dict[str, dict[str, None]] = {}
    for one, failure in zip(built, failures, strict=True):
        name = one.source.describe()
        sources.setdefault(failure.removeprefix(f"{name}: "), {})[name] = None
    raise CaptureError("; ".join(f"{', '.join(names)}: {reason}" for reason, names in sources.items()))


def _outages(built: "Iterable[BuiltSource]") -> dict[str, Outages]:
    return {one.interface: Outages(one.describe()) for one in built}


def _tell(built: "Iterable[BuiltSource]", failures: "Iterable[str]") -> None:
    """Log what runs, a line an interface."""
    running = {one.interface: one.facts for one, failure in zip(built, failures, strict=True) if not failure}
    for facts in running.values():
        if facts:
            _log.info("source runs", **facts)
