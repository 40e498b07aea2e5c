"""The store as the daemon sees it: events in, history out.

Recording takes some microseconds and never touches the disk; what is durable is known after `flush`.
Threads: recording and the outbox belong to the event loop; reading and `flush` may be called from any thread.
"""

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from fnm_guard.core.events import (
    AttackEnded,
    AttackStarted,
    BanAdded,
    BanExtended,
    BanJoined,
    BanRefused,
    BanRemoved,
)
from fnm_guard.store import reading
from fnm_guard.store.backlog import Backlog, Write
from fnm_guard.store.clock import Clock
from fnm_guard.store.opening import connect_reader, connect_writer, prepare
from fnm_guard.store.outbox import Outbox
from fnm_guard.store.retention import Retention
from fnm_guard.store.writer import Writer
from fnm_guard.store.writes import (
    attack_columns,
    ban_columns,
    put_announcement,
    put_attack,
    put_audit,
    put_ban,
    put_ban_end,
    put_order,
    put_refusal,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from netaddr import IPAddress, IPNetwork

    from fnm_guard.core.events import Event
    from fnm_guard.core.life import Attack, Ban
    from fnm_guard.core.model import Audit
    from fnm_guard.store.records import AttackRecord, BanRecord, StoreStatus

__all__ = ["Store"]

CLOSE_SECONDS = 5.0
"""How long closing waits for a disk that does not take what is left."""

_Answer = TypeVar("_Answer")


class Store:
    """Attacks, bans, orders, announcements and waiting messages in one SQLite file.

    Args:
        path: The database file; its folder must exist.
        wall: Core seconds to UTC.
        retention: How much history is kept.

    Attributes:
        outbox: Messages on their way out, for the notifier; filled by `start`.
        identity: Random text made with the file, so that its numbers are unique among all files; set by `start`.
    """

    def __init__(self, path: "Path", wall: "Callable[[float], datetime]", retention: Retention | None = None) -> None:
        self._path = path
        self._clock = Clock(wall)
        self._backlog = Backlog()
        self._writer = Writer(path, self._backlog, retention or Retention())
        self._closed = True
        self.outbox = Outbox(self._backlog.put)
        self.identity = ""

    def start(self) -> None:
        """Open, migrate and check the file, and begin to write.

        Raises:
            StoreError: If the file cannot be used; one line that says why and what to do.
        """
        prepare(self._path)
        self._ask(self.outbox.load)
        self.identity = self._ask(lambda connection: str(connection.execute("SELECT text FROM identity").fetchone()[0]))
        self._writer.start()
        self._closed = False

    def close(self) -> None:
        """Make durable what waits, for some seconds at the most, and end.  Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._writer.close(CLOSE_SECONDS)

    def close_stale(self) -> int:
        """End the attacks that an earlier process left open, with its last word of them; give how many they were.

        For the start, before anything is recorded.
        """
        with closing(connect_writer(self._path)) as connection:
            return connection.execute(
                "UPDATE attacks SET ended_us = updated_us, cut = 1 WHERE ended_us IS NULL"
            ).rowcount

    def record(self, event: "Event") -> None:
        """Take an event to be written."""
        for write in self._writes(event):
            self._backlog.put(write)

    def record_update(self, attack: "Attack", at: float) -> None:
        """Take what is known of a running attack at this time; of several in half a second only the last is written."""
        columns = attack_columns(attack, at, self._clock)
        apply = partial(put_attack, columns=columns)
        self._backlog.put(Write("attack update", apply, kept=False, key=attack.number))

    def record_audit(self, attack: int, audit: "Audit") -> None:
        """Take the kept packets of an attack; those of a later call replace those of an earlier one."""
        apply = partial(put_audit, attack=attack, audit=audit)
        self._backlog.put(Write("audit", apply, kept=False, weight=len(audit.packets), key=attack))

    def record_order(self, by: str, verb: str, host: "IPAddress | None", reason: str, at: float, result: str) -> None:
        """Take an operator's order and what became of it."""
        columns = (self._clock.stored(at), by, verb, None if host is None else str(host), reason, result)
        self._backlog.put(Write("order", partial(put_order, columns=columns)))

    def record_announcement(self, peer: str, prefix: "IPNetwork", announced: bool, at: float) -> None:
        """Take a route that a peer was told of, or that was taken back."""
        columns = (self._clock.stored(at), peer, str(prefix), int(announced))
        self._backlog.put(Write("announcement", partial(put_announcement, columns=columns), kept=False))

    def flush(self, seconds: float) -> bool:
        """Wait until everything recorded so far is durable; False: not in that time.

        Blocks, so not for the event loop's thread; any other may call it.
        """
        return self._backlog.wait_settled(seconds)

    def status(self) -> "StoreStatus":
        """Say how the store is."""
        return self._writer.status(self._closed)

    def next_numbers(self) -> tuple[int, int]:
        """Give the numbers of the next attack and the next ban."""
        return self._ask(reading.read_numbers)

    def open_bans(self, now: float, wall_now: "datetime") -> "list[Ban]":
        """Give the bans that stand, oldest first; those that fell due meanwhile have `expires` <= `now`."""
        return self._ask(lambda connection: reading.read_open_bans(connection, now, wall_now))

    def holdoffs(self, now: float, wall_now: "datetime", holdoff_seconds: float) -> "dict[IPAddress, float]":
        """Give the hosts that an operator unbanned and that are still held off, each with the time it lasts to."""
        return self._ask(lambda connection: reading.read_holdoffs(connection, now, wall_now, holdoff_seconds))

    def attacks(self, limit: int, active_only: bool = False) -> "list[AttackRecord]":
        """Give the latest attacks without their packets, newest first."""
        return self._ask(lambda connection: reading.read_attacks(connection, self._clock, limit, active_only))

    def attack(self, number: int) -> "AttackRecord | None":
        """Give one attack with its packets; None: no such number."""
        return self._ask(lambda connection: reading.read_attack(connection, self._clock, number))

    def bans_history(self, limit: int) -> "list[BanRecord]":
        """Give the latest bans, those that stand included, newest first."""
        return self._ask(lambda connection: reading.read_ban_history(connection, self._clock, limit))

    def _ask(self, question: "Callable[[sqlite3.Connection], _Answer]") -> _Answer:
        with closing(connect_reader(self._path)) as connection:
            return question(connection)

    def _writes(self, event: "Event") -> "list[Write]":
        match event:
            case AttackStarted() | AttackEnded():
                return [self._attack_write(event.attack, event.at)]
            case BanAdded() | BanJoined():
                attack = [] if event.attack is None else [self._attack_write(event.attack, event.at)]
                return [*attack, self._ban_write(event.ban)]
            case BanExtended():
                return [self._ban_write(event.ban)]
            case BanRemoved():
                return [self._removal_write(event)]
            case BanRefused():
                return [self._refusal_write(event)]

    def _attack_write(self, attack: "Attack", at: float) -> Write:
        return Write("attack", partial(put_attack, columns=attack_columns(attack, at, self._clock)))

    def _ban_write(self, ban: "Ban") -> Write:
        return Write("ban", partial(put_ban, columns=ban_columns(ban, self._clock)))

    def _removal_write(self, event: BanRemoved) -> Write:
        end = {
            "number": event.ban.number,
            "ended_us": self._clock.stored(event.at),
            "cause": event.cause.value,
            "by": event.by,
            "reason": event.reason,
        }
        return Write("ban", partial(put_ban_end, ban=ban_columns(event.ban, self._clock), end=end))

    def _refusal_write(self, event: BanRefused) -> Write:
        columns = (
            self._clock.stored(event.at),
            str(event.host),
            event.refusal.value,
            event.text,
            event.by,
            None if event.attack is None else event.attack.number,
        )
        return Write("refusal", partial(put_refusal, columns=columns), kept=False)
