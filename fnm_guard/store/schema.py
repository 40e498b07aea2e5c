"""The tables, as the steps that lead to them.

A step is never edited once it has been released; a change is a new step at the end.  `PRAGMA user_version` counts
the steps that a file has seen.  All missing steps run in one transaction: a file is at one version or at another.

Columns named `*_us` hold microseconds of wall time since 1970-01-01 UTC.  Addresses are text.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

__all__ = ["APPLICATION_ID", "MIGRATIONS", "migrate"]

APPLICATION_ID = 0x464E4D47
"""`FNMG`: what `file(1)` and we know our databases by."""

_ATTACKS_AND_BANS = """
CREATE TABLE numbers (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO numbers VALUES ('attack', 0), ('ban', 0);

CREATE TABLE identity (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    text TEXT NOT NULL
) STRICT;

INSERT INTO identity VALUES (1, lower(hex(randomblob(4))));

CREATE TABLE attacks (
    number INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    direction TEXT NOT NULL,
    metric TEXT NOT NULL,
    threshold REAL NOT NULL,
    rate REAL NOT NULL,
    "group" TEXT NOT NULL,
    power REAL NOT NULL,
    peak REAL NOT NULL,
    started_us INTEGER NOT NULL,
    detected_us INTEGER NOT NULL,
    ended_us INTEGER,
    rates TEXT NOT NULL CHECK (json_valid(rates)),
    packets TEXT NOT NULL CHECK (json_valid(packets)),
    type TEXT NOT NULL,
    port INTEGER,
    updated_us INTEGER NOT NULL,
    cut INTEGER NOT NULL DEFAULT 0 CHECK (cut IN (0, 1))
) STRICT;

CREATE INDEX attacks_running ON attacks (number) WHERE ended_us IS NULL;

CREATE TABLE audits (
    attack INTEGER PRIMARY KEY REFERENCES attacks (number) ON DELETE CASCADE,
    packet_count INTEGER NOT NULL,
    "full" INTEGER NOT NULL CHECK ("full" IN (0, 1)),
    packets BLOB NOT NULL
) STRICT;

CREATE TABLE bans (
    number INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    origin TEXT NOT NULL,
    "by" TEXT NOT NULL,
    reason TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    expires_us INTEGER,
    direction TEXT,
    power REAL NOT NULL,
    attack INTEGER REFERENCES attacks (number) ON DELETE SET NULL,
    joined INTEGER REFERENCES attacks (number) ON DELETE SET NULL,
    mode TEXT NOT NULL,
    announce INTEGER NOT NULL CHECK (announce IN (0, 1)),
    ended_us INTEGER,
    ended_cause TEXT,
    ended_by TEXT,
    ended_reason TEXT
) STRICT;

CREATE UNIQUE INDEX bans_open ON bans (host) WHERE ended_us IS NULL;
CREATE INDEX bans_by_attack ON bans (attack) WHERE attack IS NOT NULL;
CREATE INDEX bans_by_joined ON bans (joined) WHERE joined IS NOT NULL;
CREATE INDEX bans_ended ON bans (ended_us) WHERE ended_us IS NOT NULL;
"""

_ORDERS_AND_ANNOUNCEMENTS = """
CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    "by" TEXT NOT NULL,
    verb TEXT NOT NULL,
    host TEXT,
    reason TEXT NOT NULL,
    result TEXT NOT NULL
) STRICT;

CREATE TABLE refusals (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    host TEXT NOT NULL,
    refusal TEXT NOT NULL,
    text TEXT NOT NULL,
    "by" TEXT NOT NULL,
    attack INTEGER
) STRICT;

CREATE TABLE announcements (
    id INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    peer TEXT NOT NULL,
    prefix TEXT NOT NULL,
    announced INTEGER NOT NULL CHECK (announced IN (0, 1))
) STRICT;
"""

_OUTBOX = """
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    payload BLOB NOT NULL,
    created_us INTEGER NOT NULL,
    due_us INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    failed INTEGER NOT NULL DEFAULT 0 CHECK (failed IN (0, 1))
) STRICT;

CREATE INDEX outbox_failed ON outbox (id) WHERE failed = 1;
"""

MIGRATIONS = (_ATTACKS_AND_BANS, _ORDERS_AND_ANNOUNCEMENTS, _OUTBOX)
"""Step n leads from version n to version n + 1."""


def migrate(connection: "sqlite3.Connection", steps: "Sequence[str]" = MIGRATIONS) -> int:
    """Bring a database to the version of the last step, all or nothing, and give the version it had.

    A file from a later version is left alone; the caller compares.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version < len(steps):
            for step in steps[version:]:
                _run(connection, step)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        # Some errors have ended the transaction already; a second end would hide the first error.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return version


def _run(connection: "sqlite3.Connection", step: str) -> None:
    """Run the statements one by one: `executescript` would commit our transaction first."""
    for statement in step.split(";\n"):
        if statement.strip():
            connection.execute(statement)
