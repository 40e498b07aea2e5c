"""The rules of bans in other words than the core's, as a judge of its events.

It knows which hosts are seen flooded, which are held off and until when, and keeps its own ledger of bans out of the
events alone.
"""

from dataclasses import dataclass, field, replace

from netaddr import IPAddress

from fnm_guard.core.events import BanAdded, BanExtended, BanJoined, BanRefused, BanRemoved, Event, Refusal, RemovalCause
from fnm_guard.core.life import Ban
from fnm_guard.core.model import BanOrigin, Direction
from fnm_guard.core.policy import BanPolicy, Mode, OutgoingPolicy

Key = tuple[IPAddress, Direction]


@dataclass
class Seen:
    """What the model knows of a running attack."""

    number: int
    read: float
    quiet_since: float | None = None
    spent: bool = False
    told: set[Refusal] = field(default_factory=set)


@dataclass
class Judge:
    """What is known by the rules, and the events judged by it.

    Attributes:
        ledger: The standing bans, out of the events.
        holdoffs: Until when hosts are held off, out of the orders.
        seen: The running attacks.
        ordered: Numbers of the bans that an operator ordered or renewed.
    """

    policy: BanPolicy
    now: float = 0.0
    ledger: dict[IPAddress, Ban] = field(default_factory=dict)
    holdoffs: dict[IPAddress, float] = field(default_factory=dict)
    seen: dict[Key, Seen] = field(default_factory=dict)
    ordered: set[int] = field(default_factory=set)
    last_attack: int = 0
    last_ban: int = 0

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
            assert ban.expires == self.now + self.policy.duration_seconds
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
            expires = min(self.now + self.policy.duration_seconds, was.started + self.policy.extension_limit_seconds)
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
                    assert self.now >= ban.started + self.policy.extension_limit_seconds
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
