"""The sink that writes every event to the log: one line an event, constant text plus fields."""

from typing import TYPE_CHECKING

import structlog

from fnm_guard.core.events import (
    AttackEnded,
    AttackStarted,
    BanAdded,
    BanExtended,
    BanJoined,
    BanRefused,
    BanRemoved,
)

if TYPE_CHECKING:
    from fnm_guard.announcer.peers import PeerState
    from fnm_guard.core.events import Event
    from fnm_guard.core.life import Attack, Ban
    from fnm_guard.core.model import Audit

__all__ = ["Journal", "PeerJournal"]

_log = structlog.get_logger("fnm_guard")


class Journal:
    """Writes every event to the log.  Mails and database may fail; the log is the last witness."""

    def record(self, event: "Event") -> None:
        """Log one event."""
        match event:
            case AttackStarted(attack=attack):
                _log.warning("attack started", **_attack(attack))
            case AttackEnded(attack=attack):
                _log.info("attack ended", **_attack(attack), peak_pps=round(attack.peak), type=attack.type.value)
            case BanAdded(ban=ban):
                text = "host banned" if ban.announce else "host would be banned"
                _log.warning(text, **_ban(ban), mode=ban.mode.value)
            case BanJoined(ban=ban, attack=attack):
                _log.warning("ban joined by a further attack", **_ban(ban), joined=attack.number)
            case BanExtended(ban=ban, by=by):
                _log.info("ban extended", **_ban(ban), extended_by=by)
            case BanRemoved(ban=ban, cause=cause, by=by, reason=reason):
                _log.warning("host unbanned", **_ban(ban), cause=cause.value, unbanned_by=by, unban_reason=reason)
            case BanRefused(host=host, refusal=refusal, text=text, by=by):
                _log.warning("host not banned", host=str(host), refusal=refusal.value, why=text, by=by)

    def record_update(self, attack: "Attack", at: float) -> None:
        """Running figures are not logged."""

    def record_audit(self, attack: int, audit: "Audit") -> None:
        """Log that the evidence is there."""
        _log.info("audit taken", attack=attack, host=str(audit.host), packets=len(audit.packets))


class PeerJournal:
    """Writes to the log how each session is, once for each change; routes that come and go are no change."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, str]] = {}

    def record(self, peer: "PeerState") -> None:
        """Log a peer if its state or the reason is new."""
        now = (peer.state.value, peer.reason)
        if self._known.get(peer.name) == now:
            return
        self._known[peer.name] = now
        _log.info("peer", name=peer.name, state=peer.state.value, reason=peer.reason, routes=peer.announced)


def _attack(attack: "Attack") -> dict[str, object]:
    return {
        "attack": attack.number,
        "host": str(attack.host),
        "direction": attack.direction.value,
        "metric": attack.metric.value,
        "rate": round(attack.rate),
        "threshold": round(attack.threshold),
        "power_pps": round(attack.power),
    }


def _ban(ban: "Ban") -> dict[str, object]:
    return {"ban": ban.number, "host": str(ban.host), "origin": ban.origin.value, "by": ban.by, "reason": ban.reason}
