"""Announcements in the store."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from netaddr import IPAddress, IPNetwork

from fnm_guard.core.model import Route
from fnm_guard.daemon.history import AnnouncementHistory

if TYPE_CHECKING:
    from daemon.conftest import Build
    from daemon.house import House
    from fnm_guard.announcer.announcer import Announcer


class Told:
    """What an announcer would say it has announced."""

    def __init__(self, **routes: list[str]) -> None:
        self.routes = routes

    def announced(self) -> dict[str, frozenset[Route]]:
        hop = IPAddress("192.0.2.1")
        return {name: frozenset(Route(IPNetwork(host), hop) for host in hosts) for name, hosts in self.routes.items()}


def stored(house: "House", folder: Path) -> list[tuple[str, str, int]]:
    """Give what the store has, oldest first."""
    assert house.parts.store.flush(10)
    with closing(sqlite3.connect(folder / "state" / "guard.db")) as connection:
        return connection.execute("SELECT peer, prefix, announced FROM announcements ORDER BY id").fetchall()


def test_what_changed_from_look_to_look_is_kept(build: "Build", tmp_path: Path) -> None:
    """Each announcement and withdrawal is a row; what stayed is none; a peer that goes takes its routes along."""
    house = build()
    told = Told(a=["203.0.113.7"], b=["203.0.113.7"])
    announcer: Announcer = told  # type: ignore[assignment]  # the one method that counts
    history = AnnouncementHistory(announcer, house.parts.store)
    history.look(1.0)
    history.look(2.0)
    told.routes = {"a": ["203.0.113.8"]}
    history.look(3.0)
    assert stored(house, tmp_path) == [
        ("a", "203.0.113.7/32", 1),
        ("b", "203.0.113.7/32", 1),
        ("a", "203.0.113.7/32", 0),
        ("a", "203.0.113.8/32", 1),
        ("b", "203.0.113.7/32", 0),
    ]
