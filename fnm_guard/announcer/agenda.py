"""What is still to be said, in groups that one command can carry; each prefix stands here once.

Putting, taking back and taking a group cost the same however much waits: ten thousand routes come one after the other.
"""

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netaddr import IPNetwork

    from fnm_guard.core.model import Route

    _Key = tuple[str, IPNetwork | None]

__all__ = ["Agenda"]


class Agenda:
    """Routes in the order in which they came, together with those of the same attributes."""

    def __init__(self) -> None:
        self._groups: dict[_Key, dict[IPNetwork, Route]] = {}
        self._keys: dict[IPNetwork, _Key] = {}

    def __len__(self) -> int:
        """Give how many routes wait."""
        return len(self._keys)

    def put(self, route: "Route", text: str, *, alone: bool) -> None:
        """Let a route wait, with its attributes as text; `alone`: it is to have a command of its own."""
        self.discard(route.prefix)
        key = text, route.prefix if alone else None
        self._keys[route.prefix] = key
        self._groups.setdefault(key, {})[route.prefix] = route

    def discard(self, prefix: "IPNetwork") -> None:
        """Take a prefix back, if it waits."""
        key = self._keys.pop(prefix, None)
        if key is not None:
            group = self._groups[key]
            del group[prefix]
            if not group:
                del self._groups[key]

    def clear(self) -> None:
        """Forget everything."""
        self._groups.clear()
        self._keys.clear()

    def take(self, limit: int) -> "tuple[str, tuple[Route, ...]]":
        """Give the attributes and up to `limit` routes of the next command, sorted by prefix; ("", ()): none."""
        for (text, _), group in self._groups.items():
            routes = tuple(islice(group.values(), max(limit, 0)))
            for route in routes:
                self.discard(route.prefix)
            return text, tuple(sorted(routes, key=_address))
        return "", ()


def _address(route: "Route") -> tuple[int, int]:
    return route.prefix.version, route.prefix.first
