"""The wanted routes of all peers, changed ban by ban: what `routes.py` says, at the cost of the bans that changed.

With ten thousand hosts attacked at once the bans begin within a second, and making everybody's routes anew for each of
them would take minutes.  So each peer has a table of the bans that it could hear of, in the order in which they count;
the first `max_routes` of them are its routes.  A ban that begins or ends moves that border by one at the most.

The table must never say anything else than `wanted_routes`, which is the definition; a test holds them together.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fnm_guard.core.events import BanAdded, BanExtended, BanJoined, BanRemoved
from fnm_guard.core.limits import Bounds
from fnm_guard.core.routes import is_announced, next_hop, route_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netaddr import IPAddress

    from fnm_guard.core.events import Event
    from fnm_guard.core.life import Ban
    from fnm_guard.core.model import Route
    from fnm_guard.core.policy import BanPolicy, PeerProfile

    _Place = tuple[float, int]

__all__ = ["Change", "WantedBook"]


@dataclass(frozen=True, slots=True)
class Change:
    """What one peer should hear from now on, and what no longer; no prefix is in both."""

    added: "tuple[Route, ...]" = ()
    removed: "tuple[Route, ...]" = ()


class WantedBook:
    """What each peer should hear, by the peer's name.

    Args:
        bans: Those that stand.
        peers: Whom to tell.
        policy: What may be announced; another one needs another book.
    """

    def __init__(self, bans: "Iterable[Ban]", peers: "Sequence[PeerProfile]", policy: "BanPolicy") -> None:
        self._bounds = Bounds(policy)
        self._places: dict[IPAddress, _Place] = {}
        self._tables = {peer.name: _Table(peer) for peer in peers}
        for ban in sorted(bans, key=_place):
            self._put(ban)
        for table in self._tables.values():
            table.take_change()

    def follow(self, events: "Iterable[Event]") -> dict[str, Change]:
        """Take what happened; give what that changes, for the peers for which it changes anything."""
        for event in events:
            match event:
                case BanAdded(ban=ban) | BanExtended(ban=ban) | BanJoined(ban=ban):
                    self._put(ban)
                case BanRemoved(ban=ban):
                    self._drop(ban.host)
        changes = {name: table.take_change() for name, table in self._tables.items()}
        return {name: change for name, change in changes.items() if change.added or change.removed}

    def routes(self) -> "dict[str, frozenset[Route]]":
        """Give all that each peer should hear."""
        return {name: frozenset(table.routes.values()) for name, table in self._tables.items()}

    def left_out(self) -> dict[str, int]:
        """Give how many bans each peer cannot hear of because of its `max_routes`."""
        return {name: table.left_out for name, table in self._tables.items()}

    def peers_of(self, host: "IPAddress") -> tuple[str, ...]:
        """Name the peers that should hear of a host."""
        return tuple(name for name, table in self._tables.items() if host in table.routes)

    def count_wrong(self, bans: "Iterable[Ban]", standing: int) -> int:
        """Count how many of these bans the book has otherwise than it should.

        One more if it has more bans than stand at all.
        """
        places = ((ban.host, _place(ban) if is_announced(ban, self._bounds) else None) for ban in bans)
        wrong = sum(self._places.get(host) != place for host, place in places)
        return wrong + (len(self._places) > standing)

    def _put(self, ban: "Ban") -> None:
        place = _place(ban) if is_announced(ban, self._bounds) else None
        if place == self._places.get(ban.host):
            return
        self._drop(ban.host)
        if place is not None:
            self._places[ban.host] = place
            for table in self._tables.values():
                table.put(place, ban.host)

    def _drop(self, host: "IPAddress") -> None:
        place = self._places.pop(host, None)
        if place is not None:
            for table in self._tables.values():
                table.drop(place)


class _Table:
    """The bans that one peer could hear of.

    Attributes:
        routes: What it should hear, by host.
    """

    def __init__(self, peer: "PeerProfile") -> None:
        self._peer = peer
        self._places: list[_Place] = []
        self._found: dict[_Place, tuple[IPAddress, Route]] = {}
        self._before: dict[IPAddress, Route | None] = {}
        self.routes: dict[IPAddress, Route] = {}

    @property
    def left_out(self) -> int:
        """How many of them are beyond `max_routes`."""
        return max(len(self._places) - self._peer.max_routes, 0)

    def put(self, place: "_Place", host: "IPAddress") -> None:
        """Take one more ban."""
        hop = next_hop(self._peer, host)
        if hop is None:
            return
        insort(self._places, place)
        self._found[place] = host, route_of(self._peer, host, hop)
        border = self._peer.max_routes
        if len(self._places) <= border:
            self._set(place)
        elif place < self._places[border]:
            self._set(place)
            self._unset(self._places[border])

    def drop(self, place: "_Place") -> None:
        """Take a ban back."""
        if place not in self._found:
            return
        index = bisect_left(self._places, place)
        del self._places[index]
        border = self._peer.max_routes
        if index < border:
            self._unset(place)
            if len(self._places) >= border:
                self._set(self._places[border - 1])
        del self._found[place]

    def take_change(self) -> Change:
        """Give what changed since the last call."""
        before, self._before = self._before, {}
        changed = [(route, self.routes.get(host)) for host, route in before.items()]
        return Change(
            tuple(new for old, new in changed if new is not None and old is None),
            tuple(old for old, new in changed if old is not None and new is None),
        )

    def _set(self, place: "_Place") -> None:
        host, route = self._found[place]
        self._before.setdefault(host, self.routes.get(host))
        self.routes[host] = route

    def _unset(self, place: "_Place") -> None:
        host, _ = self._found[place]
        self._before.setdefault(host, self.routes.pop(host))


def _place(ban: "Ban") -> "_Place":
    """Give the order in which bans count: the oldest first."""
    return ban.started, ban.number
