"""Messages on their way out: in memory to work with, in the file to survive.

The table in memory is the truth while the process lives; every change of it is recorded in the background.  So sending
never waits for the disk, and a message can leave before it is durable.  After a kill a message may go out twice, never
not at all once it was durable.

When full: `MESSAGE_LIMIT` messages of a channel; a new one is then not taken, and counted.

Threads: the event loop's alone, after `load`.
"""

from collections import Counter, deque
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from fnm_guard.store.backlog import Write

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

__all__ = ["Outbox", "OutboxCounts", "WaitingMessage"]

MESSAGE_LIMIT = 2_000
ERROR_LIMIT = 500
"""Characters kept of an error."""

_PUT = """
INSERT OR REPLACE INTO outbox (id, channel, key, payload, created_us, due_us, attempts, error)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_LOAD = """
SELECT id, channel, key, payload, due_us / 1e6, created_us / 1e6, attempts, error FROM outbox
WHERE failed = 0 ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """One message that has not gone out.

    Attributes:
        channel: Who is to send it.
        key: Messages of one channel and key go out in order.
        due: When to try next, in seconds since the epoch.
        created: When it was put, in seconds since the epoch.
        error: Why the last try failed.
    """

    id: int
    channel: str
    key: str
    payload: bytes
    due: float
    created: float
    attempts: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """What became of the messages of one channel since the start; `waiting` is now."""

    waiting: int
    done: int
    failed: int
    refused: int


class Outbox:
    """Messages in order, by channel and key.

    Args:
        record: Takes a write to be made durable.
    """

    def __init__(self, record: "Callable[[Write], object]", limit: int = MESSAGE_LIMIT) -> None:
        self._record = record
        self._limit = limit
        self._lines: dict[str, dict[str, deque[WaitingMessage]]] = {}
        self._places: dict[int, tuple[str, str]] = {}
        self._waiting: Counter[str] = Counter()
        self._done: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._last = 0

    def load(self, connection: "sqlite3.Connection") -> None:
        """Take over what an earlier process left."""
        self._last = connection.execute("SELECT coalesce(max(id), 0) FROM outbox").fetchone()[0]
        for row in connection.execute(_LOAD):
            self._add(WaitingMessage(*row))

    def room(self, channel: str) -> int:
        """Give how many more messages the channel takes."""
        return max(self._limit - self._waiting[channel], 0)

    def put(self, channel: str, key: str, payload: bytes, due: float) -> int | None:
        """Let a message wait and give its id; None: the channel is full."""
        if not self.room(channel):
            self._refused[channel] += 1
            return None
        self._last += 1
        message = WaitingMessage(self._last, channel, key, payload, due, created=due)
        self._add(message)
        self._save(message)
        return message.id

    def due(self, channel: str, now: float) -> "Sequence[WaitingMessage]":
        """Give the first message of every key that is due, oldest first."""
        heads = (line[0] for line in self._lines.get(channel, {}).values())
        return sorted((head for head in heads if head.due <= now), key=lambda message: message.id)

    def next_due(self, channel: str) -> float | None:
        """Say when the next message is due; None: nothing waits."""
        return min((line[0].due for line in self._lines.get(channel, {}).values()), default=None)

    def done(self, message: int) -> None:
        """Take out a message that has gone; like the next two for the first message of its key only."""
        taken = self._take(message)
        if taken is None:
            return
        self._done[taken.channel] += 1
        self._write(lambda connection: connection.execute("DELETE FROM outbox WHERE id = ?", (message,)))

    def retry(self, message: int, due: float, error: str) -> None:
        """Keep a message for another try; it stays ahead of the others of its key."""
        found = self._head(message)
        if found is None:
            return
        later = replace(found, due=due, attempts=found.attempts + 1, error=error[:ERROR_LIMIT])
        self._lines[found.channel][found.key][0] = later
        self._save(later)

    def failed(self, message: int, error: str) -> None:
        """Give up a message; it is kept in the file to be looked at."""
        taken = self._take(message)
        if taken is None:
            return
        self._failed[taken.channel] += 1
        values = (error[:ERROR_LIMIT], message)
        self._write(
            lambda connection: connection.execute("UPDATE outbox SET failed = 1, error = ? WHERE id = ?", values)
        )

    def counts(self, channel: str) -> OutboxCounts:
        """Give the figures of one channel."""
        return OutboxCounts(self._waiting[channel], self._done[channel], self._failed[channel], self._refused[channel])

    def pending(self) -> dict[str, int]:
        """Give how many messages wait, by channel."""
        return {channel: count for channel, count in self._waiting.items() if count}

    def _add(self, message: WaitingMessage) -> None:
        self._lines.setdefault(message.channel, {}).setdefault(message.key, deque()).append(message)
        self._places[message.id] = (message.channel, message.key)
        self._waiting[message.channel] += 1

    def _head(self, number: int) -> WaitingMessage | None:
        place = self._places.get(number)
        if place is None:
            return None
        head = self._lines[place[0]][place[1]][0]
        return head if head.id == number else None

    def _take(self, number: int) -> WaitingMessage | None:
        message = self._head(number)
        if message is None:
            return None
        line = self._lines[message.channel][message.key]
        line.popleft()
        if not line:
            del self._lines[message.channel][message.key]
        del self._places[number]
        self._waiting[message.channel] -= 1
        return message

    def _save(self, message: WaitingMessage) -> None:
        columns = (
            message.id,
            message.channel,
            message.key,
            message.payload,
            round(message.created * 1e6),
            round(message.due * 1e6),
            message.attempts,
            message.error,
        )
        self._write(partial(_put, columns=columns))

    def _write(self, apply: "Callable[[sqlite3.Connection], object]") -> None:
        self._record(Write("message", apply))


def _put(connection: "sqlite3.Connection", columns: tuple[object, ...]) -> None:
    connection.execute(_PUT, columns)
