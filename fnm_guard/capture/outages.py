"""What the log says when an interface fails and when it is back: once, however many threads read it."""

import threading

import structlog

__all__ = ["Outages"]

_log = structlog.get_logger(__name__)


class Outages:
    """The threads of one interface that are without it; any of them may call.

    Args:
        description: Of the source, as people know it.
    """

    def __init__(self, description: str) -> None:
        self._description = description
        self._failures: dict[object, str] = {}
        self._lock = threading.Lock()

    def begin(self, thread: object, failure: str) -> None:
        """Note that a thread has failed; tell the reason if no other thread is without the interface for it."""
        with self._lock:
            is_told = failure in self._failures.values()
            self._failures[thread] = failure
        if not is_told:
            _log.warning("source failed", source=self._description, failure=failure)

    def end(self, thread: object) -> None:
        """Note that a thread runs again; tell it when all do."""
        with self._lock:
            was_out = self._failures.pop(thread, None) is not None
            is_over = not self._failures
        if was_out and is_over:
            _log.info("source runs again", source=self._description)
