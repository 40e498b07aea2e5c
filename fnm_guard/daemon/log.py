"""The log on standard error: constant text plus fields, and nothing it does can stop the daemon or fill a disk.

* A line that cannot be written at once (a full disk, a pipe that is closed or that nobody reads) is lost and counted.
* Of one kind of line, named by its text, only `LINES_A_SECOND` pass in a second, of refusals one a reason.  The next
  line of that kind tells how many were left out, or, if none comes, a line of its own.  Bans and their ends always
  pass: mails and database may fail, and the log is then the last witness.

Threads: lines come from any thread.
"""

import logging
import os
import select
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["Log", "Outlet", "Ration"]

LINES_A_SECOND = 10
REFUSALS_A_SECOND = 1
ALWAYS = frozenset({"host banned", "host would be banned", "host unbanned"})

_PIECE_BYTES = 4096  # a pipe that is ready takes so much without making us wait (PIPE_BUF, pipe(7))

_log = structlog.get_logger("fnm_guard")


class Log:
    """The log of this process.

    Args:
        descriptor: Where it goes.
    """

    def __init__(self, descriptor: int = 2) -> None:
        self.outlet = Outlet(descriptor)
        self.ration = Ration()

    def configure(self, level: str, form: str) -> None:
        """Write lines of a level and above as `text`, or as `json` with one object a line; times in UTC.

        It may be called again and applies at once.
        """
        renderers: list[Processor] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form != "json":
            plain = structlog.dev.plain_traceback
            renderers = [
                structlog.dev.ConsoleRenderer(colors=self.outlet.is_terminal, pad_event_to=0, exception_formatter=plain)
            ]
        structlog.configure(
            processors=[
                self.ration,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                *renderers,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
            logger_factory=lambda *_: self.outlet,
            cache_logger_on_first_use=False,
        )
        logging.basicConfig(handlers=[_Adopted()], level=logging.WARNING, force=True)

    def settle(self) -> None:
        """Tell what was left out, if no later line did; once a second."""
        for kind, count in self.ration.settle():
            _log.warning("log lines left out", of=kind, count=count)


class Outlet:
    """Lines to a descriptor, without ever waiting for whoever reads it.

    Attributes:
        lost: Lines that could not be written, or not whole.
        is_terminal: Whether somebody looks at it.
    """

    def __init__(self, descriptor: int) -> None:
        self.lost = 0
        self._descriptor = descriptor
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLOUT)
        self._lock = threading.Lock()
        self._is_cut = False
        self.is_terminal = os.isatty(descriptor)

    def msg(self, line: str) -> None:
        """Write one line."""
        with self._lock:
            rest = f"{line}\n".encode("utf-8", "replace")
            if self._is_cut:
                rest = b"\n" + rest
            try:
                self._is_cut = False
                while rest and self._ready.poll(0):
                    written = os.write(self._descriptor, rest[:_PIECE_BYTES])
                    rest = rest[written:]
                    self._is_cut = bool(rest)
            except OSError:
                self.lost += 1
                return
            self.lost += bool(rest)

    log = debug = info = warn = warning = error = critical = exception = fatal = msg


@dataclass(slots=True)
class _Kind:
    """Lines of one kind in the current second."""

    began: float
    passed: int = 0
    left_out: int = 0


class Ration:
    """A processor that lets only so many lines of a kind pass in a second.

    Args:
        clock: Gives the time in seconds.

    Attributes:
        left_out: Lines that did not pass, since the start.
    """

    def __init__(self, clock: "Callable[[], float]" = time.monotonic) -> None:
        self.left_out = 0
        self._clock = clock
        self._kinds: dict[tuple[str, str], _Kind] = {}
        self._lock = threading.Lock()

    def __call__(self, _logger: "WrappedLogger", _method: str, fields: "EventDict") -> "EventDict":
        """Pass a line on, with the number of those left out before it; or leave it out."""
        text, reason = str(fields["event"]), str(fields.get("refusal", ""))
        if text in ALWAYS:
            return fields
        with self._lock:
            left_out = self._admit((text, reason), REFUSALS_A_SECOND if reason else LINES_A_SECOND)
        return {**fields, "left_out": left_out} if left_out else fields

    def settle(self) -> list[tuple[str, int]]:
        """Give the kinds whose second is over with lines left out, and how many; they begin anew."""
        now = self._clock()
        with self._lock:
            over = {name: kind for name, kind in self._kinds.items() if now >= kind.began + 1}
            for name in over:
                del self._kinds[name]
        return [(": ".join(filter(None, name)), kind.left_out) for name, kind in over.items() if kind.left_out]

    def _admit(self, name: tuple[str, str], limit: int) -> int:
        now = self._clock()
        kind = self._kinds.get(name)
        left_out = 0
        if kind is None or now >= kind.began + 1:
            left_out = kind.left_out if kind else 0
            kind = self._kinds[name] = _Kind(now)
        if kind.passed >= limit:
            kind.left_out += 1
            self.left_out += 1
            raise structlog.DropEvent
        kind.passed += 1
        return left_out


class _Adopted(logging.Handler):
    """Takes the lines of libraries that log with Python's own logging."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line of theirs as one of ours."""
        write = _log.error if record.levelno >= logging.ERROR else _log.warning
        write(record.name, text=record.getMessage(), exc_info=record.exc_info)
