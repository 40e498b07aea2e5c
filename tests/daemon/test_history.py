"""Announcements in the store."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from netaddr import IPNetwork

from fnm_guard.daemon.history import AnnouncementHistory

if TYPE_CHECKING:
    from daemon.conftest import Build
    from daemon.house import House
    from fnm_guard.announcer.announcer import Announcer


class Told:
    """An announcer that has changes to tell."""

    def __init__(self, *changes: tuple[str, str, bool]) -> None:
        self.changes = [(name, IPNetwork(host), announced) for name, host, announced in changes]

    def take_changes(self, limit: int) -> list[tuple[str, IPNetwork, bool]]:
        taken, self.changes = self.changes[:limit], self.changes[limit:]
        return taken


def stored(house: "House", folder: Path) -> list[tuple[str, str, int]]:
    """Give what the store has, oldest first."""
    assert house.parts.store.flush(10)
    with closing(sqlite3.connect(folder / "state" / "guard.db")) as connection:
        return connection.execute("SELECT peer, prefix, announced FROM announcements ORDER BY id").fetchall()


def test_what_changed_is_kept(build: "Build", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each announcement and withdrawal is a row; in a storm some wait for the next look, and none for ever."""
    monkeypatch.setattr("fnm_guard.daemon.history.CHANGES_A_LOOK", 2)
    house = build()
    told = Told(*(("a", f"203.0.113.{number}", number != 2) for number in range(1, 6)))
    announcer: Announcer = told  # type: ignore[assignment]  # the one method that counts
    history = AnnouncementHistory(announcer, house.parts.store)
    assert history.look(1.0) == 2
    assert stored(house, tmp_path) == [("a", "203.0.113.1/32", 1), ("a", "203.0.113.2/32", 0)]
    history.finish(2.0)
    assert [row[1] for row in stored(house, tmp_path)[2:]] == [f"203.0.113.{number}/32" for number in (3, 4, 5)]
    assert history.look(3.0) == 0
