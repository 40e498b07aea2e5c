"""The one thread that writes.

It takes what waits in the backlog, writes it in one transaction, and only then calls it settled.  A transaction that
fails for a reason outside (disk full, locked, input/output) is tried again, with growing pauses, until it succeeds or
the store is closed for good; meanwhile the backlog fills up to its bounds.  A single write that the database refuses
for what it says is logged, counted and left out, so that it holds up nothing else.

Threads: `_run` and all below it belong to the writer's thread; `start`, `close` and `status` to the owner's.
"""

import sqlite3
import threading
from typing import TYPE_CHECKING

import structlog

from fnm_guard.store.opening import connect_writer
from fnm_guard.store.records import StoreStatus
from fnm_guard.store.retention import prune

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fnm_guard.store.backlog import Backlog, Write
    from fnm_guard.store.retention import Retention

__all__ = ["Writer"]

BATCH_LIMIT = 512
"""Most writes in one transaction."""
PAUSE_SECONDS = 0.1
PAUSE_LIMIT_SECONDS = 5.0
PRUNE_EVERY = 1_000
"""Writes between two looks at the retention."""
_OUTSIDE = (sqlite3.OperationalError, sqlite3.InternalError)

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fnm_guard.store")


class Writer:
    """Makes the writes of a backlog durable."""

    def __init__(self, path: "Path", backlog: "Backlog", retention: "Retention") -> None:
        self._path = path
        self._backlog = backlog
        self._retention = retention
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._abandon = threading.Event()
        self._connection: sqlite3.Connection | None = None
        self._written = 0
        self._failures = 0
        self._refused = 0
        self._pruned = 0
        self._next_prune = 0
        self._trouble = ""

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Write what waits, for at most `seconds`; what is not durable then is logged as lost.  Safe to call twice."""
        self._backlog.close()
        if not self._thread.is_alive():
            return
        self._thread.join(seconds)
        self._abandon.set()
        self._thread.join(2 * PAUSE_LIMIT_SECONDS)
        if lost := self._backlog.waiting():
            _log.error("store closed before everything was written", path=str(self._path), lost=lost)

    def status(self, closed: bool) -> StoreStatus:
        """Give the figures so far."""
        trouble = self._trouble
        state = "closed" if closed else ("failing" if trouble else "running")
        return StoreStatus(
            state=state,
            text=trouble,
            waiting=self._backlog.waiting(),
            written=self._written,
            failures=self._failures,
            refused=self._refused,
            pruned=self._pruned,
            dropped=self._backlog.dropped(),
        )

    def _run(self) -> None:
        while batch := self._backlog.take(BATCH_LIMIT):
            if not self._write(batch):
                break
            self._backlog.settle(batch)
        self._disconnect()

    def _write(self, batch: "Sequence[Write]") -> bool:
        """Write until it is durable; False: told to give up."""
        attempt = 0
        while True:
            try:
                self._transact(batch)
            except sqlite3.Error as error:
                attempt += 1
                self._failed(error, attempt)
            else:
                self._succeeded(attempt, len(batch))
                return True
            if self._abandon.wait(min(PAUSE_SECONDS * 2 ** min(attempt, 10), PAUSE_LIMIT_SECONDS)):
                return False

    def _transact(self, batch: "Sequence[Write]") -> None:
        if self._connection is None:
            self._connection = connect_writer(self._path)
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        refused = sum(not self._apply(connection, write) for write in batch)
        pruned = self._prune(connection)
        connection.execute("COMMIT")
        self._refused += refused
        self._pruned += pruned

    def _apply(self, connection: sqlite3.Connection, write: "Write") -> bool:
        connection.execute("SAVEPOINT one")
        try:
            write.apply(connection)
        except _OUTSIDE:
            raise
        except Exception as error:  # one bad write must not hold up the bans behind it
            if _is_damage(error):
                raise
            connection.execute("ROLLBACK TO one")
            _log.error("store refused a write", kind=write.kind, reason=str(error))
            return False
        finally:
            if connection.in_transaction:
                connection.execute("RELEASE one")
        return True

    def _prune(self, connection: sqlite3.Connection) -> int:
        if self._written < self._next_prune:
            return 0
        self._next_prune = self._written + PRUNE_EVERY
        return prune(connection, self._retention)

    def _succeeded(self, attempts: int, count: int) -> None:
        self._written += count
        self._trouble = ""
        if attempts:
            _log.info("store writes again", path=str(self._path), attempts=attempts)

    def _failed(self, error: sqlite3.Error, attempt: int) -> None:
        self._failures += 1
        self._trouble = str(error)
        self._disconnect()
        if attempt & (attempt - 1) == 0:  # the 1st, 2nd, 4th, 8th ... time
            _log.error(
                "store cannot write: nothing is lost yet, it tries again",
                path=str(self._path),
                reason=str(error),
                attempt=attempt,
                waiting=self._backlog.waiting(),
            )

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _is_damage(error: Exception) -> bool:
    """Tell an unreadable file from a refused value: for the first sqlite3 raises the parent class of the second."""
    return type(error) is sqlite3.DatabaseError
