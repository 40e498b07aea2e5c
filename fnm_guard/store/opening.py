"""Open the database, or say in one line why not and what to do.

The writer syncs at every commit (FULL): a ban that was acknowledged survives a power cut.  Readers open the file
read-only, one connection a question, so that they share nothing with the writer's thread.
"""

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from fnm_guard.store.errors import StoreError
from fnm_guard.store.schema import APPLICATION_ID, MIGRATIONS, migrate

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

__all__ = ["connect_reader", "connect_writer", "prepare", "set_aside"]

BUSY_SECONDS = 1.0
"""How long one try waits for somebody else's lock."""
WAL_LIMIT_BYTES = 64 * 2**20
"""To what the write-ahead log is cut back after a checkpoint."""
FILE_MODE = 0o640
_CHECKED = ("numbers", "identity", "attacks", "bans", "outbox")
"""Tables looked through at start.  The audits are not: they are large, and nothing depends on them."""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def prepare(path: "Path") -> None:
    """Create or migrate the database and look for damage.

    Raises:
        StoreError: If there is no usable database afterwards; the file is then as it was.
    """
    _check_place(path)
    try:
        with closing(connect_reader(path)) as connection:
            _check_owner(path, connection)
        with closing(connect_writer(path)) as connection:
            migrate(connection)
            _check_pages(path, connection)
    except sqlite3.Error as error:
        raise StoreError(_explain(path, error)) from error


def connect_writer(path: "Path") -> sqlite3.Connection:
    """Open the one connection that writes; no transaction is begun unless asked for."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect_reader(path: "Path") -> sqlite3.Connection:
    """Open a connection that cannot write."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    connection.row_factory = sqlite3.Row
    return connection


def set_aside(path: "Path", now: "datetime") -> "Path":
    """Rename a damaged database and its log so that a new one can begin; nothing is deleted.  Gives the new name."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(path.with_name(f"{path.name}.damaged-{stamp}{suffix}"))
    return path.with_name(f"{path.name}.damaged-{stamp}")


def _check_place(path: "Path") -> None:
    folder = path.parent
    if not folder.is_dir():
        raise StoreError(f"store {path}: there is no folder {folder}: create it and give it to the daemon's user")
    if path.is_dir():
        raise StoreError(f"store {path}: this is a folder: name a file")
    if not os.access(folder, os.W_OK | os.X_OK) or (path.exists() and not os.access(path, os.R_OK | os.W_OK)):
        raise StoreError(f"store {path}: not writable: give {folder} and the files in it to the daemon's user")
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))
    except OSError as error:
        raise StoreError(f"store {path}: cannot be opened for writing: {error.strerror}") from error


def _check_owner(path: "Path", connection: sqlite3.Connection) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if owner != APPLICATION_ID and not empty:
        raise StoreError(f"store {path}: this is a database of another program: name another file")
    if version > len(MIGRATIONS):
        raise StoreError(
            f"store {path}: written by a later fnm-guard (schema {version}, this one knows up to {len(MIGRATIONS)}): "
            "install that version again, or name another file"
        )


def _check_pages(path: "Path", connection: sqlite3.Connection) -> None:
    for table in _CHECKED:
        found = connection.execute(f"PRAGMA quick_check('{table}')").fetchone()[0]
        if found != "ok":
            raise StoreError(_damaged(path, " ".join(found.split())))


def _explain(path: "Path", error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _DAMAGED:
        return _damaged(path, str(error))
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return f"store {path}: locked by another process: end it (fuser {path} names it) and start again"
    return f"store {path}: {error}: check the free space and the rights of {path.parent}"


def _damaged(path: "Path", text: str) -> str:
    return (
        f"store {path}: damaged ({text}): restore it, or move it and its -wal and -shm away to begin anew; "
        "bans it held are then no longer known"
    )
