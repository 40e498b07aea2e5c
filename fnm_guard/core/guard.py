"""The decision as one object: crossings, readings and orders in; events out.

The rules, in the order in which they win:

1. Only hosts of our networks that are not on the never-ban list are banned, whoever wants it.
2. An unban by hand ends a ban at once and holds automatic bans of that host off.
3. A host has one ban; whatever else happens to it joins that ban.
4. A crossing bans at once: attack and ban come out of the same call.
5. Every ban ends when it is due, but for a permanent one; it goes on only while its attack is seen, and not for ever.

A running attack whose host is not banned waits as a claim (`claims.py`) and is decided again when its reason may have
gone.

An attack that outlived every extension of its ban has no claim any more: it takes an operator, or a new crossing after
its end, to ban that host again.

The order of the calls is the order of the world; every call has the time, and the times do not go back.  Nothing here
waits, reads a clock or fails: an order that cannot be followed is an event that says why.
"""

from typing import TYPE_CHECKING

from fnm_guard.core.attacks import Attacks
from fnm_guard.core.bans import Bans, Order
from fnm_guard.core.claims import Claims
from fnm_guard.core.events import AttackEnded, AttackStarted, BanAdded
from fnm_guard.core.model import Direction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netaddr import IPAddress

    from fnm_guard.core.events import BanExtended, BanRemoved, Event
    from fnm_guard.core.life import Attack, Ban
    from fnm_guard.core.model import Audit, Crossing, Reading
    from fnm_guard.core.policy import AttackPolicy, BanPolicy

__all__ = ["Guard"]

_NO_HOLDOFFS: "Mapping[IPAddress, float]" = {}


class Guard:
    """Decides which hosts are under attack and which are banned.

    Args:
        attack_policy: When an attack is over.
        ban_policy: What may be banned, how, and for how long.
        next_attack: Number of the first attack.
        next_ban: Number of the first ban.
    """

    def __init__(
        self, attack_policy: "AttackPolicy", ban_policy: "BanPolicy", next_attack: int = 1, next_ban: int = 1
    ) -> None:
        self._attacks = Attacks(attack_policy, next_attack)
        self._bans = Bans(ban_policy, next_ban)
        self._claims = Claims(self._attacks, self._bans)

    @property
    def crossings_dropped(self) -> int:
        """Crossings that became no attack because the table of running attacks was full."""
        return self._attacks.dropped

    @property
    def holdoffs_dropped(self) -> int:
        """Hold-offs that ended early because their table was full."""
        return self._bans.holdoffs.dropped

    @property
    def attack_count(self) -> int:
        """How many attacks run."""
        return len(self._attacks)

    @property
    def ban_count(self) -> int:
        """How many bans stand."""
        return len(self._bans)

    def attacks(self, start: int = 0, count: int | None = None) -> "tuple[Attack, ...]":
        """Give the running attacks, oldest first: every one, or `count` of them after the first `start`."""
        return self._attacks.all(start, count)

    def is_attacked(self, host: "IPAddress", direction: "Direction") -> bool:
        """Tell whether an attack of the host in a direction runs."""
        return self._attacks.runs(host, direction)

    def attack(self, host: "IPAddress", direction: "Direction") -> "Attack | None":
        """Give the running attack of a host in a direction."""
        return self._attacks.get(host, direction)

    def ban(self, host: "IPAddress") -> "Ban | None":
        """Give the ban of a host."""
        return self._bans.get(host)

    def bans(self) -> "tuple[Ban, ...]":
        """Give the standing bans, oldest first."""
        return self._bans.all()

    def holdoffs(self) -> "Mapping[IPAddress, float]":
        """Give the hosts held off, and until when."""
        return self._bans.holdoffs.all()

    def receive(self, crossings: "Sequence[Crossing]", now: float) -> "list[Event]":
        """Start attacks and ban at once.

        A crossing of an attack that runs, or one too many (`crossings_dropped`), gives no event.
        """
        events: list[Event] = []
        for crossing in crossings:
            attack = self._attacks.begin(crossing)
            if attack is not None:
                events.append(AttackStarted(now, attack))
                events += self._claims.ask(attack, now)
        return events

    def observe(self, readings: "Sequence[Reading]", now: float) -> "list[Event]":
        """Learn how the attacks go on, and end those that are over."""
        ended = [attack for attack in map(self._attacks.observe, readings) if attack is not None]
        for attack in ended:
            self._claims.drop(attack)
        return [AttackEnded(now, attack) for attack in ended]

    def examine(self, audit: "Audit", now: float) -> "Attack | None":
        """Learn an attack's type from its audit packets and give the attack as it is now; None: it does not run."""
        return self._attacks.examine(audit)

    def advance(self, now: float, limit: int | None = None) -> "list[Event]":
        """Let time pass: expiries, extensions, the ends of hold-offs, and the claims that follow from them.

        With a limit no more bans fall due than that, nor claims ask; the others do in the next call.
        """
        events: list[Event] = [self._fall_due(ban, now) for ban in self._bans.due(now)[:limit]]
        self._claims.release(self._bans.holdoffs.end_due(now))
        return events + self._claims.settle(now, limit)

    def order_ban(
        self,
        host: "IPAddress",
        now: float,
        *,
        by: str,
        reason: str = "",
        duration_seconds: float | None = None,
        permanent: bool = False,
    ) -> "list[Event]":
        """Ban a host by hand, or change the duration and reason of its ban.

        Without a duration a new ban lasts as long as an automatic one, and a standing one at least that long from now.
        """
        event = self._bans.order(Order(host, by, reason, duration_seconds, permanent), now)
        if isinstance(event, BanAdded):
            return [event, *self._claims.join_all(host, now)]
        return [event]

    def order_unban(self, host: "IPAddress", now: float, *, by: str, reason: str = "") -> "list[Event]":
        """End the ban of a host and hold automatic bans of it off; no event: it was not banned, and is held off now."""
        removed = self._bans.lift(host, now, by, reason)
        if removed is not None:
            self._claims.open(host)
        self._claims.hold_off(host)
        return [] if removed is None else [removed]

    def order_unban_all(self, now: float, *, by: str, reason: str = "") -> "list[Event]":
        """End every ban.  Hosts whose attacks wait for a place are held off too, or they would take it at once."""
        hosts = [ban.host for ban in self._bans.all()] + self._claims.hosts()
        return [event for host in hosts for event in self.order_unban(host, now, by=by, reason=reason)]

    def restore(
        self, bans: "Sequence[Ban]", now: float, holdoffs: "Mapping[IPAddress, float]" = _NO_HOLDOFFS
    ) -> "list[Event]":
        """Take over the bans and hold-offs from before a start.

        Gives the ends of those bans that are due, no longer allowed, or of the other mode.
        """
        removed = self._bans.restore(bans, now)
        for host, until in holdoffs.items():
            if until > now and not self._bans.has(host):
                self._bans.holdoffs.set(host, until)
        return [*removed]

    def reconfigure(self, attack_policy: "AttackPolicy", ban_policy: "BanPolicy", now: float) -> "list[Event]":
        """Apply new policies: bans no longer allowed end, and every attack without a ban is decided again.

        Attacks of hosts that are ours no more end, as nobody watches them.  A ban of the other mode ends, and its
        attack is decided in the new one, so that people are told what is now the case.
        """
        self._attacks.policy = attack_policy
        self._bans.policy = ban_policy
        removed = self._bans.recheck(now)
        for event in removed:
            self._claims.open(event.ban.host)
        gone = [attack for attack in self._attacks.all() if not self._bans.owns(attack.host)]
        for attack in gone:
            self._claims.drop(attack)
        ended = [AttackEnded(now, self._attacks.end(attack, now)) for attack in gone]
        self._claims.reset()
        return [*removed, *ended, *self._claims.settle(now)]

    def _fall_due(self, ban: "Ban", now: float) -> "BanExtended | BanRemoved":
        is_seen = any(self._attacks.is_visible(ban.host, direction) for direction in Direction)
        extended = self._bans.extend(ban, now) if is_seen else None
        if extended is not None:
            return extended
        if is_seen:
            return self._bans.expire(ban, now, "still attacked, but extended for as long as ban.extension allows")
        self._claims.open(ban.host)
        return self._bans.expire(ban, now, "due")
