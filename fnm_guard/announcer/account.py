"""What one peer should hear and what ExaBGP was told for it: the steps from one to the other.

Pure.  A step is one command.  It counts when ExaBGP has answered it, not before; steps may be asked one behind the
other without waiting, and are answered in that order.  What ExaBGP does not understand is asked again route by route,
so that one bad route never holds back ninety-nine good ones; the bad one is left out until the next check.  What cannot
be said at all is never asked.

The books are kept prefix by prefix.  Whatever changes about a prefix (it is wanted, wanted no more, an answer came in),
it alone is looked at again: the difference between wanted and told is always at hand, as two agendas, and a ban that
comes while ten thousand routes wait costs what a ban costs.  A prefix that is on its way waits for its answer.

BGP has one route for a prefix: announcing it with other attributes replaces the old one (RFC 4271, section 3.1).  Such
a change is an announcement alone; a withdrawal beside it would open a hole.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fnm_guard.announcer import commands
from fnm_guard.announcer.agenda import Agenda
from fnm_guard.announcer.commands import GROUP_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netaddr import IPNetwork

    from fnm_guard.core.model import Route
    from fnm_guard.core.policy import PeerProfile

__all__ = ["Account", "Step"]


@dataclass(frozen=True, slots=True)
class Step:
    """One command, and the routes that are told or no longer told once ExaBGP has said `done`.

    Attributes:
        unknown: The prefix that it takes back, of a route that somebody else announced.
    """

    peer: str
    text: str
    announced: "tuple[Route, ...]" = ()
    withdrawn: "tuple[Route, ...]" = ()
    unknown: "IPNetwork | None" = None


class Account:
    """The books of one peer.

    Attributes:
        profile: The peer.
        unknown: Prefixes that ExaBGP holds and we do not know: the routes of a daemon before this one.
        refused: Routes that ExaBGP does not understand, not even alone.
    """

    def __init__(self, profile: "PeerProfile") -> None:
        self.profile = profile
        self.unknown: set[IPNetwork] = set()
        self.refused: set[Route] = set()
        self._wanted: dict[IPNetwork, Route] = {}
        self._barred: dict[IPNetwork, Route] = {}
        self._told: dict[IPNetwork, Route] = {}
        self._before: dict[IPNetwork, bool] = {}
        self._suspects: set[Route] = set()
        self._flying: dict[IPNetwork, int] = {}  # by how much the answer changes the number of routes
        self._flying_sum = 0
        self._announce, self._withdraw = Agenda(), Agenda()
        self._strange: dict[IPNetwork, None] = {}
        self._texts = commands.Attributes()
        self._listed = True

    @property
    def wanted(self) -> "frozenset[Route]":
        """What the peer should hear and can be told."""
        return frozenset(self._wanted.values())

    @property
    def barred(self) -> "frozenset[Route]":
        """What it should hear and cannot be told: a family it has not, a prefix that is no host."""
        return frozenset(self._barred.values())

    @property
    def told(self) -> "frozenset[Route]":
        """What ExaBGP holds for this peer because we said so."""
        return frozenset(self._told.values())

    @property
    def wanted_count(self) -> int:
        """How many routes it should hear, those that cannot be told included."""
        return len(self._wanted) + len(self._barred)

    @property
    def told_count(self) -> int:
        """How many routes ExaBGP holds for it."""
        return len(self._told)

    def holds(self, prefix: "IPNetwork") -> bool:
        """Whether ExaBGP holds that prefix for it because we said so."""
        return prefix in self._told

    def want(self, routes: "Iterable[Route]") -> None:
        """Take all that the peer should hear from now on."""
        new = {route.prefix: route for route in routes}
        gone = [route for route in (*self._wanted.values(), *self._barred.values()) if route.prefix not in new]
        self.change(new.values(), gone)

    def change(self, added: "Iterable[Route]", removed: "Iterable[Route]") -> None:
        """Take what it should hear too, in place of another route of that prefix, and what no longer."""
        for route in removed:
            self._barred.pop(route.prefix, None)
            if self._wanted.pop(route.prefix, None) is not None:
                self._review(route.prefix)
        for route in added:
            if self._wanted.get(route.prefix) == route:
                continue
            if self._is_barred(route):
                self._barred[route.prefix] = route
                self._wanted.pop(route.prefix, None)
            else:
                self._barred.pop(route.prefix, None)
                self._wanted[route.prefix] = route
            self._review(route.prefix)

    def next_step(self) -> "Step | None":
        """Give the next step, which is on its way from now on; None: there is none before an answer comes in.

        A ban never waits, unless the peer would for a while have more routes than it accepts.
        """
        if not self._listed:
            return None
        room = self.profile.max_routes - len(self._told) - len(self.unknown) - self._flying_sum
        if len(self._announce) <= room:
            return self._announcement(GROUP_LIMIT) or self._unknown_step() or self._withdrawal()
        limit = min(room, GROUP_LIMIT) if self._flying else GROUP_LIMIT
        return self._unknown_step() or self._withdrawal() or self._announcement(limit)

    def set_listed(self, listed: bool) -> None:
        """Take whether ExaBGP has this neighbor at all; nothing is said of one it has not."""
        self._listed = listed

    def settle(self, step: Step, *, done: bool) -> None:
        """Enter the answer to a step."""
        if step.unknown is not None and step.unknown in self._flying:
            self.unknown.discard(step.unknown)
            self._land(step.unknown)
        routes = [route for route in step.announced or step.withdrawn if route.prefix in self._flying]
        if not done:
            self._suspect(routes)
        for route in routes:
            if done and step.announced:
                self._tell(route)
            elif done:
                self._untell(route.prefix)
            self._land(route.prefix)

    def start_over(self, listed: "Iterable[IPNetwork]") -> None:
        """Begin with what ExaBGP lists, of which nothing is known: all that is wanted is said again.

        Announcing what ExaBGP holds already, attributes and all, sends nothing to the peer.
        """
        for prefix in list(self._told):
            self._untell(prefix)
        self._compare(set(listed))

    def check(self, listed: "Iterable[IPNetwork]") -> int:
        """Compare with what ExaBGP lists, and give how many prefixes were missing or too many.

        Nothing that was asked may be without its answer.
        """
        holds = set(listed)
        missing = [prefix for prefix in self._told if prefix not in holds]
        for prefix in missing:
            self._untell(prefix)
        strange = {prefix for prefix in holds if prefix not in self._told} if len(holds) != len(self._told) else set()
        if missing or strange or self.unknown or self.refused or self._suspects:
            self._compare(strange)
        return len(missing) + len(self.unknown)

    def forget(self) -> None:
        """ExaBGP is gone, and with it all it was told."""
        self.start_over(())

    def take_changes(self, limit: int) -> "list[tuple[IPNetwork, bool]]":
        """Give up to `limit` prefixes that became told (true) or untold since the last call, in that order."""
        taken: list[tuple[IPNetwork, bool]] = []
        while self._before and len(taken) < limit:
            prefix = next(iter(self._before))
            before = self._before.pop(prefix)
            if before != (prefix in self._told):
                taken.append((prefix, not before))
        return taken

    def _compare(self, listed: "set[IPNetwork]") -> None:
        self._suspects.clear()
        self.refused.clear()
        self._flying.clear()
        self._flying_sum = 0
        self._announce.clear()
        self._withdraw.clear()
        self.unknown = {prefix for prefix in listed if prefix not in self._wanted} if listed else set()
        self._strange = dict.fromkeys(sorted(self.unknown))
        for prefix in self._wanted.keys() | self._told.keys():
            self._review(prefix)

    def _review(self, prefix: "IPNetwork") -> None:
        """Put on the agendas what a prefix needs now."""
        if prefix in self._flying:
            return
        wanted, told = self._wanted.get(prefix), self._told.get(prefix)
        self._announce.discard(prefix)
        self._withdraw.discard(prefix)
        if prefix in self.unknown:
            self._strange.pop(prefix, None) if wanted else self._strange.setdefault(prefix)
        if wanted is not None and not self._is_refused(wanted):
            if wanted != told:
                self._announce.put(wanted, self._texts.of(wanted), alone=self._is_suspect(wanted))
        elif told is not None and told != wanted and not self._is_refused(told):
            self._withdraw.put(told, self._texts.of(told), alone=self._is_suspect(told))

    def _is_refused(self, route: "Route") -> bool:
        return bool(self.refused) and route in self.refused

    def _is_suspect(self, route: "Route") -> bool:
        return bool(self._suspects) and route in self._suspects

    def _announcement(self, limit: int) -> "Step | None":
        text, routes = self._announce.take(limit)
        if not routes:
            return None
        for route in routes:
            self._fly(route.prefix, int(route.prefix not in self._told))
        return Step(self.profile.name, commands.announce(self.profile.address, text, routes), announced=routes)

    def _withdrawal(self) -> "Step | None":
        text, routes = self._withdraw.take(GROUP_LIMIT)
        if not routes:
            return None
        for route in routes:
            self._fly(route.prefix, -1)
        return Step(self.profile.name, commands.withdraw(self.profile.address, text, routes), withdrawn=routes)

    def _unknown_step(self) -> "Step | None":
        prefix = next(iter(self._strange), None)
        if prefix is None:
            return None
        del self._strange[prefix]
        self._fly(prefix, -1)
        return Step(self.profile.name, commands.withdraw_unknown(self.profile.address, prefix), unknown=prefix)

    def _fly(self, prefix: "IPNetwork", difference: int) -> None:
        self._flying[prefix] = difference
        self._flying_sum += difference

    def _land(self, prefix: "IPNetwork") -> None:
        self._flying_sum -= self._flying.pop(prefix)
        self._review(prefix)

    def _tell(self, route: "Route") -> None:
        self._before.setdefault(route.prefix, route.prefix in self._told)
        self._told[route.prefix] = route
        self.unknown.discard(route.prefix)

    def _untell(self, prefix: "IPNetwork") -> None:
        self._before.setdefault(prefix, prefix in self._told)
        self._told.pop(prefix, None)

    def _suspect(self, routes: "list[Route]") -> None:
        """A command was not understood: ask for its routes one by one, and for a single one no more."""
        if len(routes) > 1:
            self._suspects.update(routes)
            return
        self._suspects.difference_update(routes)
        self.refused.update(routes)

    def _is_barred(self, route: "Route") -> bool:
        profile = self.profile
        hop = profile.next_hop_ipv4 if route.prefix.version == 4 else profile.next_hop_ipv6  # noqa: PLR2004 - IPv4
        if hop is None or route.prefix.size != 1:
            return True
        try:
            self._texts.of(route)
        except ValueError:
            return True
        return False
