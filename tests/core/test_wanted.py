"""The wanted routes, changed ban by ban, against the definition."""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from netaddr import IPAddress

from core.make import HOST, NEVER, OTHER_HOST, attack, ban, crossing, guard, peer, policy
from fnm_guard.core.events import AttackEnded, BanAdded, BanExtended, BanRemoved, Event, RemovalCause
from fnm_guard.core.life import Ban
from fnm_guard.core.model import Direction, Route
from fnm_guard.core.policy import Mode, OutgoingPolicy
from fnm_guard.core.routes import wanted_routes
from fnm_guard.core.wanted import Change, WantedBook

PEERS = (
    peer("all"),
    peer("two", max_routes=2),
    peer("six", next_hop_ipv4=None, max_routes=1),
    peer("four", next_hop_ipv6=None, max_routes=3),
    peer("none", max_routes=0),
)
HOSTS = [IPAddress(f"198.51.100.{n}") for n in range(6)] + [IPAddress(f"2001:db8:100::{n}") for n in range(3)]
FOREIGN_HOST = IPAddress("203.0.113.9")


def added(item: Ban) -> BanAdded:
    """Give the event of a ban that begins."""
    return BanAdded(item.started, item, None)


def removed(item: Ban) -> BanRemoved:
    """Give the event of a ban that ends."""
    return BanRemoved(item.started, item, RemovalCause.EXPIRED, "detector", "due")


def prefixes(routes: tuple[Route, ...]) -> list[str]:
    """Give the prefixes of some routes."""
    return sorted(str(item.prefix) for item in routes)


def test_a_ban_is_added_and_removed() -> None:
    """The change is the one route, for the peers that it concerns."""
    book = WantedBook((), (peer("a"), peer("b", next_hop_ipv4=None)), policy())
    changes = book.follow([added(ban())])
    assert list(changes) == ["a"]
    assert prefixes(changes["a"].added) == ["198.51.100.7/32"]
    assert book.peers_of(HOST) == ("a",)
    changes = book.follow([removed(ban())])
    assert (changes["a"].added, prefixes(changes["a"].removed)) == ((), ["198.51.100.7/32"])
    assert book.routes() == {"a": frozenset(), "b": frozenset()}


def test_what_came_and_went_changes_nothing() -> None:
    """A ban that begins and ends in one call, or ends and begins again, is no change."""
    book = WantedBook((), (peer("a"),), policy())
    assert book.follow([added(ban()), removed(ban())]) == {}
    book.follow([added(ban())])
    assert book.follow([removed(ban()), added(ban(2))]) == {}
    assert book.follow([AttackEnded(1.0, attack())]) == {}
    assert book.follow([BanExtended(1.0, replace(ban(2), expires=9.0), "detector")]) == {}


def test_a_ban_that_is_only_told_now_is_removed() -> None:
    """Whatever makes a ban one that is not announced takes its route back."""
    book = WantedBook([ban()], (peer("a"),), policy())
    (change,) = book.follow([BanExtended(1.0, replace(ban(), announce=False), "noc")]).values()
    assert prefixes(change.removed) == ["198.51.100.7/32"]


def test_a_full_peer_hears_of_the_next_when_there_is_room() -> None:
    """What was left out comes in when an older ban ends, and goes when an older one is announced."""
    book = WantedBook((), (peer("a", max_routes=1),), policy())
    book.follow([added(ban(1)), added(ban(2, OTHER_HOST, started=5.0))])
    assert book.left_out() == {"a": 1}
    changes = book.follow([removed(ban(1))])
    assert changes["a"] == Change(tuple(book.routes()["a"]), changes["a"].removed)
    assert (prefixes(changes["a"].added), prefixes(changes["a"].removed)) == (["198.51.100.8/32"], ["198.51.100.7/32"])
    changes = book.follow([added(ban(1))])
    assert (prefixes(changes["a"].added), prefixes(changes["a"].removed)) == (["198.51.100.7/32"], ["198.51.100.8/32"])


def test_the_last_place_before_bgp() -> None:
    """Whatever a ban says, a host on the never-ban list, or of no network of ours, has no route."""
    book = WantedBook([ban(1, NEVER), ban(2, FOREIGN_HOST)], PEERS, policy())
    assert book.follow([added(ban(3, NEVER)), added(ban(4, FOREIGN_HOST))]) == {}
    assert not any(book.routes().values())


def test_wrong_bans_are_counted() -> None:
    """A ban that is missing, at another place, or stands here alone is found."""
    right = [ban(1), ban(2, OTHER_HOST), ban(3, NEVER), ban(4, HOSTS[5], mode=Mode.MONITOR)]
    assert WantedBook(right, PEERS, policy()).count_wrong(right, 4) == 0
    assert WantedBook(right[1:], PEERS, policy()).count_wrong(right, 4) == 1
    assert WantedBook([ban(9), *right[1:]], PEERS, policy()).count_wrong(right, 4) == 1
    assert WantedBook([*right, ban(5, HOSTS[4])], PEERS, policy()).count_wrong(right[:2], 2) == 1


class Life(RuleBasedStateMachine):
    """Whatever happens to bans, the book says what the definition says of all of them, and the changes add up to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.policy = policy(active_limit=6, duration_seconds=20, outgoing=OutgoingPolicy.TELL, holdoff_seconds=5)
        self.guard = guard(active_limit=6, duration_seconds=20, outgoing=OutgoingPolicy.TELL, holdoff_seconds=5)
        self.book = WantedBook((), PEERS, self.policy)
        self.heard: dict[str, set[Route]] = {profile.name: set() for profile in PEERS}
        self.waiting: list[Event] = []

    def happened(self, events: list[Event]) -> None:
        """Keep the events until `follow`."""
        self.waiting += events

    @rule(host=st.sampled_from(HOSTS), direction=st.sampled_from([Direction.INCOMING, Direction.OUTGOING]))
    def cross(self, host: IPAddress, direction: Direction) -> None:
        """A host is attacked."""
        self.happened(self.guard.receive([crossing(host, direction, self.now)], self.now))

    @rule(host=st.sampled_from(HOSTS))
    def order_ban(self, host: IPAddress) -> None:
        """An operator bans a host; it may have been told only."""
        self.happened(self.guard.order_ban(host, self.now, by="noc"))

    @rule(host=st.sampled_from(HOSTS))
    def order_unban(self, host: IPAddress) -> None:
        """An operator unbans a host."""
        self.happened(self.guard.order_unban(host, self.now, by="noc"))

    @rule(seconds=st.sampled_from([0.0, 1.0, 21.0]), limit=st.sampled_from([None, 1, 2]))
    def advance(self, seconds: float, limit: int | None) -> None:
        """Time passes; some bans fall due, in slices."""
        self.now += seconds
        self.happened(self.guard.advance(self.now, limit))

    @rule()
    def follow(self) -> None:
        """The book hears of what happened, however much that is."""
        events, self.waiting = self.waiting, []
        for name, change in self.book.follow(events).items():
            assert self.heard[name].isdisjoint(change.added)
            assert self.heard[name].issuperset(change.removed)
            self.heard[name] = self.heard[name].difference(change.removed).union(change.added)

    @invariant()
    def it_is_the_definition(self) -> None:
        """Routes, what is left out, and what was heard."""
        if self.waiting:
            return
        bans = self.guard.bans()
        wanted = wanted_routes(bans, PEERS, self.policy)
        assert self.book.routes() == {name: item.routes for name, item in wanted.items()} == self.heard
        assert self.book.left_out() == {name: len(item.left_out) for name, item in wanted.items()}
        assert self.book.count_wrong(bans, len(bans)) == 0
        assert self.book.routes() == WantedBook(bans, PEERS, self.policy).routes()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
