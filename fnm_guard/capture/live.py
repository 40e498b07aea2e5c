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
from typing import TYPE_CHECKING

from fnm_guard.capture.model import AuditSpec, CaptureError
from fnm_guard.capture.reader import Reader
from fnm_guard.capture.runner import SourceRunner
from fnm_guard.capture.sources import build_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fnm_guard.capture.model import SourceSpec, SourceState
    from fnm_guard.capture.sources import BuiltSource
    from fnm_guard.core.model import Crossing, DetectionPolicy

__all__ = ["Capture"]

_LOOK_SECONDS = 1.0


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
        """Open every source in the network namespace of this thread, and start the threads.

        Raises:
            CaptureError: If a source cannot be opened; none is open then.
        """
        opened: list[BuiltSource] = []
        try:
            for built in self._build(self._specs):
                built.source.open()
                opened.append(built)
            workers = [self._engine.add_worker(built.source, built.count_internal) for built in opened]
        except (OSError, ValueError) as error:
            for built in opened:
                built.source.close()
            raise CaptureError(error.strerror or str(error) if isinstance(error, OSError) else str(error)) from error
        self._runners = [SourceRunner(built, worker) for built, worker in zip(opened, workers, strict=True)]
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._threads = [
            threading.Thread(target=self._engine.run_clock, args=(self._fd,), name="clock", daemon=True),
            threading.Thread(target=self._watch, name="sources", daemon=True),
            *(runner.thread for runner in self._runners),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def fd(self) -> int:
        """An eventfd that becomes readable when crossings or full audits wait; `crossings` clears it."""
        return self._fd

    def crossings(self) -> "list[Crossing]":
        """Take the crossings since the last call."""
        if self._fd >= 0:
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._fd)
        return super().crossings()

    def sources(self) -> "list[SourceState]":
        """Give the state of every source's thread; counts are a second old at the most."""
        return [runner.state for runner in self._runners]

    def close(self) -> None:
        """Stop and join the threads and close the sources; what was counted can still be read."""
        self._closing.set()
        self._engine.stop_clock()
        for runner in self._runners:
            runner.stop()
        for thread in self._threads:
            thread.join()
        self._threads = []
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _watch(self) -> None:
        while not self._closing.wait(_LOOK_SECONDS):
            for runner in self._runners:
                runner.look()
