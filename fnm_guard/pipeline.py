"""The step: what the engine saw goes through the guard, and what the guard decided goes to the sinks.

Order matters and is the same everywhere: routes first, because a ban waits for nobody; then the sinks in the order in
which they were given.  A sink that raises is counted and logged, and stops neither the others nor the next step.

Two things drive it: `drain`, as soon as the engine has crossings or full audits, and `pulse`, four times a second,
which ends attacks, lets bans fall due and moves what waits for a deadline.  Both take the time; a replay calls them
with the capture's clock and so decides as the daemon would have.
"""

from typing import TYPE_CHECKING, Protocol

import structlog

from fnm_guard.core.events import AttackEnded, AttackStarted, BanAdded, BanExtended, BanJoined, BanRemoved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from netaddr import IPAddress

    from fnm_guard.core.events import Event
    from fnm_guard.core.guard import Guard
    from fnm_guard.core.life import Attack
    from fnm_guard.core.model import Audit, Crossing, Direction, HostRates, Reading

__all__ = ["PULSE_SECONDS", "Engine", "Pipeline", "Sink"]

PULSE_SECONDS = 0.25

UPDATES_A_PULSE = 256
"""Running attacks whose newest figures the sinks get in one pulse, in turn; with fewer, all of them."""

AUDITS_A_PULSE = 8
"""Unfinished audits that are looked at in one pulse, in turn: they tell the type of attacks that never fill theirs."""

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

    def record_update(self, attack: "Attack", at: float) -> None:
        """Take the newer figures of a running attack."""
        ...

    def record_audit(self, attack: int, audit: "Audit") -> None:
        """Take the full audit of the attack with that number, or what there was when it ended."""
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
        self._turn = 0
        self._unfinished: dict[int, Attack] = {}
        self.sink_failures = 0

    def attach(self, engine: Engine) -> None:
        """Take another engine in place of the one so far; the running attacks are watched there too."""
        self._engine = engine

    def drain(self, now: float) -> None:
        """Take the crossings and full audits that wait."""
        crossings = self._engine.crossings()
        if crossings:
            self.publish(self._guard.receive(crossings, now))
            self._release_unwanted(crossings)
        for audit in self._engine.audits():
            attack = self._guard.examine(audit, now)
            if attack is not None:
                self._unfinished.pop(attack.number, None)
                self._tell("record_audit", attack.number, audit)

    def pulse(self, now: float) -> None:
        """Read the watched hosts, end what is over, let what is due fall due."""
        self._examine_unfinished(now)
        ended = self._guard.observe(self._engine.readings(now), now)
        self._update(now)
        self.publish(ended)
        self.publish(self._guard.advance(now))

    def finish(self, now: float) -> None:
        """Take the last figures and unfinished audits: nothing more will come."""
        self.pulse(now)
        for attack in list(self._unfinished.values()):
            self._guard.examine(self._engine.audit(attack.host, attack.direction), now)
            self._tell_rest(attack)
        self._update(now)

    def _examine_unfinished(self, now: float) -> None:
        for number in list(self._unfinished)[:AUDITS_A_PULSE]:
            attack = self._unfinished.pop(number)
            self._unfinished[number] = attack
            self._guard.examine(self._engine.audit(attack.host, attack.direction), now)

    def _update(self, now: float) -> None:
        attacks = self._guard.attacks()
        start = self._turn if self._turn < len(attacks) else 0
        self._turn = start + UPDATES_A_PULSE
        for attack in attacks[start : self._turn]:
            self._tell("record_update", attack, now)

    def publish(self, events: "Sequence[Event]") -> None:
        """Announce first, then tell every sink, event by event."""
        if any(isinstance(event, _BANS_CHANGED) for event in events):
            self._announce()
        for event in events:
            if isinstance(event, AttackStarted):
                self._unfinished[event.attack.number] = event.attack
            elif isinstance(event, AttackEnded):
                self._tell_rest(event.attack)
                self._unfinished.pop(event.attack.number, None)
            self._tell("record", event)
            if isinstance(event, AttackEnded):
                self._engine.release(event.attack.host, event.attack.direction)

    def _tell_rest(self, attack: "Attack") -> None:
        """Hand out what an audit has that never filled; the attack is over and nothing will be added."""
        audit = self._engine.audit(attack.host, attack.direction)
        if audit.packets and not audit.full:
            self._tell("record_audit", attack.number, audit)

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
