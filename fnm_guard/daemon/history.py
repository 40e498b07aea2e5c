"""Which routes each peer was told of, and when: the difference from one look to the next, into the store."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netaddr import IPNetwork

    from fnm_guard.announcer.announcer import Announcer
    from fnm_guard.store import Store

__all__ = ["AnnouncementHistory"]


class AnnouncementHistory:
    """Writes down what was announced and withdrawn.

    Args:
        announcer: Knows what is announced.
        store: Keeps it.
    """

    def __init__(self, announcer: "Announcer", store: "Store") -> None:
        self._announcer = announcer
        self._store = store
        self._known: dict[str, frozenset[IPNetwork]] = {}

    def look(self, now: float) -> None:
        """Record what has changed since the last look."""
        told = {
            name: frozenset(route.prefix for route in routes) for name, routes in self._announcer.announced().items()
        }
        for name in sorted(told.keys() | self._known.keys()):
            before, after = self._known.get(name, frozenset()), told.get(name, frozenset())
            for prefix in sorted(before ^ after):
                self._store.record_announcement(name, prefix, prefix in after, now)
        self._known = told
