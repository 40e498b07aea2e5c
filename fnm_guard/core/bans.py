"""The bans that stand: how one begins, is joined, goes on and ends.

A host has one ban at the most.  Every change is a frozen value put in place of the old one, and an event that carries
it; whoever keeps the events knows the bans.

What is announced.  In monitor mode nothing is, whoever wanted the ban: a ban by hand then stands as if, and its `mode`
says so.  Otherwise everything is, but for an outgoing attack that the policy only tells of.  Such a ban becomes
announced as soon as an incoming attack joins it or an operator orders it.

How long.  An automatic ban lasts for the duration of the policy; one by hand as ordered, or the same; only `permanent`
has no end.  When a ban is due while its attack is still seen, it goes on for one more duration, by hand or not, but
never past `extension_limit_seconds` from its start.  An operator may order more than that.  An order without a
duration never shortens a ban.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fnm_guard.core.events import BanAdded, BanExtended, BanJoined, BanRefused, BanRemoved, Refusal, RemovalCause
from fnm_guard.core.life import Ban
from fnm_guard.core.limits import Bounds, HoldOffs, explain_duration
from fnm_guard.core.model import BanOrigin, Direction
from fnm_guard.core.policy import Mode, OutgoingPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netaddr import IPAddress

    from fnm_guard.core.life import Attack
    from fnm_guard.core.policy import BanPolicy

__all__ = ["CONFIGURATION", "DETECTOR", "Bans", "Order"]

DETECTOR = "detector"
"""Who bans, extends and ends by itself, as `by` in bans and events."""

CONFIGURATION = "configuration"
"""Who ends a ban that a new configuration does not allow."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator asks for; `duration_seconds` None is the configured duration."""

    host: "IPAddress"
    by: str
    reason: str = ""
    duration_seconds: float | None = None
    permanent: bool = False


class Bans:
    """The standing bans and the hold-offs.

    Attributes:
        policy: What holds from now on; after a change, `recheck` applies it to the bans that stand.
        holdoffs: A hold-off keeps automatic bans off; one by hand ends it.
    """

    def __init__(self, policy: "BanPolicy", next_number: int = 1) -> None:
        self._bounds = Bounds(policy)
        self.holdoffs = HoldOffs()
        self._next_number = next_number
        self._bans: dict[IPAddress, Ban] = {}

    @property
    def policy(self) -> "BanPolicy":
        """Give the policy in force."""
        return self._bounds.policy

    @policy.setter
    def policy(self, policy: "BanPolicy") -> None:
        self._bounds = Bounds(policy)

    def all(self) -> tuple[Ban, ...]:
        """Give every ban, oldest first."""
        return tuple(sorted(self._bans.values(), key=lambda ban: ban.number))

    def __len__(self) -> int:
        """Give how many stand."""
        return len(self._bans)

    def get(self, host: "IPAddress") -> Ban | None:
        """Give the ban of a host."""
        return self._bans.get(host)

    def has(self, host: "IPAddress") -> bool:
        """Tell whether the host is banned."""
        return host in self._bans

    def owns(self, host: "IPAddress") -> bool:
        """Tell whether the host is in one of our networks."""
        return self._bounds.owns(host)

    def has_room(self) -> bool:
        """Tell whether one more ban is within the limit."""
        return len(self._bans) < self.policy.active_limit

    def due(self, now: float) -> list[Ban]:
        """Give the bans that are due."""
        return [ban for ban in self._bans.values() if _is_due(ban, now)]

    def claim(self, attack: "Attack", now: float) -> BanAdded | BanJoined | BanRefused:
        """Ban the host of an attack, or let the attack join the ban that stands."""
        ban = self._bans.get(attack.host)
        if ban is not None:
            announce = ban.announce or self._announces(attack.direction)
            return BanJoined(now, self._put(replace(ban, joined=attack.number, announce=announce)), attack)
        left = self.holdoffs.left(attack.host, now)
        refusal = self._bounds.refuse(attack.host, len(self._bans), held_off=left > 0)
        if refusal is not None:
            return self._refuse(attack.host, now, refusal, DETECTOR, attack)
        ban = Ban(
            number=self._number(),
            host=attack.host,
            origin=BanOrigin.AUTOMATIC,
            by=DETECTOR,
            reason=_reason(attack),
            started=now,
            expires=now + self.policy.duration_seconds,
            direction=attack.direction,
            power=attack.power,
            attack=attack.number,
            mode=self.policy.mode,
            announce=self._announces(attack.direction),
        )
        self.holdoffs.clear(attack.host)
        return BanAdded(now, self._put(ban), attack)

    def order(self, order: Order, now: float) -> BanAdded | BanExtended | BanRefused:
        """Ban a host by hand, or give the ban that stands a new duration and reason."""
        text = explain_duration(order.host, order.duration_seconds, order.permanent)
        if text is not None:
            return BanRefused(now, order.host, Refusal.BAD_DURATION, text, order.by, None)
        ban = self._bans.get(order.host)
        if ban is not None:
            return self._renew(ban, order, now)
        refusal = self._bounds.refuse(order.host, len(self._bans), held_off=False)
        if refusal is not None:
            return self._refuse(order.host, now, refusal, order.by)
        self.holdoffs.clear(order.host)
        ban = Ban(
            number=self._number(),
            host=order.host,
            origin=BanOrigin.MANUAL,
            by=order.by,
            reason=order.reason,
            started=now,
            expires=self._expiry(order, now),
            mode=self.policy.mode,
            announce=self.policy.mode is Mode.ACT,
        )
        return BanAdded(now, self._put(ban), None)

    def extend(self, ban: Ban, now: float) -> BanExtended | None:
        """Let a due ban go on for one more duration; None: it has lasted as long as extensions may make it."""
        until = min(now + self.policy.duration_seconds, ban.started + self.policy.extension_limit_seconds)
        if until <= now:
            return None
        return BanExtended(now, self._put(replace(ban, expires=until)), DETECTOR)

    def expire(self, ban: Ban, now: float, reason: str) -> BanRemoved:
        """End a ban that is due."""
        del self._bans[ban.host]
        return BanRemoved(now, ban, RemovalCause.EXPIRED, DETECTOR, reason)

    def lift(self, host: "IPAddress", now: float, by: str, reason: str) -> BanRemoved | None:
        """End a ban by hand; None: the host was not banned.  Either way it is held off."""
        self.holdoffs.set(host, now + self.policy.holdoff_seconds)
        ban = self._bans.pop(host, None)
        return None if ban is None else BanRemoved(now, ban, RemovalCause.OPERATOR, by, reason)

    def recheck(self, now: float) -> list[BanRemoved]:
        """End the bans that the policy no longer allows.  The number of bans is no reason to end one."""
        forbidden = [(ban, self._objection(ban)) for ban in self.all()]
        removed = [self._dismiss(ban, now, objection) for ban, objection in forbidden if objection]
        for event in removed:
            del self._bans[event.ban.host]
        return removed

    def restore(self, bans: "Sequence[Ban]", now: float) -> list[BanRemoved]:
        """Take over bans from before, oldest first; those that are due, not allowed or second for their host end."""
        removed = []
        for ban in sorted(bans, key=lambda ban: ban.number):
            self._next_number = max(self._next_number, ban.number + 1)
            objection = "the host has another ban" if self.has(ban.host) else self._objection(ban)
            if _is_due(ban, now):
                removed.append(
                    BanRemoved(now, ban, RemovalCause.EXPIRED, DETECTOR, "fell due while nobody was running")
                )
            elif objection:
                removed.append(self._dismiss(ban, now, objection))
            else:
                self._put(ban)
        return removed

    def _number(self) -> int:
        self._next_number += 1
        return self._next_number - 1

    def _put(self, ban: Ban) -> Ban:
        self._bans[ban.host] = ban
        return ban

    def _announces(self, direction: Direction) -> bool:
        told_only = direction is Direction.OUTGOING and self.policy.outgoing is OutgoingPolicy.TELL
        return self.policy.mode is Mode.ACT and not told_only

    def _expiry(self, order: Order, now: float) -> float | None:
        if order.permanent:
            return None
        return now + (self.policy.duration_seconds if order.duration_seconds is None else order.duration_seconds)

    def _renew(self, ban: Ban, order: Order, now: float) -> BanExtended | BanRefused:
        expires = self._expiry(order, now)
        if order.duration_seconds is None and expires is not None:
            expires = None if ban.expires is None else max(ban.expires, expires)
        announce = self.policy.mode is Mode.ACT
        renewed = replace(ban, expires=expires, reason=order.reason or ban.reason, announce=announce)
        if renewed == ban:
            return self._refuse(ban.host, now, Refusal.ALREADY, order.by)
        return BanExtended(now, self._put(renewed), order.by)

    def _refuse(
        self, host: "IPAddress", now: float, refusal: Refusal, by: str, attack: "Attack | None" = None
    ) -> BanRefused:
        text = self._bounds.explain(refusal, host, len(self._bans), self.holdoffs.left(host, now))
        return BanRefused(now, host, refusal, text, by, attack)

    def _objection(self, ban: Ban) -> str:
        match self._bounds.forbid(ban.host):
            case Refusal.NEVER_BAN:
                return "on the never_ban list"
            case Refusal.NOT_OURS:
                return "in none of our networks"
        return "" if ban.mode is self.policy.mode else f"the mode is now {self.policy.mode}"

    def _dismiss(self, ban: Ban, now: float, objection: str) -> BanRemoved:
        return BanRemoved(now, ban, RemovalCause.CONFIGURATION, CONFIGURATION, objection)


def _is_due(ban: Ban, now: float) -> bool:
    return ban.expires is not None and ban.expires <= now


def _reason(attack: "Attack") -> str:
    group = f" of group {attack.group}" if attack.group else ""
    return f"{attack.direction} {attack.metric} {_figure(attack.rate)} above {_figure(attack.threshold)}{group}"


def _figure(rate: float) -> str:
    return f"{rate:.1f}".removesuffix(".0")
