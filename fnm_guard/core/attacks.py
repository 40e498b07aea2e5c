"""The attacks that run: from the crossing to the end.

An attack begins with a crossing and ends by readings alone.  Every reading says whether the host is *quiet*: every
rate with a threshold below `release` times that threshold, or zero.  Quiet for `hold_seconds` ends the attack, and
`ended` is when the quiet began.

Silence of the sensor is not silence of the wire.  No reading, no progress: an attack that nobody reads about runs on,
and two quiet readings further apart than the hold time start that time again.

What is known of an attack grows while it runs: `peak`, `packets`, `type` and `port`.  Its type is judged by what was
counted up to the last reading that was not quiet, so that the ordinary traffic after a flood does not change what the
flood was.  A reading only notes figures; the value is made when somebody asks, for with thousands of attacks there
are thousands of readings a pulse and few questions.

The table is bounded.  When it is full, the crossing is dropped and counted, and the running attacks stay: they may
hold bans, and dropping one of them would end what still goes on.  Whoever drives the core finds no attack for that
host then, and is to let go of it, so that it can cross again.
"""

from collections import defaultdict
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from fnm_guard.core.classify import ENOUGH_PACKETS, Counts, Sample, Verdict, classify, take_sample
from fnm_guard.core.life import Attack

if TYPE_CHECKING:
    from netaddr import IPAddress

    from fnm_guard.core.model import Audit, Crossing, Direction, Metric, Rates, Reading, Thresholds
    from fnm_guard.core.policy import AttackPolicy

    _Levels = tuple[tuple[Metric, float], ...]
    _Packets = tuple[int, int, int, int, int, int]

__all__ = ["ATTACK_LIMIT", "Attacks", "is_quiet", "judge"]

ATTACK_LIMIT = 32_768
"""Attacks that run at once, hosts times directions; about 1 KiB each."""

LEVELS_LIMIT = 1024
"""Threshold sets whose release levels are kept; every group has two."""


@dataclass(slots=True)
class _Running:
    """An attack as it began, and what was learned since.

    Attributes:
        read: Time of the last reading, of the crossing before there was one.
        quiet_since: Time of the first quiet reading in a row, None: the last reading was not quiet.
        loud_packets: `packets` at the last reading that was not quiet.
    """

    began: Attack
    read: float
    peak: float
    quiet_since: float | None = None
    packets: "_Packets" = (0, 0, 0, 0, 0, 0)
    loud_packets: "_Packets" = (0, 0, 0, 0, 0, 0)
    sample: Sample = field(default_factory=Sample)

    def now(self) -> Attack:
        """Give the attack with all that was learned."""
        verdict = judge(self.began, self.loud_packets, self.sample)
        return replace(self.began, peak=self.peak, packets=self.packets, type=verdict.type, port=verdict.port)

    def note(self, reading: "Reading", levels: "_Levels", hold_seconds: float) -> None:
        """Keep the figures of a reading."""
        gap = reading.at - self.read
        self.read = reading.at
        self.peak = max(self.peak, reading.peak)
        self.packets = reading.packets
        if not _is_below(reading.rates, levels):
            self.quiet_since = None
            self.loud_packets = reading.packets
        elif self.quiet_since is None or gap > hold_seconds:
            self.quiet_since = reading.at


class Attacks:
    """The running attacks, at most one for each host and direction.

    Attributes:
        dropped: Crossings dropped because `limit` attacks were running.
    """

    def __init__(self, policy: "AttackPolicy", next_number: int = 1, limit: int = ATTACK_LIMIT) -> None:
        self.policy = policy
        self.dropped = 0
        self._next_number = next_number
        self._limit = limit
        self._numbers: dict[int, _Running] = {}
        self._levels: dict[tuple[Thresholds, float], _Levels] = {}
        self._hosts: defaultdict[IPAddress, dict[Direction, _Running]] = defaultdict(dict)

    def __len__(self) -> int:
        """Give how many run."""
        return len(self._numbers)

    def all(self, start: int = 0, count: int | None = None) -> tuple[Attack, ...]:
        """Give the running attacks, oldest first: every one, or `count` of them after the first `start`."""
        stop = None if count is None else start + count
        return tuple(running.now() for running in islice(self._numbers.values(), start, stop))

    def of(self, host: "IPAddress", but: int | None = None) -> tuple[Attack, ...]:
        """Give the running attacks of a host, oldest first, but for the one of that number."""
        of_host = self._hosts.get(host, {}).values()
        return tuple(running.now() for running in of_host if running.began.number != but)

    def get(self, host: "IPAddress", direction: "Direction") -> Attack | None:
        """Give the running attack of a host in a direction."""
        running = self._find(host, direction)
        return None if running is None else running.now()

    def runs(self, host: "IPAddress", direction: "Direction") -> bool:
        """Tell whether an attack of the host in a direction runs."""
        return self._find(host, direction) is not None

    def is_visible(self, host: "IPAddress", direction: "Direction") -> bool:
        """Tell whether an attack runs there and was not quiet when last seen."""
        running = self._find(host, direction)
        return running is not None and running.quiet_since is None

    def begin(self, crossing: "Crossing") -> Attack | None:
        """Start an attack; None: it runs already, and is no longer quiet, or the table is full."""
        running = self._find(crossing.host, crossing.direction)
        if running is not None:
            running.quiet_since = None
            running.peak = max(running.peak, crossing.power)
            return None
        if len(self._numbers) >= self._limit:
            self.dropped += 1
            return None
        attack = _attack_of(crossing, self._next_number)
        self._next_number += 1
        running = _Running(attack, crossing.at, crossing.power)
        self._hosts[crossing.host][crossing.direction] = self._numbers[attack.number] = running
        return attack

    def observe(self, reading: "Reading") -> Attack | None:
        """Learn from a reading; the attack if this ended it.

        Readings of unknown attacks, and those older than what is known, are passed over.
        """
        running = self._find(reading.host, reading.direction)
        if running is None or reading.at < running.read:
            return None
        running.note(reading, self._levels_of(reading.thresholds), self.policy.hold_seconds)
        if running.quiet_since is None or reading.at - running.quiet_since < self.policy.hold_seconds:
            return None
        return self.end(running.began, running.quiet_since)

    def examine(self, audit: "Audit") -> Attack | None:
        """Judge an attack by its audit packets; None: no such attack runs."""
        running = self._find(audit.host, audit.direction)
        if running is None:
            return None
        running.sample = take_sample(audit.packets)
        return running.now()

    def end(self, attack: Attack, ended: float) -> Attack:
        """Forget a running attack; it comes back with its end."""
        of_host = self._hosts[attack.host]
        running = of_host.pop(attack.direction)
        if not of_host:
            del self._hosts[attack.host]
        del self._numbers[attack.number]
        return replace(running.now(), ended=ended)

    def _levels_of(self, thresholds: "Thresholds") -> "_Levels":
        """Give the release levels; they are the same for most hosts, and making them is half of an observation."""
        key = thresholds, self.policy.release
        found = self._levels.get(key)
        if found is None:
            if len(self._levels) >= LEVELS_LIMIT:
                self._levels.clear()
            found = self._levels[key] = _release_levels(*key)
        return found

    def _find(self, host: "IPAddress", direction: "Direction") -> _Running | None:
        return self._hosts.get(host, {}).get(direction)


def is_quiet(rates: "Rates", thresholds: "Thresholds", release: float) -> bool:
    """Tell whether every rate with a threshold is below its release level, or zero."""
    return _is_below(rates, _release_levels(thresholds, release))


def _release_levels(thresholds: "Thresholds", release: float) -> "_Levels":
    return tuple((metric, release * threshold) for metric, threshold in thresholds.items())


def _is_below(rates: "Rates", levels: "_Levels") -> bool:
    for metric, level in levels:
        rate = rates.of(metric)
        if rate >= level and rate != 0:
            return False
    return True


def judge(attack: Attack, packets: "_Packets", sample: Sample) -> Verdict:
    """Name an attack by its packets and its audit packets.

    Until `ENOUGH_PACKETS` were counted, the rates at the crossing stand in for the packets.
    """
    counted = sum(packets[:4]) >= ENOUGH_PACKETS
    return classify(packets if counted else Counts.of(attack.rates), sample)


def _attack_of(crossing: "Crossing", number: int) -> Attack:
    return Attack(
        number=number,
        host=crossing.host,
        direction=crossing.direction,
        metric=crossing.metric,
        threshold=crossing.threshold,
        rate=crossing.rate,
        group=crossing.group,
        power=crossing.power,
        peak=crossing.power,
        started=crossing.started,
        detected=crossing.at,
        rates=crossing.rates,
        type=classify(Counts.of(crossing.rates), Sample()).type,
    )
