"""How much history is kept.  The oldest rows beyond that go; what still runs, and what it rests on, stays."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Retention", "prune"]

PRUNE_LIMIT = 2_000
"""Most rows removed from one table at a time: a file that shrinks by much does so in steps."""

_UNUSED = """
ended_us IS NOT NULL AND number NOT IN (
    SELECT attack FROM bans WHERE attack IS NOT NULL UNION SELECT joined FROM bans WHERE joined IS NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Retention:
    """How many rows of each table are kept.  An audit of 100 packets takes 5 to 20 kB, any other row under 1 kB."""

    attacks: int = 100_000
    bans: int = 100_000
    audits: int = 5_000
    orders: int = 100_000
    refusals: int = 100_000
    announcements: int = 100_000
    failed_messages: int = 1_000


def prune(connection: "sqlite3.Connection", retention: Retention) -> int:
    """Remove the oldest rows beyond the retention and give how many; runs inside the caller's transaction."""
    return sum(
        (
            _prune(connection, "audits", "attack", retention.audits),
            _prune(connection, "bans", "number", retention.bans, goes="ended_us IS NOT NULL"),
            _prune(connection, "attacks", "number", retention.attacks, goes=_UNUSED),
            _prune(connection, "orders", "id", retention.orders),
            _prune(connection, "refusals", "id", retention.refusals),
            _prune(connection, "announcements", "id", retention.announcements),
            _prune(connection, "outbox", "id", retention.failed_messages, among="failed = 1"),
        )
    )


def _prune(
    connection: "sqlite3.Connection", table: str, key: str, keep: int, *, among: str = "true", goes: str = "true"
) -> int:
    """Remove, of the rows `among` which the last `keep` stay, the older ones that may go."""
    oldest = f"(SELECT {key} FROM {table} WHERE {among} ORDER BY {key} DESC LIMIT 1 OFFSET ?)"  # noqa: S608  # our names
    rows = f"(SELECT {key} FROM {table} WHERE {among} AND {key} <= {oldest} AND {goes} LIMIT ?)"  # noqa: S608  # our names
    statement = f"DELETE FROM {table} WHERE {key} IN {rows}"  # noqa: S608  # our names
    return connection.execute(statement, (keep, PRUNE_LIMIT)).rowcount
