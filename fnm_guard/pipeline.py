"""The step: what the engine saw goes through the guard, and what the guard decided goes to the sinks.

Order matters and is the same everywhere: routes first, because a ban waits for nobody; then the sinks in the order in
which they were given.  A sink that raises is counted and logged, and stops neither the others nor the next step.

Two things drive it: `drain`, as soon as the engine has crossings or full audits, and `pulse`, four times a second,
which ends attacks, lets bans fall due and moves what waits for a deadline.  Both take the time; a replay calls them
with the capture's clock and so decides as the daemon would have.
"""

from typing import TYPE_CHECKING, Protocol

import structlog

from fnm_guard.core.events import AttackEnded, BanAdded, BanExtended, BanJoined, BanRemoved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from netaddr import IPAddress

    from fnm_guard.core.events import Event
    from fnm_guard.core.guard import Guard
    from fnm_guard.core.life import Attack
    from fnm_guard.core.model import Audit, Crossing, Direction, HostRates, Reading

__all__ = ["PULSE_SECONDS", "Engine", "Pipeline", "Sink"]

PULSE_SECONDS = 0.25

_log = structlog.get_logger(__name__)

_BANS_CHANGED = (BanAdded, BanExtended, BanJoined, BanRemoved)


class Engine(Protocol):
    """What the pipeline needs of the capture, live or replayed."""

    def crossings(self) -> "list[Crossing]":
        """Take the crossings since the last call."""
        ...

    def readings(self, now: float) -> "list[Reading]":
        """Read every watched host."""
        ...

    def audits(self) -> "list[Audit]":
        """Take the audits that became full since the last call."""
        ...

    def audit(self, host: "IPAddress", direction: "Direction") -> "Audit":
        """Give the audit of a watched host with what there is."""
        ...

    def rates(self, host: "IPAddress") -> "HostRates":
        """Read both directions of a host."""
        ...

    def release(self, host: "IPAddress", direction: "Direction") -> None:
        """Stop watching a host."""
        ...


class Sink(Protocol):
    """Whoever wants to know what happened.  Never blocks."""

    def record(self, event: "Event") -> None:
        """Take one event."""
        ...

    def record_update(self, attack: "Attack") -> None:
        """Take the newer figures of a running attack."""
        ...

    def record_audit(self, attack: "Attack", audit: "Audit") -> None:
        """Take the full audit of an attack, or what there was when it ended."""
        ...

    def pulse(self, now: float) -> None:
        """Do what waited for its time."""
        ...


class Pipeline:
    """Engine, guard and sinks as one.

    Args:
        engine: Gives crossings, readings and audits.
        guard: Decides.
        announce: Called whenever the set of bans changed, before any sink.
        sinks: Told of every event, in this order.
    """

    def __init__(self, engine: Engine, guard: "Guard", announce: "Callable[[], None]", sinks: "Sequence[Sink]") -> None:
        self._engine = engine
        self._guard = guard
        self._announce = announce
        self._sinks = tuple(sinks)
        self.sink_failures = 0

    def drain(self, now: float) -> None:
        """Take the crossings and full audits that wait."""
        crossings = self._engine.crossings()
        if crossings:
            self.publish(self._guard.receive(crossings, now))
            self._release_unwanted(crossings)
        for audit in self._engine.audits():
            attack = self._guard.examine(audit, now)
            if attack is not None:
                self._tell("record_audit", attack, audit)

    def pulse(self, now: float) -> None:
        """Read the watched hosts, end what is over, let what is due fall due."""
        self.publish(self._guard.observe(self._engine.readings(now), now))
        for attack in self._guard.attacks():
            self._tell("record_update", attack)
        self.publish(self._guard.advance(now))
        self._tell("pulse", now)

    def publish(self, events: "Sequence[Event]") -> None:
        """Announce first, then tell every sink, event by event."""
        if any(isinstance(event, _BANS_CHANGED) for event in events):
            self._announce()
        for event in events:
            if isinstance(event, AttackEnded):
                self._finish(event.attack)
            self._tell("record", event)

    def _finish(self, attack: "Attack") -> None:
        """Let go of a host whose attack is over; an audit that never filled is kept with what there is."""
        audit = self._engine.audit(attack.host, attack.direction)
        if audit.packets and not audit.full:
            self._tell("record_audit", attack, audit)
        self._engine.release(attack.host, attack.direction)

    def _release_unwanted(self, crossings: "Iterable[Crossing]") -> None:
        """Let go of hosts for which the guard started no attack (its table of attacks is bounded)."""
        for crossing in crossings:
            if self._guard.attack(crossing.host, crossing.direction) is None:
                self._engine.release(crossing.host, crossing.direction)

    def _tell(self, verb: str, *values: object) -> None:
        for sink in self._sinks:
            try:
                getattr(sink, verb)(*values)
            except Exception:  # noqa: BLE001  # whatever it is, it stops neither the others nor the next step
                self.sink_failures += 1
                _log.exception("sink failed", sink=type(sink).__name__, verb=verb)
