"""What waits to be written, between the threads that record and the one that writes.

There are two lanes, each in its own order.  *Kept* writes are bans, the attacks they rest on, orders, and messages:
they wake the writer at once and go first.  *Spare* writes are audits, interim figures, refusals and announcements: they
wait up to `LINGER_SECONDS` for company, and a later one with the same key takes the place of one still waiting.  A
spare write may rest on a kept one, never the other way round.

When full: a spare write beyond its bound is dropped and counted by kind.  A kept write is dropped only when
`KEPT_LIMIT` of them wait, which takes a disk that has failed for a long time: the bans then still stand in memory and
at the peers, only their history is lost.  Nobody ever waits for room.

Threads: every method may be called from any thread.
"""

import threading
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

__all__ = ["Backlog", "Write"]

KEPT_LIMIT = 65_536
SPARE_LIMIT = 8_192
SPARE_WEIGHT_LIMIT = 100_000
"""Audit packets that may wait; each takes about 1 kB of memory."""
LINGER_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Write:
    """One thing to write.

    Attributes:
        kind: What it is counted as.
        apply: Runs its statements, inside a transaction that is not its own.
        kept: Whether it must not be dropped.
        weight: Audit packets in it.
        key: A spare write replaces one that waits with the same key; None: none.
    """

    kind: str
    apply: "Callable[[sqlite3.Connection], object]"
    kept: bool = True
    weight: int = 0
    key: Hashable | None = None


class Backlog:
    """Two bounded lanes with an account of what is durable."""

    def __init__(
        self,
        *,
        kept_limit: int = KEPT_LIMIT,
        spare_limit: int = SPARE_LIMIT,
        spare_weight_limit: int = SPARE_WEIGHT_LIMIT,
    ) -> None:
        self._kept = _Lane(kept_limit)
        self._spare = _Lane(spare_limit, spare_weight_limit)
        self._changed = threading.Condition()
        self._hurried = False
        self._closed = False
        self._dropped: Counter[str] = Counter()

    def put(self, write: Write) -> bool:
        """Let a write wait; False: there was no room, or the backlog is closed, and it was counted."""
        with self._changed:
            lane = self._kept if write.kept else self._spare
            if self._closed or not lane.put(write):
                self._dropped[write.kind] += 1
                return False
            # Company for a spare write that waits already needs no wake-up.
            if write.kept or len(lane.writes) == 1:
                self._changed.notify_all()
            return True

    def take(self, limit: int) -> "list[Write]":
        """Wait for writes and give the next ones; an empty list: closed, and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._kept.writes or self._spare.writes or self._closed)
            self._changed.wait_for(lambda: self._kept.writes or self._hurried or self._closed, LINGER_SECONDS)
            self._hurried = False
            batch = self._kept.take(limit)
            return batch + self._spare.take(limit - len(batch))

    def settle(self, batch: "Sequence[Write]") -> None:
        """Say that taken writes are durable, or given up."""
        with self._changed:
            for write in batch:
                (self._kept if write.kept else self._spare).settled += 1
            self._changed.notify_all()

    def wait_settled(self, seconds: float) -> bool:
        """Wait until everything put so far is settled; False: not in that time."""
        with self._changed:
            kept, spare = self._kept.count, self._spare.count
            self._hurried = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._kept.settled >= kept and self._spare.settled >= spare, seconds)

    def close(self) -> None:
        """Take no more writes; those that wait can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def waiting(self) -> int:
        """Give how many writes are not settled."""
        with self._changed:
            return sum(lane.count - lane.settled for lane in (self._kept, self._spare))

    def dropped(self) -> dict[str, int]:
        """Give how many writes found no room, by kind."""
        with self._changed:
            return dict(self._dropped)


class _Lane:
    """Writes in order; `count` and `settled` only grow, and what settles does so in order."""

    def __init__(self, limit: int, weight_limit: int = 0) -> None:
        self.writes: dict[Hashable, Write] = {}
        self.count = 0
        self.settled = 0
        self._limit = limit
        self._weight = 0
        self._weight_limit = weight_limit

    def put(self, write: Write) -> bool:
        key = (write.kind, write.key)
        if write.key is not None and key in self.writes:
            self._weight += write.weight - self.writes[key].weight
            self.writes[key] = write
            return True
        if len(self.writes) >= self._limit or (write.weight and self._weight + write.weight > self._weight_limit):
            return False
        self.count += 1
        self.writes[self.count if write.key is None else key] = write
        self._weight += write.weight
        return True

    def take(self, limit: int) -> list[Write]:
        keys = list(islice(self.writes, limit))
        batch = [self.writes.pop(key) for key in keys]
        self._weight -= sum(write.weight for write in batch)
        return batch
