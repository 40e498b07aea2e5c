"""One source and its thread: read until it fails, wait, open it again.

Threads.  `run` is the thread's: it alone opens, reads and closes the source.  `look` is called once a second by the
capture's watching thread, and by `run` itself when the state changes; both hold the lock, because a source that is
being closed cannot be asked.  `state` is a value that the event loop reads without waiting.
"""

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from capture_ext.source import SourceStatistics
from fnm_guard.capture.model import SourceState

if TYPE_CHECKING:
    from capture_ext.worker import Worker
    from fnm_guard.capture.sources import BuiltSource

__all__ = ["FIRST_WAIT_SECONDS", "LONGEST_WAIT_SECONDS", "SourceRunner"]

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 5.0
"""An attempt costs next to nothing, and a guard that waits is blind."""

_ENDED = "ended"
_log = structlog.get_logger(__name__)


class SourceRunner:
    """Keeps one source running.

    Args:
        built: The source, open if there is no failure.
        worker: The engine's worker for it.
        failure: Why it could not be opened, "" if it is open.
    """

    def __init__(self, built: "BuiltSource", worker: "Worker", failure: str = "") -> None:
        self._built = built
        self._source = built.source
        self._worker = worker
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._halted = threading.Event()
        self._before = SourceStatistics(0, 0, 0)
        self._open = not failure
        description = self._source.describe()
        if built.note:
            description = f"{description} ({built.note})"
        self.state = SourceState(description, built.interface, "failed" if failure else "running", failure, 0, 0, 0)
        self.thread = threading.Thread(target=self.run, name=self._source.describe(), daemon=True)

    def run(self) -> None:
        """Read until stopped; the source is closed at the end."""
        try:
            self._run()
        finally:
            self._halted.set()

    def _run(self) -> None:
        if not self._open:
            self._fail(self.state.failure)
            self._reopen()
        while not self._stopped.is_set():
            outcome = self._worker.run()
            if self._stopped.is_set():
                self._halted.set()
            self._close()
            if outcome == _ENDED:
                self._become("stopped", f"{self._source.describe()}: no more frames")
                return
            if outcome:
                self._fail(outcome)
                self._reopen()
        self._close()
        self._become("stopped", "")

    def stop(self) -> None:
        """Make `run` return soon; any thread."""
        self._stopped.set()
        self._worker.stop()

    def wait_halted(self) -> None:
        """Wait, after `stop`, until nothing more will be read; closing the source takes the kernel longer."""
        if self.thread.is_alive():
            self._halted.wait()

    def look(self) -> None:
        """Read the source's counts; any thread."""
        with self._lock:
            if self._open:
                self._count(self._source.statistics())

    def _count(self, since_open: SourceStatistics) -> None:
        received, ring, interface = (old + new for old, new in zip(self._before, since_open, strict=True))
        self.state = replace(self.state, received=received, dropped_ring=ring, dropped_interface=interface)

    def _become(self, state: str, failure: str) -> None:
        with self._lock:
            self.state = replace(self.state, state=state, failure=failure)

    def _close(self) -> None:
        """Close the source; what it counted is kept."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            self._source.close()
            self._count(self._source.statistics())
            self._before = SourceStatistics(self.state.received, self.state.dropped_ring, self.state.dropped_interface)

    def _fail(self, failure: str) -> None:
        self._become("failed", failure)
        _log.warning("source failed", source=self.state.description, failure=failure)

    def _reopen(self) -> None:
        """Open the source again, with longer and longer waits; returns when it is open or all is to stop."""
        wait = FIRST_WAIT_SECONDS
        while not self._stopped.wait(wait):
            try:
                self._source.open()
            except (OSError, ValueError) as error:
                self._become("failed", error.strerror or str(error) if isinstance(error, OSError) else str(error))
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)
                continue
            with self._lock:
                self._open = True
                self.state = replace(self.state, state="running", failure="")
            _log.info("source runs again", source=self.state.description)
            return
