"""Rules of the writer in trouble: it says so, tries again, and loses nothing but what it is told to give up."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from fnm_guard.core.events import BanAdded
from fnm_guard.store import Store
from fnm_guard.store import writer as writing
from fnm_guard.store.backlog import Write
from store.values import attack, ban, wall

TESTS = Path(__file__).resolve().parents[1]


def until(claim: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Wait for something to become true at all."""
    end = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def test_locked_file_is_waited_for(tmp_path: Path) -> None:
    """While another process holds the lock nothing is lost; it is logged, shown, and written afterwards."""
    path = tmp_path / "guard.db"
    store = Store(path, wall)
    store.start()
    with structlog.testing.capture_logs() as lines:
        with closing(sqlite3.connect(path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            store.record(BanAdded(100.0, ban(), attack()))
            assert until(lambda: store.status().state == "failing")
            assert not store.flush(0)
            assert "locked" in store.status().text
            holder.execute("ROLLBACK")
        assert store.flush(60)
    assert store.status().state == "running"
    assert [found.number for found in store.open_bans(100.0, wall(100.0))] == [1]
    store.close()
    assert "tries again" in lines[0]["event"]
    assert lines[-1]["event"] == "store writes again"


def test_full_disk_is_waited_for(tmp_path: Path) -> None:
    """When the file may grow no more, bans wait in memory and are written once there is room again."""
    script = """
import resource, sys
from pathlib import Path
from fnm_guard.core.events import BanAdded
from fnm_guard.store import Store
from store.values import attack, ban, wall
path = Path(sys.argv[1])
store = Store(path, wall)
store.start()
size = Path(f"{path}-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (max(size, path.stat().st_size) + 20_000, resource.RLIM_INFINITY))
for number in range(1, 301):
    store.record(BanAdded(100.0, ban(number, f"2001:db8::{number:x}", by_attack=number), attack(number)))
full = not store.flush(2) and store.status().state == "failing"
text = store.status().text
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
done = store.flush(60)
print(full, done, len(store.open_bans(100.0, wall(100.0))), store.status().dropped, store.status().refused)
print(text)
store.close()
"""
    done = run(script, str(tmp_path / "guard.db"))
    lines = done.stdout.splitlines()
    assert lines[-2] == "True True 300 {} 0", done
    assert "store cannot write" in done.stdout + done.stderr


def test_bad_write_holds_up_nothing(tmp_path: Path) -> None:
    """A write that the database refuses is logged and counted; those before and after it are there."""
    store = Store(tmp_path / "guard.db", wall)
    store.start()
    with structlog.testing.capture_logs() as lines:
        store.record(BanAdded(100.0, ban(1), attack(1)))
        store._backlog.put(Write("order", lambda db: db.execute("INSERT INTO orders (id) VALUES (1)")))
        store.record(BanAdded(100.0, ban(2, "203.0.113.8", by_attack=2), attack(2)))
        assert store.flush(60)
    assert len(store.open_bans(100.0, wall(100.0))) == 2
    assert store.status().refused == 1
    assert [line["kind"] for line in lines] == ["order"]
    store.close()


def test_closing_with_a_locked_file_ends_and_says_what_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon ends although the disk does not answer, and the log names how many writes went with it."""
    monkeypatch.setattr("fnm_guard.store.store.CLOSE_SECONDS", 0.2)
    path = tmp_path / "guard.db"
    store = Store(path, wall)
    store.start()
    with structlog.testing.capture_logs() as lines, closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        store.record(BanAdded(100.0, ban(), attack()))
        store.close()
    assert lines[-1]["lost"] == 2


def test_batches_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More writes than fit into one transaction are all written."""
    monkeypatch.setattr(writing, "BATCH_LIMIT", 7)
    store = Store(tmp_path / "guard.db", wall)
    store.start()
    for number in range(1, 101):
        store.record(BanAdded(100.0, ban(number, f"203.0.113.{number}", by_attack=number), attack(number)))
    assert store.flush(60)
    assert len(store.open_bans(100.0, wall(100.0))) == 100
    store.close()


KILLED = """
import sys
from pathlib import Path
from fnm_guard.core.events import BanAdded
from fnm_guard.store import Store
from store.values import attack, ban, wall
store = Store(Path(sys.argv[1]), wall)
store.start()
number = store.next_numbers()[1]
while True:
    for number in range(number, number + 3):
        store.record(BanAdded(100.0, ban(number, f"2001:db8::{number:x}", by_attack=number), attack(number)))
    assert store.flush(60)
    print(number, flush=True)
    number += 1
"""


def test_every_acknowledged_ban_survives_kill_9(tmp_path: Path) -> None:
    """Killed in the middle of writing, again and again: what `flush` called durable is there, with its attack."""
    path = tmp_path / "guard.db"
    acknowledged = 0
    for round_number in range(8):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, env=environment())
        assert process.stdout
        for _ in range(3 + 5 * round_number):
            acknowledged = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().decode().split()
        acknowledged = int(rest[-1]) if rest else acknowledged
        process.wait()
        process.stdout.close()
    store = Store(path, wall)
    store.start()
    numbers = [found.number for found in store.open_bans(100.0, wall(100.0))]
    attacks = {found.attack for found in store.open_bans(100.0, wall(100.0))}
    store.close()
    assert acknowledged > 100
    assert numbers[:acknowledged] == list(range(1, acknowledged + 1))
    assert None not in attacks


def environment() -> dict[str, str]:
    """Give the environment in which a child finds the values of these tests."""
    return {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}


def run(script: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a script in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done
