"""Which routes each peer was told of, and when: the difference from one look to the next, into the store."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fnm_guard.announcer.announcer import Announcer
    from fnm_guard.store import Store

__all__ = ["AnnouncementHistory"]

CHANGES_A_LOOK = 1000
"""How many are written down in one look; the others follow in the next, with its time."""


class AnnouncementHistory:
    """Writes down what was announced and withdrawn.

    Args:
        announcer: Knows what is announced.
        store: Keeps it.
    """

    def __init__(self, announcer: "Announcer", store: "Store") -> None:
        self._announcer = announcer
        self._store = store

    def look(self, now: float) -> int:
        """Record what has changed since the last look; give how much that was."""
        changes = self._announcer.take_changes(CHANGES_A_LOOK)
        for name, prefix, announced in changes:
            self._store.record_announcement(name, prefix, announced, now)
        return len(changes)

    def finish(self, now: float) -> None:
        """Record all that is left."""
        while self.look(now):
            pass
