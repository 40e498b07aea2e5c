"""What one peer should hear and what ExaBGP was told for it: the steps from one to the other.

Pure.  A step is one command.  It counts when ExaBGP has answered it, not before.  What ExaBGP does not understand is
asked again route by route, so that one bad route never holds back ninety-nine good ones; the bad one is left out until
the next check.  What cannot be said at all is never asked.

A plan is the list of steps for one state of the books, so that ten thousand routes are compared once and not once a
command.  As soon as something else is wanted or an answer was bad it is stale: nothing more is asked, the answers that
are due come in, and another is made.
"""

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from fnm_guard.announcer import commands
from fnm_guard.core.reconcile import difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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


@dataclass(slots=True)
class Account:
    """The books of one peer.

    Attributes:
        wanted: What it should hear and can be told.
        barred: What it should hear and cannot be told: a family it has not, a prefix that is no host.
        unknown: Prefixes that ExaBGP holds and we do not know: the routes of a daemon before this one.
        refused: Routes that ExaBGP does not understand, not even alone.
    """

    profile: "PeerProfile"
    wanted: "frozenset[Route]" = frozenset()
    barred: "frozenset[Route]" = frozenset()
    unknown: "set[IPNetwork]" = field(default_factory=set)
    refused: "set[Route]" = field(default_factory=set)
    _listed: bool = True
    _told: "dict[IPNetwork, Route]" = field(default_factory=dict)
    _told_routes: "set[Route]" = field(default_factory=set)
    _suspects: "set[Route]" = field(default_factory=set)
    _plan: "Iterator[Step] | None" = None

    @property
    def told(self) -> "frozenset[Route]":
        """What ExaBGP holds for this peer because we said so."""
        return frozenset(self._told_routes)

    @property
    def told_count(self) -> int:
        """How many routes that are."""
        return len(self._told_routes)

    def want(self, routes: "frozenset[Route]") -> None:
        """Take what the peer should hear from now on."""
        new = routes - self.wanted - self.barred
        if not new and len(routes) == len(self.wanted) + len(self.barred):
            return
        self.barred = (self.barred & routes).union(route for route in new if self._is_barred(route))
        self.wanted = routes - self.barred
        self._plan = None

    @property
    def is_stale(self) -> bool:
        """Whether the plan no longer leads to what is wanted."""
        return self._plan is None

    def make_plan(self) -> None:
        """Make the plan anew if it is stale.  Nothing that was asked may be without its answer."""
        if self._plan is None:
            self._plan = self._difference() if self._listed else iter(())

    def next_step(self) -> "Step | None":
        """Give the next step of the plan; None when there is none, or the plan is stale."""
        return None if self._plan is None else next(self._plan, None)

    def set_listed(self, listed: bool) -> None:
        """Take whether ExaBGP has this neighbor at all; nothing is said of one it has not."""
        if listed != self._listed:
            self._listed, self._plan = listed, None

    def settle(self, step: Step, *, done: bool) -> None:
        """Enter the answer to a step."""
        if step.unknown is not None:
            self.unknown.discard(step.unknown)
        elif done:
            self._drop(step.withdrawn)
            self._add(step.announced)
        else:
            self._suspect(step.announced or step.withdrawn)
            self._plan = None

    def start_over(self, listed: "Iterable[IPNetwork]") -> None:
        """Begin with what ExaBGP lists, of which nothing is known: all that is wanted is said again.

        Announcing what ExaBGP holds already, attributes and all, sends nothing to the peer.
        """
        self.forget()
        self._compare(set(listed))

    def check(self, listed: "Iterable[IPNetwork]") -> int:
        """Compare with what ExaBGP lists, and give how many prefixes were missing or too many."""
        holds = set(listed)
        missing = [route for prefix, route in self._told.items() if prefix not in holds]
        self._drop(missing)
        self._compare(holds - self._told.keys())
        return len(missing) + len(self.unknown)

    def forget(self) -> None:
        """ExaBGP is gone, and with it all it was told."""
        self._told.clear()
        self._told_routes.clear()
        self._compare(set())

    def _compare(self, listed: "set[IPNetwork]") -> None:
        self._suspects.clear()
        self.refused.clear()
        self.unknown = listed - {route.prefix for route in self.wanted} if listed else set()
        self._plan = None

    def _is_barred(self, route: "Route") -> bool:
        profile = self.profile
        hop = profile.next_hop_ipv4 if route.prefix.version == 4 else profile.next_hop_ipv6  # noqa: PLR2004 - IPv4
        if hop is None or route.prefix.size != 1:
            return True
        try:
            commands.attributes(route)
        except ValueError:
            return True
        return False

    def _add(self, routes: "Iterable[Route]") -> None:
        for route in routes:
            old = self._told.get(route.prefix)
            if old is not None:
                self._told_routes.discard(old)
            self._told[route.prefix] = route
            self._told_routes.add(route)

    def _drop(self, routes: "Iterable[Route]") -> None:
        for route in routes:
            self._told.pop(route.prefix, None)
            self._told_routes.discard(route)

    def _suspect(self, routes: "tuple[Route, ...]") -> None:
        """A command was not understood: ask for its routes one by one, and for a single one no more."""
        if len(routes) > 1:
            self._suspects.update(routes)
            return
        self._suspects.difference_update(routes)
        self.refused.update(routes)

    def _difference(self) -> "Iterator[Step]":
        told = self.told
        # Only what differs is compared by prefix: of ten thousand routes that is often one.
        open_ = difference(self.wanted - told - self.refused, told - self.wanted - self.refused)
        announce = self._steps(open_.announce, announce=True)
        withdraw = chain(self._unknown_steps(), self._steps(open_.withdraw, announce=False))
        # A ban never waits, unless the peer would for a while have more routes than it accepts.
        crowded = len(told) + len(self.unknown) + len(open_.announce) > self.profile.max_routes
        return chain(withdraw, announce) if crowded else chain(announce, withdraw)

    def _unknown_steps(self) -> "Iterator[Step]":
        wanted = {route.prefix for route in self.wanted} if self.unknown else set()
        for prefix in sorted(self.unknown - wanted):
            yield Step(self.profile.name, commands.withdraw_unknown(self.profile.address, prefix), unknown=prefix)

    def _steps(self, routes: "Sequence[Route]", *, announce: bool) -> "Iterator[Step]":
        say = commands.announce if announce else commands.withdraw
        together = [route for route in routes if route not in self._suspects]
        for group in (together, *([route] for route in routes if route in self._suspects)):
            for text, members in say(self.profile.address, group):
                if announce:
                    yield Step(self.profile.name, text, announced=members)
                else:
                    yield Step(self.profile.name, text, withdrawn=members)
