"""The life of bans under any order of crossings, readings, orders, reloads and restarts.

The model beside the guard is written from the rules, not from the code: it knows which hosts are seen flooded, which
are held off and until when, and keeps its own ledger of bans out of the events alone.  Every event is checked against
it when it comes, and after every step nothing may be left that the rules want decided.
"""

from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from netaddr import IPAddress, IPNetwork, IPSet

from core.make import crossing, peer, reading
from fnm_guard.core.events import (
    AttackEnded,
    AttackStarted,
    BanAdded,
    BanExtended,
    BanJoined,
    BanRefused,
    BanRemoved,
    Event,
    Refusal,
    RemovalCause,
)
from fnm_guard.core.guard import Guard
from fnm_guard.core.life import Ban
from fnm_guard.core.model import AttackPolicy, BanOrigin, BanPolicy, Direction, Mode, OutgoingPolicy
from fnm_guard.core.routes import wanted_routes

NETWORKS = [IPNetwork("198.51.100.0/24"), IPNetwork("2001:db8:100::/48")]
OURS = [IPAddress(text) for text in ("198.51.100.7", "198.51.100.8", "198.51.100.9", "2001:db8:100::7")]
FOREIGN = IPAddress("203.0.113.9")
HOLD, DURATION, HOLDOFF, LONGEST = 4.0, 30.0, 20.0, 70.0

HOSTS = st.sampled_from([*OURS, *OURS, FOREIGN])
DIRECTIONS = st.sampled_from([Direction.INCOMING, Direction.OUTGOING])

Key = tuple[IPAddress, Direction]


@dataclass
class Seen:
    """What the model knows of a running attack."""

    number: int
    read: float
    quiet_since: float | None = None
    spent: bool = False
    told: set[Refusal] = field(default_factory=set)


class BanLife(RuleBasedStateMachine):
    """Drives a guard and judges every event."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.policy = BanPolicy(
            networks=IPSet(NETWORKS),
            duration_seconds=DURATION,
            holdoff_seconds=HOLDOFF,
            active_limit=2,
            extension_limit_seconds=LONGEST,
        )
        self.guard = Guard(AttackPolicy(hold_seconds=HOLD), self.policy)
        self.ledger: dict[IPAddress, Ban] = {}
        self.holdoffs: dict[IPAddress, float] = {}
        self.seen: dict[Key, Seen] = {}
        self.ordered: dict[int, float | None] = {}
        self.last_attack = self.last_ban = 0

    # What happens to the guard.

    @rule(host=HOSTS, direction=DIRECTIONS)
    def cross(self, host: IPAddress, direction: Direction) -> None:
        """A crossing of a bannable host leads to a ban in the same call, if there is a place."""
        running = self.seen.get((host, direction))
        events = self.guard.receive([crossing(host, direction, at=self.now)], self.now)
        if running is not None:
            running.quiet_since = None
            assert events == []
            return
        assert isinstance(events[0], AttackStarted)
        self.last_attack += 1
        assert events[0].attack.number == self.last_attack
        self.seen[host, direction] = Seen(self.last_attack, self.now)
        had_room = len(self.ledger) < self.policy.active_limit
        was_banned = host in self.ledger
        self.judge(events[1:])
        bannable = self.is_allowed(host) and not self.is_held_off(host) and had_room
        assert (host in self.ledger) == (was_banned or bannable)
        assert was_banned or bannable or isinstance(events[1], BanRefused)

    @rule(key=st.tuples(HOSTS, DIRECTIONS), pps=st.sampled_from([0, 23_999, 24_000, 90_000]))
    def read(self, key: Key, pps: int) -> None:
        """An attack ends when it was quiet for the hold time, by readings without a gap, and only then."""
        events = self.guard.observe([reading(*key, at=self.now, pps=pps)], self.now)
        running = self.seen.get(key)
        if running is None:
            assert events == []
            return
        gap, running.read = self.now - running.read, self.now
        if pps >= 24_000:
            running.quiet_since = None
        elif running.quiet_since is None or gap > HOLD:
            running.quiet_since = self.now
        if running.quiet_since is None or self.now - running.quiet_since < HOLD:
            assert events == []
            return
        assert len(events) == 1
        assert isinstance(events[0], AttackEnded)
        assert (events[0].attack.number, events[0].attack.ended) == (running.number, running.quiet_since)
        del self.seen[key]

    @rule(seconds=st.sampled_from([0.0, 1.0, 3.0, 10.0, 20.0, 30.0, 75.0]))
    def wait(self, seconds: float) -> None:
        """After `advance` nothing is due, and every host that the rules want banned is."""
        self.now += seconds
        self.judge(self.guard.advance(self.now))
        assert all(ban.expires is None or ban.expires > self.now for ban in self.ledger.values())
        self.nothing_left_undecided()

    @rule(host=HOSTS, seconds=st.sampled_from([None, -1.0, 5.0, 200.0]), permanent=st.booleans())
    def order_ban(self, host: IPAddress, seconds: float | None, permanent: bool) -> None:
        """An order is followed, or refused for a reason that is true."""
        had_room = len(self.ledger) < self.policy.active_limit
        was = self.ledger.get(host)
        events = self.guard.order_ban(host, self.now, by="noc", duration_seconds=seconds, permanent=permanent)
        is_sound = seconds is None or (seconds > 0 and not permanent)
        if not is_sound or not self.is_allowed(host) or (was is None and not had_room):
            assert [type(event) for event in events] == [BanRefused]
            assert self.guard.bans() == self.listed()
            return
        if isinstance(events[0], BanRefused):
            assert events[0].refusal is Refusal.ALREADY
            assert was is not None
            return
        self.holdoffs.pop(host, None)
        self.judge(events)
        ban = self.ledger[host]
        self.ordered[ban.number] = ban.expires
        assert (ban.expires is None) == (permanent or (seconds is None and was is not None and was.expires is None))
        assert seconds is None or ban.expires == self.now + seconds
        assert ban.announce is (self.policy.mode is Mode.ACT)

    @rule(host=HOSTS)
    def order_unban(self, host: IPAddress) -> None:
        """An unban always wins, and says whether anything was banned."""
        was = host in self.ledger
        events = self.guard.order_unban(host, self.now, by="noc")
        assert len(events) == was
        self.holdoffs[host] = self.now + HOLDOFF
        self.judge(events, may_unban={host})
        assert host not in self.ledger

    @rule()
    def order_unban_all(self) -> None:
        """Nothing is banned afterwards, and nothing that waited takes a place."""
        waiting = {host for host, _ in self.seen if host not in self.ledger and not self.is_spent(host)}
        banned = set(self.ledger)
        events = self.guard.order_unban_all(self.now, by="noc")
        for host in banned | waiting:
            self.holdoffs[host] = self.now + HOLDOFF
        self.judge(events, may_unban=banned)
        assert self.ledger == {}
        assert [event for event in self.guard.advance(self.now) if isinstance(event, BanAdded)] == []

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
        self.policy = replace(
            self.policy,
            never_ban=IPSet([IPNetwork(host) for host in never]),
            networks=IPSet(networks),
            active_limit=limit,
            mode=mode,
            outgoing=outgoing,
        )
        events = self.guard.reconfigure(AttackPolicy(hold_seconds=HOLD), self.policy, self.now)
        ended = {event.attack.number for event in events if isinstance(event, AttackEnded)}
        gone = {key: running for key, running in self.seen.items() if key[0] not in self.policy.networks}
        assert ended == {running.number for running in gone.values()}
        for key in gone:
            del self.seen[key]
        self.judge([event for event in events if not isinstance(event, AttackEnded)], is_reload=True)
        self.nothing_left_undecided(may_be_due=True)

    @rule(seconds=st.sampled_from([0.0, 5.0, 40.0]))
    def restart(self, seconds: float) -> None:
        """A new guard takes over what was stored; only what fell due meanwhile ends."""
        self.now += seconds
        fell_due = [ban for ban in self.listed() if ban.expires is not None and ban.expires <= self.now]
        self.guard = Guard(
            AttackPolicy(hold_seconds=HOLD), self.policy, next_attack=self.last_attack + 1, next_ban=self.last_ban + 1
        )
        self.seen.clear()
        events = self.guard.restore(self.listed(), self.now, self.holdoffs)
        assert [event.ban for event in events if isinstance(event, BanRemoved)] == fell_due
        self.judge(events)

    # What the guard may say.

    def judge(
        self,
        events: list[Event],
        may_unban: "set[IPAddress] | frozenset[IPAddress]" = frozenset(),
        is_reload: bool = False,
    ) -> None:
        """Enter the events into the ledger, each only if the rules allow it now."""
        for event in events:
            assert event.at == self.now
            match event:
                case BanAdded():
                    self.judge_added(event)
                case BanJoined():
                    self.judge_joined(event)
                case BanExtended():
                    self.judge_extended(event)
                case BanRemoved():
                    self.judge_removed(event, may_unban, is_reload)
                case BanRefused():
                    self.judge_refused(event)
                case _:
                    raise AssertionError(event)

    def judge_added(self, event: BanAdded) -> None:
        """A ban begins only for a host that may be banned, once, below the limit, and with an end."""
        ban = event.ban
        assert self.is_allowed(ban.host)
        assert ban.host not in self.ledger
        assert len(self.ledger) < self.policy.active_limit
        assert ban.number > self.last_ban
        self.last_ban = ban.number
        if ban.origin is BanOrigin.AUTOMATIC:
            assert event.attack is not None
            running = self.seen[ban.host, event.attack.direction]
            assert (running.number, running.quiet_since) == (event.attack.number, None)
            assert not self.is_held_off(ban.host)
            assert ban.expires == self.now + DURATION
            assert ban.announce == self.announces(event.attack.direction)
        self.ledger[ban.host] = ban
        for direction in Direction:
            if (ban.host, direction) in self.seen:
                self.seen[ban.host, direction].spent = False
                self.seen[ban.host, direction].told.clear()

    def judge_joined(self, event: BanJoined) -> None:
        """An attack that runs joins a ban that stands; only `joined` and `announce` change, and silence never grows."""
        was = self.ledger[event.ban.host]
        assert self.seen[event.attack.host, event.attack.direction].number == event.attack.number
        announce = was.announce or self.announces(event.attack.direction)
        assert event.ban == replace(was, joined=event.attack.number, announce=announce)
        self.ledger[was.host] = event.ban

    def judge_extended(self, event: BanExtended) -> None:
        """The detector extends what is due and seen, within the longest life."""
        was = self.ledger[event.ban.host]
        if event.by == "detector":
            assert was.expires is not None
            assert was.expires <= self.now
            assert self.is_seen(was.host)
            expires = min(self.now + DURATION, was.started + LONGEST)
            assert event.ban == replace(was, expires=expires)
            assert expires > self.now
        self.ledger[was.host] = event.ban

    def judge_removed(
        self, event: BanRemoved, may_unban: "set[IPAddress] | frozenset[IPAddress]", is_reload: bool
    ) -> None:
        """A ban ends for one of three reasons, and each is true."""
        ban = self.ledger.pop(event.ban.host)
        assert event.ban == ban
        match event.cause:
            case RemovalCause.OPERATOR:
                assert ban.host in may_unban
            case RemovalCause.CONFIGURATION:
                assert is_reload
                assert not self.is_allowed(ban.host) or ban.mode is not self.policy.mode
            case RemovalCause.EXPIRED:
                assert ban.expires is not None
                assert ban.expires <= self.now
                if self.is_seen(ban.host):
                    assert self.now >= ban.started + LONGEST
                    self.spend(ban.host)

    def judge_refused(self, event: BanRefused) -> None:
        """A refusal is true, and told once an attack unless a ban came between."""
        assert event.attack is not None
        told = self.seen[event.host, event.attack.direction].told
        assert event.refusal not in told
        told.add(event.refusal)
        assert event.text.startswith(f"{event.host} not banned: ")
        assert event.host not in self.ledger
        match event.refusal:
            case Refusal.NEVER_BAN:
                assert event.host in self.policy.never_ban
            case Refusal.NOT_OURS:
                assert event.host not in self.policy.networks
            case Refusal.HELD_OFF:
                assert self.is_held_off(event.host)
            case _:
                assert event.refusal is Refusal.TOO_MANY
                assert len(self.ledger) >= self.policy.active_limit

    # What must hold at all times.

    @invariant()
    def ledger_is_the_truth(self) -> None:
        """Who keeps the events knows the bans."""
        assert self.guard.bans() == self.listed()
        assert {(each.host, each.direction): each.number for each in self.guard.attacks()} == {
            key: running.number for key, running in self.seen.items()
        }

    @invariant()
    def holdoffs_are_known(self) -> None:
        """A hold-off lasts until its end or a ban by hand."""
        known = {host: until for host, until in self.guard.holdoffs().items() if until > self.now}
        assert known == {host: until for host, until in self.holdoffs.items() if until > self.now}

    @invariant()
    def every_ban_is_allowed(self) -> None:
        """No foreign host, none of the never-ban list, none without an end that nobody ordered so."""
        for ban in self.ledger.values():
            assert self.is_allowed(ban.host)
            assert ban.mode is self.policy.mode
            assert ban.mode is Mode.ACT or not ban.announce
            assert ban.expires is not None or ban.number in self.ordered
            assert not self.is_held_off(ban.host)
            if ban.number not in self.ordered:
                assert ban.expires is not None
                assert ban.expires <= ban.started + LONGEST

    @invariant()
    def routes_are_the_announced_bans(self) -> None:
        """Exactly the announced bans have a route, and each is one host of ours."""
        routes = wanted_routes(self.guard.bans(), [peer()], self.policy)["upstream-a"].routes
        assert {route.prefix for route in routes} == {
            IPNetwork(ban.host) for ban in self.ledger.values() if ban.announce
        }

    # The rules, in the model's words.

    def nothing_left_undecided(self, may_be_due: bool = False) -> None:
        """A host seen flooded is banned, forbidden, held off, has outlived its ban, or there is no place."""
        for (host, _), running in self.seen.items():
            is_wanted = self.is_allowed(host) and running.quiet_since is None and not running.spent
            waits = may_be_due and host in self.guard.holdoffs()
            if is_wanted and host not in self.ledger and not self.is_held_off(host) and not waits:
                assert len(self.ledger) >= self.policy.active_limit

    def listed(self) -> tuple[Ban, ...]:
        """Give the ledger, oldest first."""
        return tuple(sorted(self.ledger.values(), key=lambda ban: ban.number))

    def is_allowed(self, host: IPAddress) -> bool:
        """Tell whether the host may be banned at all."""
        return any(host in network for network in self.policy.networks.iter_cidrs()) and not any(
            host in network for network in self.policy.never_ban.iter_cidrs()
        )

    def is_held_off(self, host: IPAddress) -> bool:
        """Tell whether an operator unbanned it just now."""
        return self.holdoffs.get(host, self.now) > self.now

    def is_seen(self, host: IPAddress) -> bool:
        """Tell whether any attack of the host was loud when last read."""
        return any(key[0] == host and running.quiet_since is None for key, running in self.seen.items())

    def is_spent(self, host: IPAddress) -> bool:
        """Tell whether all attacks of the host have outlived their ban."""
        return all(running.spent for key, running in self.seen.items() if key[0] == host)

    def spend(self, host: IPAddress) -> None:
        """Note that the host's attacks get no ban any more."""
        for key, running in self.seen.items():
            if key[0] == host:
                running.spent = True

    def announces(self, direction: Direction) -> bool:
        """Tell whether an attack in that direction is announced."""
        if self.policy.mode is Mode.MONITOR:
            return False
        return direction is Direction.INCOMING or self.policy.outgoing is OutgoingPolicy.ANNOUNCE


TestBanLife = BanLife.TestCase
TestBanLife.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
