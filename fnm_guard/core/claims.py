"""The claims: running attacks whose host is not banned, and why not.

A claim is made when a crossing is refused a ban, or when a ban ends before its attack.  It asks again as soon as its
reason may have gone: a place became free, a hold-off ended, the host of an expired ban is flooded again, the policy
changed.  The oldest attack asks first, and only attacks that are seen ask at all.

Each refusal is told once an attack, unless a ban came between; the claim remembers which ones were.  When a host is
banned, every running attack of it joins the ban at once, so a claim never stands beside a ban.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fnm_guard.core.events import BanAdded, BanRefused, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netaddr import IPAddress

    from fnm_guard.core.attacks import Attacks
    from fnm_guard.core.bans import Bans
    from fnm_guard.core.events import Event
    from fnm_guard.core.life import Attack
    from fnm_guard.core.model import Direction

__all__ = ["Claims"]


@dataclass(slots=True)
class _Claim:
    """One attack's claim.

    Attributes:
        refusal: Why the host was not banned when last asked; None: it asks at the next chance.
        told: The refusals that are not told again.
    """

    host: "IPAddress"
    direction: "Direction"
    refusal: Refusal | None = None
    told: set[Refusal] = field(default_factory=set)


class Claims:
    """Between attacks and bans: who is banned, who joins, who waits."""

    def __init__(self, attacks: "Attacks", bans: "Bans") -> None:
        self._attacks = attacks
        self._bans = bans
        self._claims: dict[int, _Claim] = {}

    def hosts(self) -> "list[IPAddress]":
        """Give the hosts with a claim, each once."""
        return list(dict.fromkeys(claim.host for claim in self._claims.values()))

    def ask(self, attack: "Attack", now: float) -> "list[Event]":
        """Ban the host of an attack, join the ban that stands, or wait."""
        event = self._bans.claim(attack, now)
        if isinstance(event, BanRefused):
            claim = self._open(attack)
            claim.refusal = event.refusal
            if event.refusal in claim.told:
                return []
            claim.told.add(event.refusal)
            return [event]
        self.drop(attack)
        if isinstance(event, BanAdded):
            return [event, *self.join_all(attack.host, now, but=attack.number)]
        return [event]

    def join_all(self, host: "IPAddress", now: float, but: int | None = None) -> "list[Event]":
        """Let the running attacks of a host that has just been banned join, but for the one that led to it."""
        return [event for attack in self._attacks.of(host, but) for event in self.ask(attack, now)]

    def open(self, host: "IPAddress") -> None:
        """Let the running attacks of a host whose ban has ended ask again."""
        for attack in self._attacks.of(host):
            self._open(attack)

    def hold_off(self, host: "IPAddress") -> None:
        """Make the claims of a host wait for the end of its hold-off; the operator needs not be told of it."""
        for attack in self._attacks.of(host):
            claim = self._claims.get(attack.number)
            if claim is not None:
                claim.refusal = Refusal.HELD_OFF
                claim.told.add(Refusal.HELD_OFF)

    def release(self, hosts: "Iterable[IPAddress]") -> None:
        """Let the claims of hosts whose hold-off has ended ask again."""
        for host in hosts:
            for attack in self._attacks.of(host):
                claim = self._claims.get(attack.number)
                if claim is not None:
                    claim.refusal = None

    def reset(self) -> None:
        """Let all claims ask again that are not held off: the policy has changed."""
        for claim in self._claims.values():
            if claim.refusal is not Refusal.HELD_OFF:
                claim.refusal = None

    def drop(self, attack: "Attack") -> None:
        """Forget the claim of an attack that is over or whose host is banned."""
        self._claims.pop(attack.number, None)

    def settle(self, now: float, limit: int | None = None) -> "list[Event]":
        """Let those ask that may, oldest first; with a limit no more than that, and the others in the next call."""
        events: list[Event] = []
        for number in sorted(number for number, claim in self._claims.items() if self._may_ask(claim))[:limit]:
            claim = self._claims.get(number)
            attack = None if claim is None else self._attacks.get(claim.host, claim.direction)
            if claim is not None and attack is not None and self._may_ask(claim):
                events += self.ask(attack, now)
        return events

    def _open(self, attack: "Attack") -> _Claim:
        return self._claims.setdefault(attack.number, _Claim(attack.host, attack.direction))

    def _may_ask(self, claim: _Claim) -> bool:
        if claim.refusal is Refusal.TOO_MANY and not self._bans.has_room():
            return False
        if claim.refusal not in {None, Refusal.TOO_MANY}:
            return False
        return self._attacks.is_visible(claim.host, claim.direction)
