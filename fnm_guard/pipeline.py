"""The step: what the engine saw goes through the guard, and what the guard decided goes to the sinks.

Order matters and is the same everywhere: routes first, because a ban waits for nobody; then the sinks in the order in
which they were given.  A sink that raises is counted and logged, and stops neither the others nor the next step.

Two things drive it: `drain`, as soon as the engine has crossings or full audits, and `pulse`, four times a second,
which ends attacks, lets bans fall due and moves what waits for a deadline.  Both take the time; a replay calls them
with the capture's clock and so decides as the daemon would have.

In slices.  Ten thousand hosts can cross in one tick, and fall due in one pulse.  The daemon shares its loop with the
bridge, the API and the mails, so both calls do one slice of the work and ask for `step` to be called for the next ones,
between which the loop breathes.  Crossings go first, then readings, then bans that are due; the sinks hear of it all
when nothing of that waits, in the order of the events.  Full audits come last, so a sink knows the attack they prove.
When more than `UNTOLD_LIMIT` events wait, the sinks are told at once: the loop is slow then, and nothing is lost.
"""

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Protocol

import structlog

from fnm_guard.core.events import AttackEnded, AttackStarted, BanAdded, BanExtended, BanJoined, BanRemoved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from netaddr import IPAddress

    from fnm_guard.core.events import Event
    from fnm_guard.core.guard import Guard
    from fnm_guard.core.life import Attack
    from fnm_guard.core.model import Audit, Crossing, Direction, HostRates, Reading

__all__ = ["PULSE_SECONDS", "Engine", "Pipeline", "Sink"]

PULSE_SECONDS = 0.25

CROSSINGS_A_SLICE = 32
READINGS_A_SLICE = 512
DUE_A_SLICE = 128
EVENTS_A_SLICE = 24
UPDATES_A_SLICE = 32
AUDITS_A_SLICE = 4
"""Of each some milliseconds of work."""

UNTOLD_LIMIT = 262_144
"""Events that wait to be told; 10,000 hosts attacked at once make 20,000."""

UPDATES_A_PULSE = 256
"""Running attacks whose newest figures the sinks get in one pulse, in turn; with fewer, all of them."""

AUDITS_A_PULSE = 8
"""Unfinished audits that are looked at in one pulse, in turn: they tell the type of attacks that never fill theirs."""

_log = structlog.get_logger(__name__)

_BANS_CHANGED = (BanAdded, BanExtended, BanJoined, BanRemoved)


class Engine(Protocol):
    """What the pipeline needs of the capture, live or replayed."""

    def take_crossings(self) -> "Iterator[Crossing]":
        """Take the crossings since the last call; each value is made when it is asked for."""
        ...

    def take_readings(self, now: float) -> "Iterator[Reading]":
        """Read every watched host now; each value is made when it is asked for."""
        ...

    def take_audits(self, limit: int) -> "list[Audit]":
        """Take up to `limit` of the audits that became full; the others wait."""
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
        announce: Told of the events whenever the bans changed, before any sink.
        sinks: Told of every event, in this order.
        hurry: Called when work is left for which `step` is to be called soon; None: every call does all of its work.

    Attributes:
        accepted, told: Events so far, and how many of them the sinks were told of, in the same order.
    """

    def __init__(
        self,
        engine: Engine,
        guard: "Guard",
        announce: "Callable[[Sequence[Event]], None]",
        sinks: "Sequence[Sink]",
        hurry: "Callable[[], None] | None" = None,
    ) -> None:
        self._engine = engine
        self._guard = guard
        self._announce = announce
        self._sinks = tuple(sinks)
        self._hurry = hurry
        self._turn = self._updates = 0
        self._crossed: deque[Iterator[Crossing]] = deque()
        self._read: Iterator[Reading] | None = None
        self._is_due = False
        self._untold: deque[Event] = deque()
        self._unfinished: dict[int, Attack] = {}
        self.sink_failures = 0
        self.accepted = self.told = 0

    def attach(self, engine: Engine) -> None:
        """Take another engine in place of the one so far; the running attacks are watched there too."""
        self._engine = engine

    def drain(self, now: float) -> None:
        """Take the crossings and full audits that wait."""
        self._crossed.append(self._engine.take_crossings())
        self._go_on(now)

    def pulse(self, now: float) -> None:
        """Read the watched hosts, end what is over, let what is due fall due."""
        self._examine_unfinished(now)
        if self._read is None:
            self._read = self._engine.take_readings(now)
        self._is_due = True
        self._updates = UPDATES_A_PULSE
        if self._turn >= self._guard.attack_count:
            self._turn = 0
        self._go_on(now)

    def step(self, now: float) -> bool:
        """Do the most urgent slice of what waits; true if something was done."""
        return (
            self._take_crossings(now)
            or self._take_readings(now)
            or self._take_due(now)
            or self._tell_some()
            or self._take_audits(now)
            or self._update(now)
        )

    def decide(self, now: float) -> None:
        """Decide on every crossing that waits, however long it takes."""
        while self._take_crossings(now):
            pass

    def settle(self, now: float) -> None:
        """Do everything that waits, however long it takes."""
        while self.step(now):
            pass

    def finish(self, now: float) -> None:
        """Take the last figures and unfinished audits: nothing more will come."""
        self.pulse(now)
        self.settle(now)
        for attack in list(self._unfinished.values()):
            self._guard.examine(self._engine.audit(attack.host, attack.direction), now)
            self._tell_rest(attack)
        for attack in self._guard.attacks():
            self._tell("record_update", attack, now)

    def publish(self, events: "Sequence[Event]") -> None:
        """Announce at once; the sinks are told in their turn, event by event."""
        self._accept(events)
        if self._hurry is None or len(self._untold) > UNTOLD_LIMIT:
            while self._tell_some():
                pass
        elif self._untold:
            self._hurry()

    def _go_on(self, now: float) -> None:
        if self._hurry is None:
            self.settle(now)
        elif self.step(now):
            self._hurry()

    def _accept(self, events: "Sequence[Event]") -> None:
        changing = [event for event in events if isinstance(event, _BANS_CHANGED)]
        if changing:
            self._announce(changing)
        self._untold.extend(events)
        self.accepted += len(events)

    def _take_crossings(self, now: float) -> bool:
        while self._crossed:
            crossings = list(islice(self._crossed[0], CROSSINGS_A_SLICE))
            if crossings:
                self._accept(self._guard.receive(crossings, now))
                self._release_unwanted(crossings)
                return True
            self._crossed.popleft()
        return False

    def _take_readings(self, now: float) -> bool:
        if self._read is None:
            return False
        readings = list(islice(self._read, READINGS_A_SLICE))
        if not readings:
            self._read = None
        self._accept(self._guard.observe(readings, now))
        return True

    def _take_due(self, now: float) -> bool:
        if not self._is_due:
            return False
        events = self._guard.advance(now, DUE_A_SLICE)
        self._is_due = len(events) >= DUE_A_SLICE
        self._accept(events)
        return True

    def _tell_some(self) -> bool:
        count = min(len(self._untold), EVENTS_A_SLICE)
        for _ in range(count):
            self._tell_event(self._untold.popleft())
            self.told += 1
        return count > 0

    def _take_audits(self, now: float) -> bool:
        audits = self._engine.take_audits(AUDITS_A_SLICE)
        for audit in audits:
            attack = self._guard.examine(audit, now)
            if attack is not None:
                self._unfinished.pop(attack.number, None)
                self._tell("record_audit", attack.number, audit)
        return bool(audits)

    def _examine_unfinished(self, now: float) -> None:
        for number in list(islice(self._unfinished, AUDITS_A_PULSE)):
            attack = self._unfinished.pop(number)
            self._unfinished[number] = attack
            self._guard.examine(self._engine.audit(attack.host, attack.direction), now)

    def _update(self, now: float) -> bool:
        count = min(self._updates, UPDATES_A_SLICE)
        attacks = self._guard.attacks(self._turn, count)
        self._turn += count
        self._updates = self._updates - count if attacks else 0
        for attack in attacks:
            self._tell("record_update", attack, now)
        return bool(attacks)

    def _tell_event(self, event: "Event") -> None:
        if isinstance(event, AttackStarted):
            self._unfinished[event.attack.number] = event.attack
        elif isinstance(event, AttackEnded):
            self._tell_rest(event.attack)
            self._unfinished.pop(event.attack.number, None)
        self._tell("record", event)
        if isinstance(event, AttackEnded) and not self._guard.is_attacked(event.attack.host, event.attack.direction):
            self._engine.release(event.attack.host, event.attack.direction)

    def _tell_rest(self, attack: "Attack") -> None:
        """Hand out what an audit has that never filled; the attack is over and nothing will be added."""
        audit = self._engine.audit(attack.host, attack.direction)
        if audit.packets and not audit.full:
            self._tell("record_audit", attack.number, audit)

    def _release_unwanted(self, crossings: "Iterable[Crossing]") -> None:
        """Let go of hosts for which the guard started no attack (its table of attacks is bounded)."""
        for crossing in crossings:
            if not self._guard.is_attacked(crossing.host, crossing.direction):
                self._engine.release(crossing.host, crossing.direction)

    def _tell(self, verb: str, *values: object) -> None:
        for sink in self._sinks:
            try:
                getattr(sink, verb)(*values)
            except Exception:  # noqa: BLE001  # whatever it is, it stops neither the others nor the next step
                self.sink_failures += 1
                _log.exception("sink failed", sink=type(sink).__name__, verb=verb)
