"""The life of bans under any order of crossings, readings, orders, reloads and restarts.

The judge beside the guard (`judge.py`) is written from the rules, not from the code.  Every event is checked when it
comes, and after every step nothing may be left that the rules want decided.
"""

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from netaddr import IPAddress, IPNetwork, IPSet

from core.judge import Judge, Key, Seen
from core.make import crossing, peer, reading
from fnm_guard.core.events import (
    AttackEnded,
    AttackStarted,
    BanAdded,
    BanRefused,
    BanRemoved,
    Refusal,
)
from fnm_guard.core.guard import Guard
from fnm_guard.core.model import Direction
from fnm_guard.core.policy import AttackPolicy, BanPolicy, Mode, OutgoingPolicy
from fnm_guard.core.routes import wanted_routes

NETWORKS = [IPNetwork("198.51.100.0/24"), IPNetwork("2001:db8:100::/48")]
OURS = [IPAddress(text) for text in ("198.51.100.7", "198.51.100.8", "198.51.100.9", "2001:db8:100::7")]
FOREIGN = IPAddress("203.0.113.9")
HOLD, DURATION, HOLDOFF, LONGEST = 4.0, 30.0, 20.0, 70.0

HOSTS = st.sampled_from([*OURS, *OURS, FOREIGN])
DIRECTIONS = st.sampled_from([Direction.INCOMING, Direction.OUTGOING])


class BanLife(RuleBasedStateMachine):
    """Drives a guard and judges every event."""

    def __init__(self) -> None:
        super().__init__()
        policy = BanPolicy(
            networks=IPSet(NETWORKS),
            duration_seconds=DURATION,
            holdoff_seconds=HOLDOFF,
            active_limit=2,
            extension_limit_seconds=LONGEST,
        )
        self.known = Judge(policy)
        self.guard = Guard(AttackPolicy(hold_seconds=HOLD), policy)

    # What happens to the guard.

    @rule(host=HOSTS, direction=DIRECTIONS)
    def cross(self, host: IPAddress, direction: Direction) -> None:
        """A crossing of a bannable host leads to a ban in the same call, if there is a place."""
        running = self.known.seen.get((host, direction))
        events = self.guard.receive([crossing(host, direction, at=self.known.now)], self.known.now)
        if running is not None:
            running.quiet_since = None
            assert events == []
            return
        assert isinstance(events[0], AttackStarted)
        self.known.last_attack += 1
        assert events[0].attack.number == self.known.last_attack
        self.known.seen[host, direction] = Seen(self.known.last_attack, self.known.now)
        had_room = len(self.known.ledger) < self.known.policy.active_limit
        was_banned = host in self.known.ledger
        self.known.judge(events[1:])
        bannable = self.known.is_allowed(host) and not self.known.is_held_off(host) and had_room
        assert (host in self.known.ledger) == (was_banned or bannable)
        assert was_banned or bannable or isinstance(events[1], BanRefused)

    @rule(key=st.tuples(HOSTS, DIRECTIONS), pps=st.sampled_from([0, 23_999, 24_000, 90_000]))
    def read(self, key: Key, pps: int) -> None:
        """An attack ends when it was quiet for the hold time, by readings without a gap, and only then."""
        events = self.guard.observe([reading(*key, at=self.known.now, pps=pps)], self.known.now)
        running = self.known.seen.get(key)
        if running is None:
            assert events == []
            return
        gap, running.read = self.known.now - running.read, self.known.now
        if pps >= 24_000:
            running.quiet_since = None
        elif running.quiet_since is None or gap > HOLD:
            running.quiet_since = self.known.now
        if running.quiet_since is None or self.known.now - running.quiet_since < HOLD:
            assert events == []
            return
        assert len(events) == 1
        assert isinstance(events[0], AttackEnded)
        assert (events[0].attack.number, events[0].attack.ended) == (running.number, running.quiet_since)
        del self.known.seen[key]

    @rule(seconds=st.sampled_from([0.0, 1.0, 3.0, 10.0, 20.0, 30.0, 75.0]))
    def wait(self, seconds: float) -> None:
        """After `advance` nothing is due, and every host that the rules want banned is."""
        self.known.now += seconds
        self.known.judge(self.guard.advance(self.known.now))
        assert all(ban.expires is None or ban.expires > self.known.now for ban in self.known.ledger.values())
        self.nothing_left_undecided()

    @rule(host=HOSTS, seconds=st.sampled_from([None, -1.0, 5.0, 200.0]), permanent=st.booleans())
    def order_ban(self, host: IPAddress, seconds: float | None, permanent: bool) -> None:
        """An order is followed, or refused for a reason that is true."""
        had_room = len(self.known.ledger) < self.known.policy.active_limit
        was = self.known.ledger.get(host)
        events = self.guard.order_ban(host, self.known.now, by="noc", duration_seconds=seconds, permanent=permanent)
        is_sound = seconds is None or (seconds > 0 and not permanent)
        if not is_sound or not self.known.is_allowed(host) or (was is None and not had_room):
            assert [type(event) for event in events] == [BanRefused]
            assert self.guard.bans() == self.known.listed()
            return
        if isinstance(events[0], BanRefused):
            assert events[0].refusal is Refusal.ALREADY
            assert was is not None
            return
        self.known.holdoffs.pop(host, None)
        self.known.judge(events)
        ban = self.known.ledger[host]
        self.known.ordered.add(ban.number)
        assert (ban.expires is None) == (permanent or (seconds is None and was is not None and was.expires is None))
        assert seconds is None or ban.expires == self.known.now + seconds
        assert ban.announce is (self.known.policy.mode is Mode.ACT)

    @rule(host=HOSTS)
    def order_unban(self, host: IPAddress) -> None:
        """An unban always wins, and says whether anything was banned."""
        was = host in self.known.ledger
        events = self.guard.order_unban(host, self.known.now, by="noc")
        assert len(events) == was
        self.known.holdoffs[host] = self.known.now + HOLDOFF
        self.known.judge(events, may_unban={host})
        assert host not in self.known.ledger

    @rule()
    def order_unban_all(self) -> None:
        """Nothing is banned afterwards, and nothing that waited takes a place."""
        banned = set(self.known.ledger)
        waiting = {host for host, _ in self.known.seen if host not in banned and not self.known.is_spent(host)}
        events = self.guard.order_unban_all(self.known.now, by="noc")
        for host in banned | waiting:
            self.known.holdoffs[host] = self.known.now + HOLDOFF
        self.known.judge(events, may_unban=banned)
        assert self.known.ledger == {}
        assert [event for event in self.guard.advance(self.known.now) if isinstance(event, BanAdded)] == []

    @rule(
        never=st.sets(st.sampled_from(OURS), max_size=2),
        networks=st.sampled_from([NETWORKS, NETWORKS, NETWORKS[:1]]),
        limit=st.integers(0, 4),
        mode=st.sampled_from([Mode.ACT, Mode.ACT, Mode.MONITOR]),
        outgoing=st.sampled_from(OutgoingPolicy),
    )
    def reconfigure(
        self, never: set[IPAddress], networks: list[IPNetwork], limit: int, mode: Mode, outgoing: OutgoingPolicy
    ) -> None:
        """A new policy holds at once, for what stands as well."""
        self.known.policy = replace(
            self.known.policy,
            never_ban=IPSet([IPNetwork(host) for host in never]),
            networks=IPSet(networks),
            active_limit=limit,
            mode=mode,
            outgoing=outgoing,
        )
        events = self.guard.reconfigure(AttackPolicy(hold_seconds=HOLD), self.known.policy, self.known.now)
        ended = {event.attack.number for event in events if isinstance(event, AttackEnded)}
        gone = {key: running for key, running in self.known.seen.items() if key[0] not in self.known.policy.networks}
        assert ended == {running.number for running in gone.values()}
        for key in gone:
            del self.known.seen[key]
        self.known.judge([event for event in events if not isinstance(event, AttackEnded)], is_reload=True)
        self.nothing_left_undecided(may_be_due=True)

    @rule(seconds=st.sampled_from([0.0, 5.0, 40.0]))
    def restart(self, seconds: float) -> None:
        """A new guard takes over what was stored; only what fell due meanwhile ends."""
        self.known.now += seconds
        fell_due = [ban for ban in self.known.listed() if ban.expires is not None and ban.expires <= self.known.now]
        known = self.known
        self.guard = Guard(AttackPolicy(hold_seconds=HOLD), known.policy, known.last_attack + 1, known.last_ban + 1)
        self.known.seen.clear()
        events = self.guard.restore(self.known.listed(), self.known.now, self.known.holdoffs)
        assert [event.ban for event in events if isinstance(event, BanRemoved)] == fell_due
        self.known.judge(events)

    # What must hold at all times.

    @invariant()
    def ledger_is_the_truth(self) -> None:
        """Who keeps the events knows the bans."""
        assert self.guard.bans() == self.known.listed()
        assert {(each.host, each.direction): each.number for each in self.guard.attacks()} == {
            key: running.number for key, running in self.known.seen.items()
        }

    @invariant()
    def holdoffs_are_known(self) -> None:
        """A hold-off lasts until its end or a ban by hand."""
        known = {host: until for host, until in self.guard.holdoffs().items() if until > self.known.now}
        assert known == {host: until for host, until in self.known.holdoffs.items() if until > self.known.now}

    @invariant()
    def every_ban_is_allowed(self) -> None:
        """No foreign host, none of the never-ban list, none without an end that nobody ordered so."""
        for ban in self.known.ledger.values():
            assert self.known.is_allowed(ban.host)
            assert ban.mode is self.known.policy.mode
            assert ban.mode is Mode.ACT or not ban.announce
            assert ban.expires is not None or ban.number in self.known.ordered
            assert not self.known.is_held_off(ban.host)
            if ban.number not in self.known.ordered:
                assert ban.expires is not None
                assert ban.expires <= ban.started + LONGEST

    @invariant()
    def routes_are_the_announced_bans(self) -> None:
        """Exactly the announced bans have a route, and each is one host of ours."""
        routes = wanted_routes(self.guard.bans(), [peer()], self.known.policy)["upstream-a"].routes
        assert {route.prefix for route in routes} == {
            IPNetwork(ban.host) for ban in self.known.ledger.values() if ban.announce
        }

    def nothing_left_undecided(self, may_be_due: bool = False) -> None:
        """A host seen flooded is banned, forbidden, held off, has outlived its ban, or there is no place."""
        for (host, _), running in self.known.seen.items():
            is_wanted = self.known.is_allowed(host) and running.quiet_since is None and not running.spent
            waits = may_be_due and host in self.guard.holdoffs()
            if is_wanted and host not in self.known.ledger and not self.known.is_held_off(host) and not waits:
                assert len(self.known.ledger) >= self.known.policy.active_limit


TestBanLife = BanLife.TestCase
TestBanLife.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
