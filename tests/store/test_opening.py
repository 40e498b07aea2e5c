"""Rules of opening: a file that cannot be used is left as it is, and one line says why and what to do."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fnm_guard.core.events import BanAdded
from fnm_guard.store import Store, StoreError
from fnm_guard.store.opening import FILE_MODE, connect_writer, prepare, set_aside
from fnm_guard.store.schema import MIGRATIONS, migrate
from store.values import attack, ban, wall


def refusal(path: Path) -> str:
    """Give the one line with which opening fails."""
    with pytest.raises(StoreError) as caught:
        prepare(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def test_new_file_is_not_for_everybody(tmp_path: Path) -> None:
    """The file holds customers' traffic: others of the machine cannot read it."""
    path = tmp_path / "guard.db"
    prepare(path)
    assert path.stat().st_mode & 0o777 & ~FILE_MODE == 0


def test_connection_syncs_every_commit(tmp_path: Path) -> None:
    """Bans are written ahead and synced in full, and references are checked."""
    with closing(connect_writer(tmp_path / "guard.db")) as connection:
        found = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that is not there is named."""
    assert "there is no folder" in refusal(tmp_path / "missing" / "guard.db")


def test_folder_instead_of_file(tmp_path: Path) -> None:
    """A folder is no database."""
    assert "this is a folder" in refusal(tmp_path)


def test_not_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without the right to write is named with the remedy; root is told otherwise by the kernel."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert "not writable" in refusal(tmp_path / "guard.db")


def test_kernel_refuses_to_open(tmp_path: Path) -> None:
    """What the rights do not show is said in the kernel's words."""
    path = tmp_path / "guard.db"
    path.symlink_to(tmp_path / "missing" / "guard.db")
    assert "No such file" in refusal(path)


def test_garbage_is_not_a_database(tmp_path: Path) -> None:
    """A file of something else is called damaged and is not touched."""
    path = tmp_path / "guard.db"
    path.write_bytes(b"garbage " * 4096)
    assert "damaged" in refusal(path)
    assert path.read_bytes() == b"garbage " * 4096


def test_damaged_page_is_found_at_start(tmp_path: Path) -> None:
    """A page overwritten in the middle is found before anything is trusted."""
    path = tmp_path / "guard.db"
    store = Store(path, wall)
    store.start()
    for number in range(1, 200):
        store.record(BanAdded(100.0, ban(number, f"203.0.113.{number}", by_attack=number), attack(number)))
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        page = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'bans'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    assert "damaged" in refusal(path)


def test_set_aside_keeps_the_damaged_file(tmp_path: Path) -> None:
    """A damaged file is renamed with its log, never deleted, and a new one can begin."""
    path = tmp_path / "guard.db"
    path.write_bytes(b"garbage " * 4096)
    Path(f"{path}-wal").write_bytes(b"log")
    aside = set_aside(path, datetime(2014, 7, 4, 14, 0, tzinfo=UTC))
    assert aside.read_bytes() == b"garbage " * 4096
    assert Path(f"{aside}-wal").read_bytes() == b"log"
    prepare(path)


def test_database_of_another_program(tmp_path: Path) -> None:
    """A database that is not ours is not changed."""
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
        connection.commit()
    before = path.read_bytes()
    assert "another program" in refusal(path)
    assert path.read_bytes() == before


def test_later_schema(tmp_path: Path) -> None:
    """A file written by a later version is not changed."""
    path = tmp_path / "guard.db"
    prepare(path)
    with closing(connect_writer(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    assert f"schema {len(MIGRATIONS) + 1}" in refusal(path)


def test_locked_by_another_process(tmp_path: Path) -> None:
    """A lock that does not go away at start is named with the way to find its holder."""
    path = tmp_path / "guard.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        assert "locked by another process" in refusal(path)


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
def test_every_version_leads_to_the_last(tmp_path: Path, version: int) -> None:
    """A file of any earlier version opens, keeps what it held, and takes what is new."""
    path = tmp_path / "guard.db"
    with closing(connect_writer(path)) as connection:
        assert migrate(connection, MIGRATIONS[:version]) == 0
        if version:
            connection.execute("UPDATE numbers SET last = 41 WHERE name = 'ban'")
    store = Store(path, wall)
    store.start()
    store.record(BanAdded(100.0, ban(50), attack()))
    store.record_order("anna", "ban", None, "", 100.0, "done")
    store.outbox.put("mail", "ban-50", b"x", 1.0)
    before = store.next_numbers()[1]
    assert store.flush(10)
    assert store.status().refused == 0
    store.close()
    assert before in ({42, 51} if version else {1, 51})


def test_failed_step_changes_nothing(tmp_path: Path) -> None:
    """Steps are all or nothing: a file is never between two versions."""
    path = tmp_path / "guard.db"
    with closing(connect_writer(path)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, (*MIGRATIONS, "CREATE TABLE one (a);\nCREATE TABLE nonsense"))
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    assert (tables, version) == (0, 0)
