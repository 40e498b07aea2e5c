"""One source and its thread: read until it fails, wait, open it again.

Threads.  `run` is the thread's: it alone opens, reads and closes the source.  `look` is called once a second by the
capture's watching thread, and by `run` itself when the state changes; both hold the lock, because a source that is
being closed cannot be asked.  `state` is a value that the event loop reads without waiting.

No fault ends the thread before it is stopped: a fault of the source that is not foreseen is logged with its place, and
the source is opened again like one whose interface was lost.
"""

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from capture_ext.source import SourceStatistics
from fnm_guard.capture.model import SourceState
from fnm_guard.capture.outages import Outages
from fnm_guard.capture.pinning import pin

if TYPE_CHECKING:
    from capture_ext.worker import Worker
    from fnm_guard.capture.sources import BuiltSource

__all__ = ["FIRST_WAIT_SECONDS", "LONGEST_WAIT_SECONDS", "SourceRunner"]

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 5.0
"""An attempt costs next to nothing, and a guard that waits is blind."""

WARNING_LOOKS = 10
"""Every how many looks the source is asked for its warnings: some questions wait for a lock of the whole kernel."""

_ENDED = "ended"
_log = structlog.get_logger(__name__)


class SourceRunner:
    """Keeps one source running.

    Args:
        built: The source, open if there is no failure.
        worker: The engine's worker for it.
        failure: Why it could not be opened, "" if it is open.
        outages: Those of the interface, shared by its threads; None: they are this thread's alone.
    """

    def __init__(
        self, built: "BuiltSource", worker: "Worker", failure: str = "", outages: Outages | None = None
    ) -> None:
        self._built = built
        self._source = built.source
        self._worker = worker
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._halted = threading.Event()
        self._before = SourceStatistics(0, 0, 0)
        self._open = not failure
        self._looks = 0
        self._outages = outages or Outages(built.describe())
        self.state = SourceState(
            built.describe(), built.interface, "failed" if failure else "running", failure, 0, 0, 0
        )
        self.thread = threading.Thread(target=self.run, name=self._source.describe(), daemon=True)

    @property
    def worker(self) -> "Worker":
        """The engine's worker for this source."""
        return self._worker

    @property
    def counts_alone(self) -> bool:
        """Whether no frame of this source can have been counted by an engine before, too."""
        return self._built.counts_alone

    def run(self) -> None:
        """Read until stopped; the source is closed at the end."""
        try:
            self._run()
        finally:
            self._halted.set()

    def _run(self) -> None:
        self._pin()
        outcome = self.state.failure
        while not self._stopped.is_set():
            if outcome:
                self._fail(outcome)
                self._reopen()
            outcome = self._read()
            if outcome == _ENDED:
                self._become("stopped", f"{self._source.describe()}: no more frames")
                return
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
        """Read the source's counts, and its warnings now and then; any thread."""
        with self._lock:
            if not self._open:
                return
            self._count(self._source.statistics())
            if self._looks % WARNING_LOOKS == 0:
                self.state = replace(self.state, warnings=self._source.warnings())
            self._looks += 1

    def _pin(self) -> None:
        if self._built.cpu is None:
            return
        try:
            pin(self._built.cpu)
        except OSError as error:  # it was there when the capture started
            _log.warning("thread not pinned", source=self.state.description, cpu=self._built.cpu, why=error.strerror)

    def _read(self) -> str:
        """Run the worker until it is stopped (""), the source ends or fails; close the source and give why."""
        if self._stopped.is_set():
            return ""
        try:
            outcome = self._worker.run()
        except Exception as error:  # noqa: BLE001  # whatever it is, the thread must go on
            _log.exception("source fault", source=self.state.description)
            outcome = f"{self._source.describe()}: fault: {error!r}"
        if self._stopped.is_set():
            self._halted.set()
        self._close()
        return outcome

    def _count(self, since_open: SourceStatistics) -> None:
        if self._built.thread:
            since_open = since_open._replace(dropped_interface=0, dropped_kernel=0)
        received, ring, interface, kernel = (old + new for old, new in zip(self._before, since_open, strict=True))
        self.state = replace(
            self.state, received=received, dropped_ring=ring, dropped_interface=interface, dropped_kernel=kernel
        )

    def _become(self, state: str, failure: str) -> None:
        with self._lock:
            self.state = replace(self.state, state=state, failure=failure, warnings=())

    def _close(self) -> None:
        """Close the source; what it counted is kept."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            self._looks = 0
            try:
                self._source.close()
                self._count(self._source.statistics())
            except Exception:  # noqa: BLE001  # whatever it is, the source must be opened again
                _log.exception("source fault", source=self.state.description)
            state = self.state
            self._before = SourceStatistics(
                state.received, state.dropped_ring, state.dropped_interface, state.dropped_kernel
            )

    def _fail(self, failure: str) -> None:
        self._become("failed", failure)
        self._outages.begin(self, failure)

    def _reopen(self) -> None:
        """Open the source again, with longer and longer waits; returns when it is open or all is to stop."""
        wait = FIRST_WAIT_SECONDS
        while not self._stopped.wait(wait):
            failure = self._built.try_open()
            if failure:
                self._become("failed", failure)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)
                continue
            with self._lock:
                self._open = True
                self.state = replace(self.state, description=self._built.describe(), state="running", failure="")
            self._outages.end(self)
            return
