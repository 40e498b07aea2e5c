"""The notifications' sink: when people are told what.

The first word at the ban; the evidence when the audit is full, when its deadline has passed, or when the attack is
over, with what there is; the last word at the unban.  Messages show the packets from the crossing on; those kept from
before it stay in the history.  All figures of one message are read in the same call, so they
are of the same instant.  At most one message waits for each running attack, and the guard bounds those.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from fnm_guard.core.events import AttackEnded, BanAdded, BanRefused, BanRemoved
from fnm_guard.notify.model import Notice

if TYPE_CHECKING:
    from netaddr import IPAddress

    from fnm_guard.core.events import Event
    from fnm_guard.core.life import Attack, Ban
    from fnm_guard.core.model import Audit, Direction, HostRates

__all__ = ["Evidence", "Reports", "Teller"]


class Evidence(Protocol):
    """Where figures and kept packets come from."""

    def rates(self, host: "IPAddress") -> "HostRates":
        """Read both directions of a host."""
        ...

    def audit(self, host: "IPAddress", direction: "Direction") -> "Audit":
        """Give the audit of a watched host with what there is."""
        ...


class Teller(Protocol):
    """Who tells people; returns at once."""

    def banned(self, notice: Notice) -> None:
        """Tell of a ban."""
        ...

    def detailed(self, notice: Notice) -> None:
        """Send the evidence after it."""
        ...

    def unbanned(self, notice: Notice) -> None:
        """Tell of its end."""
        ...

    def refused(self, event: BanRefused) -> None:
        """Tell that an attack did not lead to a ban."""
        ...


@dataclass(slots=True)
class _Waiting:
    """A ban whose evidence has not gone out; `attack` has the newest figures."""

    ban: "Ban"
    attack: "Attack"
    deadline: float


class Reports:
    """Turns events into messages.

    Args:
        evidence: Where figures and kept packets come from.
        teller: Who tells people.
        audit_deadline: Seconds after the ban when the evidence goes out at the latest.
    """

    def __init__(self, evidence: Evidence, teller: Teller, audit_deadline: float) -> None:
        self._evidence = evidence
        self._teller = teller
        self._audit_deadline = audit_deadline
        self._waiting: dict[int, _Waiting] = {}
        self._causes: dict[int, Attack] = {}  # the newest figures of the attack behind each ban, by the ban's number
        self._bans: dict[int, int] = {}  # the ban that each of these attacks led to
        self._now = 0.0

    def attach(self, evidence: Evidence, teller: Teller, audit_deadline: float) -> None:
        """Take other parts; what waits goes on waiting."""
        self._evidence, self._teller, self._audit_deadline = evidence, teller, audit_deadline

    def record(self, event: "Event") -> None:
        """Tell people if the event is for them."""
        self._now = event.at
        match event:
            case BanAdded(ban=ban, attack=attack):
                self._teller.banned(Notice(ban, event.at, attack, self._evidence.rates(ban.host)))
                if attack is not None:
                    self._causes[ban.number] = attack
                    self._bans[attack.number] = ban.number
                    self._waiting[attack.number] = _Waiting(ban, attack, event.at + self._audit_deadline)
            case AttackEnded(attack=attack):
                self._refresh(attack)
                self._send(attack.number, attack)
            case BanRemoved(ban=ban, cause=cause, by=by, reason=reason):
                attack = self._forget(ban)
                rates = self._evidence.rates(ban.host)
                self._teller.unbanned(Notice(ban, event.at, attack, rates, None, cause, by, reason))
            case BanRefused(attack=attack) if attack is not None:
                self._teller.refused(event)

    def record_update(self, attack: "Attack", at: float) -> None:
        """Keep the newest figures; send the evidence with what there is when its time has come."""
        self._now = at
        self._refresh(attack)
        waiting = self._waiting.get(attack.number)
        if waiting is None:
            return
        waiting.attack = attack
        if at >= waiting.deadline:
            self._send(attack.number, attack)

    def record_audit(self, attack: int, audit: "Audit") -> None:
        """Send the evidence: the audit is full, or nothing will be added to it."""
        waiting = self._waiting.get(attack)
        if waiting is not None:
            self._send(attack, waiting.attack, audit)

    def flush(self, now: float) -> None:
        """Send what waits with what there is: no more time will pass."""
        self._now = now
        for waiting in list(self._waiting.values()):
            self._send(waiting.attack.number, waiting.attack)

    def _refresh(self, attack: "Attack") -> None:
        ban = self._bans.get(attack.number)
        if ban is not None:
            self._causes[ban] = attack

    def _forget(self, ban: "Ban") -> "Attack | None":
        """Send the evidence of a ban that is over, if that waits, and give the attack behind it."""
        attack = self._causes.pop(ban.number, None)
        if attack is not None:
            del self._bans[attack.number]
            self._send(attack.number, attack)
        return attack

    def _send(self, number: int, attack: "Attack", audit: "Audit | None" = None) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting is None:
            return
        kept = audit or self._evidence.audit(attack.host, attack.direction)
        rates = self._evidence.rates(attack.host)
        self._teller.detailed(Notice(waiting.ban, self._now, attack, rates, _told(kept)))


def _told(audit: "Audit") -> "Audit":
    """Give what people are told of an audit: the packets after the crossing, those from before if none came."""
    after = tuple(packet for packet in audit.packets if not packet.before)
    return replace(audit, packets=after or audit.packets)
