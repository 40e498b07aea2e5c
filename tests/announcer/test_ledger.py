"""From what ExaBGP was told to what is wanted, with a model of ExaBGP that may lose, refuse and keep routes."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from netaddr import IPAddress, IPNetwork

from announcer.stage import profile, route
from fnm_guard.announcer.account import Account, Step
from fnm_guard.announcer.ledger import Ledger
from fnm_guard.core.model import Route
from fnm_guard.core.wanted import Change

HOSTS = [f"203.0.113.{n}/32" for n in range(6)] + [f"2001:db8:113::{n}/128" for n in range(3)]
ROUTES = [route(host, community) for host in HOSTS for community in ("65535:666", "64500:1")]


def _work(account: Account, exabgp: dict[IPNetwork, Route]) -> list[Step]:
    """Carry out all steps at an ExaBGP that understands everything."""
    steps = []
    while (step := account.next_step()) is not None:
        steps.append(step)
        _obey(step, exabgp)
        account.settle(step, done=True)
    return steps


def _all_steps(ledger: Ledger) -> list[Step]:
    """Take all steps that can be asked without an answer."""
    steps = []
    while (step := ledger.next_step()) is not None:
        steps.append(step)
    return steps


def _obey(step: Step, exabgp: dict[IPNetwork, Route]) -> None:
    exabgp.update({route.prefix: route for route in step.announced})
    for gone in step.withdrawn:
        exabgp.pop(gone.prefix, None)
    if step.unknown is not None:
        exabgp.pop(step.unknown, None)


def _account(max_routes: int = 1000) -> Account:
    return Account(replace(profile(), max_routes=max_routes))


def test_only_the_difference_is_sent() -> None:
    """What ExaBGP was told already is not told again."""
    account, exabgp = _account(), dict[IPNetwork, Route]()
    account.want(frozenset({route(HOSTS[0]), route(HOSTS[1])}))
    assert len(_work(account, exabgp)) == 1
    account.want(frozenset({route(HOSTS[1]), route(HOSTS[2])}))
    texts = [step.text for step in _work(account, exabgp)]
    assert [text.split()[2] for text in texts] == ["announce", "withdraw"]
    assert HOSTS[2] in texts[0]
    assert HOSTS[0] in texts[1]
    account.want(frozenset({route(HOSTS[1]), route(HOSTS[2])}))
    assert _work(account, exabgp) == []
    assert account.told == frozenset(exabgp.values())


def test_other_attributes_replace() -> None:
    """A route that is wanted otherwise is announced again and never withdrawn in between."""
    account, exabgp = _account(), dict[IPNetwork, Route]()
    account.want(frozenset({route(HOSTS[0], "65535:666")}))
    _work(account, exabgp)
    account.want(frozenset({route(HOSTS[0], "64500:1")}))
    (step,) = _work(account, exabgp)
    assert step.announced
    assert account.told == {route(HOSTS[0], "64500:1")}


def test_starting_over_says_everything_again() -> None:
    """After a link began nothing is known of attributes: all that is wanted is said, all else taken back."""
    account = _account()
    exabgp = {IPNetwork(host): route(host, "64500:1") for host in HOSTS[:3]}
    account.want(frozenset({route(HOSTS[0], "65535:666"), route(HOSTS[4], "65535:666")}))
    account.start_over(exabgp)
    _work(account, exabgp)
    assert frozenset(exabgp.values()) == account.wanted == account.told


def test_a_check_that_finds_nothing_costs_nothing() -> None:
    """As long as ExaBGP holds what it was told, nothing is sent."""
    account, exabgp = _account(), dict[IPNetwork, Route]()
    account.want(frozenset({route(HOSTS[0])}))
    _work(account, exabgp)
    assert account.check(exabgp) == 0
    assert account.next_step() is None


def test_a_check_repairs() -> None:
    """What ExaBGP has lost is announced again, what it has and should not is taken back."""
    account, exabgp = _account(), dict[IPNetwork, Route]()
    account.want(frozenset({route(HOSTS[0]), route(HOSTS[1])}))
    _work(account, exabgp)
    del exabgp[IPNetwork(HOSTS[0])]
    exabgp[IPNetwork(HOSTS[5])] = route(HOSTS[5])
    assert account.check(exabgp) == 2
    assert account.told_count == 1
    _work(account, exabgp)
    assert frozenset(exabgp.values()) == account.wanted


def test_a_bad_route_holds_back_no_other() -> None:
    """A command that is not understood is asked again route by route; only the bad one is left out."""
    account = _account()
    bad = route(HOSTS[2])
    account.want(frozenset(route(host) for host in HOSTS[:5]))
    asked = 0
    while (step := account.next_step()) is not None:
        asked += 1
        account.settle(step, done=bad not in step.announced)
    assert account.told == account.wanted - {bad}
    assert account.refused == {bad}
    assert asked == 6
    account.check({item.prefix for item in account.told})
    retried = account.next_step()
    assert retried is not None
    assert retried.announced == (bad,), "the next check gives it another chance"


def test_a_withdrawal_that_is_not_understood() -> None:
    """It is asked again after the next check, and until then the route counts as announced."""
    account, exabgp = _account(), dict[IPNetwork, Route]()
    account.want(frozenset({route(HOSTS[0])}))
    _work(account, exabgp)
    account.want(frozenset())
    step = account.next_step()
    assert step is not None
    account.settle(step, done=False)
    assert account.next_step() is None
    assert account.told_count == 1
    account.check(exabgp)
    _work(account, exabgp)
    assert (account.told_count, exabgp) == (0, {})


def test_what_cannot_be_said_is_never_asked() -> None:
    """A family that the peer has not, a prefix that is no host, a community that is none: counted, not sent."""
    account = Account(replace(profile(), next_hop_ipv6=None))
    wide = Route(IPNetwork("203.0.113.0/24"), IPAddress("192.0.2.1"))
    bad = [route(HOSTS[-1]), wide, route(HOSTS[1], "nonsense")]
    account.want(frozenset([*bad, route(HOSTS[0])]))
    assert account.barred == frozenset(bad)
    (step,) = _work(account, {})
    assert step.announced == (route(HOSTS[0]),)
    account.want(frozenset([*bad[:1], route(HOSTS[0])]))
    assert account.barred == frozenset(bad[:1])


def test_room_is_made_first_when_there_is_none() -> None:
    """A peer near its limit never has more routes than that, not even for a moment; otherwise a ban goes first."""
    for limit, order in ((2, ["withdraw", "announce"]), (4, ["announce", "withdraw"])):
        account, exabgp = _account(max_routes=limit), dict[IPNetwork, Route]()
        account.want(frozenset({route(HOSTS[0]), route(HOSTS[1])}))
        _work(account, exabgp)
        account.want(frozenset({route(HOSTS[2]), route(HOSTS[3])}))
        assert [step.text.split()[2] for step in _work(account, exabgp)] == order


def test_peers_take_turns() -> None:
    """A peer with thousands of routes to hear of delays no other by more than one command."""
    ledger = Ledger([profile("busy", max_routes=5000), profile("other")])
    busy = frozenset(route(f"10.0.{n >> 8}.{n & 255}/32") for n in range(2000))
    ledger.want({"busy": busy, "other": frozenset({route(HOSTS[0])})})
    assert [step.peer for step in _all_steps(ledger)] == ["busy", "other", *["busy"] * 19]


def test_something_new_takes_its_turn_at_once() -> None:
    """What another peer is to hear goes out with the next step: a ban waits for no ten thousand, nor for answers."""
    ledger = Ledger([profile("busy", max_routes=5000), profile("other")])
    busy = frozenset(route(f"10.0.{n >> 8}.{n & 255}/32") for n in range(2000))
    ledger.want({"busy": busy})
    assert [step.peer for step in (ledger.next_step(), ledger.next_step()) if step] == ["busy", "busy"]
    ledger.change({"other": Change(added=(route(HOSTS[0]),))})
    assert [step.peer for step in _all_steps(ledger)] == ["other", *["busy"] * 18]


def test_a_change_is_the_difference() -> None:
    """Only what is added or removed is said; peers that are not named go on as before."""
    ledger = Ledger([profile("a"), profile("b")])
    ledger.want({"a": {route(HOSTS[0]), route(HOSTS[1])}, "b": {route(HOSTS[0])}})
    for step in _all_steps(ledger):
        ledger.settle(step, done=True)
    ledger.change({"a": Change((route(HOSTS[2]),), (route(HOSTS[0]),)), "gone": Change((route(HOSTS[0]),))})
    texts = [step.text.split()[2:5] for step in _all_steps(ledger)]
    assert texts == [["announce", "route", HOSTS[2]], ["withdraw", "route", HOSTS[0]]]
    assert ledger.accounts["a"].wanted == {route(HOSTS[1]), route(HOSTS[2])}


def test_what_is_on_its_way_is_not_asked_twice() -> None:
    """A route that is unwanted before its answer is withdrawn behind it, and one wanted again is not said again."""
    account = _account()
    account.want({route(HOSTS[0]), route(HOSTS[1])})
    first = account.next_step()
    account.want({route(HOSTS[1])})
    assert account.next_step() is None, "the answer decides"
    account.want({route(HOSTS[0]), route(HOSTS[1])})
    account.want({route(HOSTS[1])})
    assert first is not None
    account.settle(first, done=True)
    second = account.next_step()
    assert second is not None
    assert second.withdrawn == (route(HOSTS[0]),)
    account.settle(second, done=True)
    assert account.told == {route(HOSTS[1])}
    assert account.next_step() is None


def test_an_answer_to_what_was_forgotten_changes_nothing() -> None:
    """After ExaBGP was lost, a late answer enters no route."""
    account = _account()
    account.want({route(HOSTS[0])})
    step = account.next_step()
    account.forget()
    assert step is not None
    account.settle(step, done=True)
    account.settle(Step("", "", unknown=IPNetwork(HOSTS[1])), done=True)
    assert account.told_count == 0


def test_what_changed_is_given_once() -> None:
    """History gets every prefix that is told or untold, once, and nothing of what came and went between two looks."""
    ledger = Ledger([profile("a"), profile("b")])
    ledger.want({"a": {route(host) for host in HOSTS[:3]}})
    for step in _all_steps(ledger):
        ledger.settle(step, done=True)
    hosts = [IPNetwork(host) for host in HOSTS]
    taken = ledger.take_changes(2)
    assert taken == [("a", hosts[0], True), ("a", hosts[1], True)]
    ledger.want({"a": {route(HOSTS[2])}})
    for step in _all_steps(ledger):
        ledger.settle(step, done=True)
    ledger.want({"a": {route(HOSTS[1]), route(HOSTS[2])}})
    for step in _all_steps(ledger):
        ledger.settle(step, done=True)
    assert sorted(ledger.take_changes(9)) == [("a", hosts[0], False), ("a", hosts[2], True)]
    assert ledger.take_changes(9) == []
    ledger.replace_peers([profile("b")])
    gone = ledger.take_changes(1)
    gone += ledger.take_changes(9)
    assert sorted(gone) == [("a", hosts[1], False), ("a", hosts[2], False)]
    assert ledger.take_changes(9) == []


def test_a_peer_that_exabgp_has_not_is_told_nothing() -> None:
    """Nothing is asked for a neighbor that ExaBGP does not list."""
    account = _account()
    account.want(frozenset({route(HOSTS[0])}))
    account.set_listed(False)
    assert account.next_step() is None
    account.set_listed(True)
    assert account.next_step() is not None


def test_another_configuration_keeps_the_books() -> None:
    """A peer that stays keeps what it was told; one that goes is forgotten, and an answer for it is nobody's."""
    ledger = Ledger([profile("a"), profile("b")])
    ledger.want({"a": frozenset({route(HOSTS[0])}), "b": frozenset({route(HOSTS[0])})})
    for step in _all_steps(ledger):
        ledger.settle(step, done=True)
    ledger.replace_peers([profile("b", hold_seconds=30), profile("c")])
    assert list(ledger.accounts) == ["b", "c"]
    ledger.want({"b": frozenset({route(HOSTS[0])}), "c": frozenset({route(HOSTS[0])})})
    assert _all_steps(ledger) == [], "ExaBGP does not have the new one yet"
    assert ledger.accounts["b"].told_count == 1
    assert ledger.accounts["b"].profile.hold_seconds == 30
    ledger.settle(Step("a", "", announced=(route(HOSTS[1]),)), done=True)
    ledger.forget()
    assert ledger.accounts["b"].told_count == 0


class Books(RuleBasedStateMachine):
    """Anything may happen between any two steps; once all is answered, ExaBGP holds what is wanted."""

    def __init__(self) -> None:
        super().__init__()
        self.account = _account(max_routes=4)
        self.exabgp: dict[IPNetwork, Route] = {}
        self.asked: list[tuple[Step, bool]] = []
        self.is_clean = True

    @rule(routes=st.sets(st.sampled_from(ROUTES), max_size=8))
    def want(self, routes: set[Route]) -> None:
        """Something else is wanted, as many as the peer accepts; one route a prefix."""
        self.account.want(list({item.prefix: item for item in sorted(routes, key=repr)}.values())[:4])

    @rule(item=st.sampled_from(ROUTES))
    def add_or_remove(self, item: Route) -> None:
        """A ban begins or ends."""
        wanted = {known.prefix: known for known in self.account.wanted}
        if item.prefix in wanted:
            self.account.change((), (wanted[item.prefix],))
        elif len(wanted) < 4:
            self.account.change((item,), ())

    @rule(done=st.booleans())
    def ask(self, done: bool) -> None:
        """One more step is asked; ExaBGP carries it out, or does not understand it, and says so later."""
        step = self.account.next_step()
        if step is not None:
            self.is_clean &= done
            if done:
                _obey(step, self.exabgp)
            self.asked.append((step, done))

    @rule()
    def answer(self) -> None:
        """The oldest answer comes in."""
        if self.asked:
            step, done = self.asked.pop(0)
            self.account.settle(step, done=done)

    @rule(prefix=st.sampled_from(HOSTS))
    def lose(self, prefix: str) -> None:
        """ExaBGP loses a route, and a check finds out once all is answered."""
        self.answer_all()
        self.exabgp.pop(IPNetwork(prefix), None)
        self.account.check(self.exabgp)

    @rule(item=st.sampled_from(ROUTES))
    def meddle(self, item: Route) -> None:
        """Somebody else announces a route, and a new link finds out; what was out stays without an answer."""
        self.exabgp[item.prefix] = item
        self.asked.clear()
        self.is_clean = False
        self.account.start_over(self.exabgp)

    @rule()
    def restart(self) -> None:
        """ExaBGP dies."""
        self.exabgp.clear()
        self.asked.clear()
        self.is_clean = True
        self.account.forget()

    @rule()
    def finish(self) -> None:
        """A check, then everything is answered."""
        self.answer_all()
        self.account.check(self.exabgp)
        _work(self.account, self.exabgp)
        self.is_clean = True
        assert frozenset(self.exabgp.values()) == self.account.wanted == self.account.told

    def answer_all(self) -> None:
        """Everything that was asked is answered."""
        while self.asked:
            self.answer()

    @invariant()
    def the_books_are_true(self) -> None:
        """With every answer in, what counts as told is what ExaBGP holds, route for route."""
        if not self.asked:
            for item in self.account.told:
                assert self.exabgp.get(item.prefix) == item

    @invariant()
    def the_peer_is_never_crowded(self) -> None:
        """As long as ExaBGP does what it is told, it never holds more routes than the peer accepts."""
        if self.is_clean:
            assert len(self.exabgp) <= 4


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@settings(deadline=None)
@given(st.sets(st.sampled_from(ROUTES)), st.sets(st.sampled_from(HOSTS)))
def test_any_leftover_becomes_what_is_wanted(wanted: set[Route], held: set[str]) -> None:
    """Whatever a daemon before this one left, the routes end up as wanted."""
    account = _account()
    exabgp = {IPNetwork(host): route(host, "64500:9") for host in held}
    account.want(frozenset({item.prefix: item for item in wanted}.values()))
    account.start_over(exabgp)
    _work(account, exabgp)
    assert frozenset(exabgp.values()) == account.wanted
