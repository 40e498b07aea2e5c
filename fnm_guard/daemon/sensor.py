"""The capture as the rest of the daemon sees it: one engine after another, and totals that never go back.

A reload that changes sources, networks or windows needs another engine, whose counts begin at zero.  What the engines
before it counted is kept here and added to every figure that people see, and to nothing else: rates, thresholds and
crossings are the engine's own.

Both engines run beside each other for a moment, so that no packet goes unseen.  What the new one has counted when the
old one reads its last frame is in the old one's totals already, and is taken off once.  What lay in a ring at that
instant, a few milliseconds of traffic, may count twice or not at all.  A source that counts in the kernel hands over
between two packets, and nothing is taken off for it.
"""

from collections import Counter
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from fnm_guard.capture.model import Health, SourceState, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from netaddr import IPAddress

    from fnm_guard.capture.live import Capture
    from fnm_guard.capture.model import TopOrder
    from fnm_guard.core.model import Audit, Crossing, Direction, HostRates, Reading
    from fnm_guard.core.policy import DetectionPolicy

    Watched = tuple[IPAddress, Direction]

__all__ = ["Sensor"]

_GAUGES = ("windows", "audits")
_HIGHEST = ("lateness_seconds",)
_LOSSES = ("dropped_ring", "dropped_interface")
"""What the kernel dropped is no certain loss: see `SourceState`."""
_COUNTS = ("received", *_LOSSES, "dropped_kernel")


class Sensor:
    """What was and is counted.

    Args:
        capture: The engine to begin with.
    """

    def __init__(self, capture: "Capture") -> None:
        self._capture = capture
        self._packets: dict[Watched, tuple[int, ...]] = {}
        self._audits: dict[Watched, Audit] = {}
        self._totals: Counter[tuple[Direction, str]] = Counter()
        self._frames = 0
        self._unparsed: Counter[str] = Counter()
        self._health: dict[str, float] = {}
        self._sources: dict[tuple[str, int], Counter[str]] = {}
        self._gone: Counter[str] = Counter()
        self._overlap: tuple[Traffic, list[SourceState]] = (Traffic({}, 0), [])

    @property
    def fd(self) -> int:
        """An eventfd that becomes readable when crossings or full audits wait; another one after `succeed`."""
        return self._capture.fd

    def start(self) -> None:
        """Open the sources and count.

        Raises:
            CaptureError: If none can be opened.
        """
        self._capture.start()

    def close(self) -> None:
        """Stop counting; what was counted can still be read.  Safe to call twice; any thread."""
        self._capture.close()

    def retire(self, new: "Capture") -> None:
        """Stop the engine so far, and note what the new one, which runs, has counted by then; any thread."""
        self._capture.halt()
        new.settle()
        self._overlap = new.overlap()
        self._capture.close()

    def succeed(self, new: "Capture", watched: "Iterable[Watched]", now: float) -> None:
        """Go on with another engine, for which the one so far was retired.

        Args:
            new: The engine.
            watched: Hosts under attack; they stay watched if they are still ours.
            now: The time.
        """
        before = self.traffic(), self._counts(), self.health()
        self._packets = {(item.host, item.direction): item.packets for item in self.readings(now)}
        hosts = list(watched)
        audits = {host: self.audit(*host) for host in hosts}
        self._audits = {host: audit for host, audit in audits.items() if audit.packets}
        for host in hosts:
            new.watch(*host)
        self._capture = new
        self._take_off(*before)

    def _take_off(self, traffic: Traffic, counts: "dict[tuple[str, int], Counter[str]]", health: Health) -> None:
        """Begin the figures of the new engine where those of the one before ended."""
        now, sources = self._overlap
        for direction, item in traffic.directions.items():
            self._totals[direction, "packets"] = item.packets - now.directions[direction].packets
            self._totals[direction, "bytes"] = item.bytes - now.directions[direction].bytes
        self._frames = traffic.frames - now.frames
        self._unparsed = Counter(traffic.unparsed)
        self._unparsed.subtract(now.unparsed)
        self._health = {item.name: getattr(health, item.name) for item in fields(Health) if item.name not in _GAUGES}
        self._sources = {}
        for key, state in _keyed(sources):
            had = counts.pop(key, None)
            if had is not None:
                self._sources[key] = Counter({name: had[name] - getattr(state, name) for name in _COUNTS})
        for count in counts.values():
            self._gone.update(count)

    def traffic(self) -> Traffic:
        """Give the totals of the four directions, and the frames."""
        found = self._capture.traffic()
        directions = {
            direction: replace(
                item,
                packets=item.packets + self._totals[direction, "packets"],
                bytes=item.bytes + self._totals[direction, "bytes"],
            )
            for direction, item in found.directions.items()
        }
        unparsed = Counter(found.unparsed)
        unparsed.update(self._unparsed)
        return Traffic(directions, found.frames + self._frames, dict(unparsed))

    def sources(self) -> "list[SourceState]":
        """Give the state of every source's thread."""
        return [
            replace(state, **{name: getattr(state, name) + self._sources[key][name] for name in _COUNTS})
            if key in self._sources
            else state
            for key, state in _keyed(self._capture.sources())
        ]

    def received(self) -> tuple[int, int]:
        """Give how many frames were received, and how many dropped, by the sources of now and of before."""
        counts = sum(self._counts().values(), Counter(self._gone))
        return counts["received"], sum(counts[name] for name in _LOSSES)

    def _counts(self) -> "dict[tuple[str, int], Counter[str]]":
        return {key: Counter({name: getattr(state, name) for name in _COUNTS}) for key, state in _keyed(self.sources())}

    def health(self) -> Health:
        """Give what is in use and what did not fit."""
        found = self._capture.health()
        sums = {
            name: max(getattr(found, name), count) if name in _HIGHEST else getattr(found, name) + count
            for name, count in self._health.items()
        }
        return replace(found, **sums)

    def crossings(self) -> "list[Crossing]":
        """Take the crossings since the last call."""
        return list(self.take_crossings())

    def take_crossings(self) -> "Iterator[Crossing]":
        """Take the crossings since the last call; each value is made when it is asked for."""
        return self._capture.take_crossings()

    def readings(self, now: float) -> "list[Reading]":
        """Read every watched host; packets are since the crossing, whichever engine counted them."""
        return list(self.take_readings(now))

    def take_readings(self, now: float) -> "Iterator[Reading]":
        """Read every watched host now; each value is made when it is asked for."""
        return map(self._add, self._capture.take_readings(now))

    def _add(self, reading: "Reading") -> "Reading":
        had = self._packets.get((reading.host, reading.direction))
        if had is None:
            return reading
        tcp, udp, icmp, other, fragments, syn = (old + new for old, new in zip(had, reading.packets, strict=True))
        return replace(reading, packets=(tcp, udp, icmp, other, fragments, syn))

    def take_audits(self, limit: int) -> "list[Audit]":
        """Take up to `limit` of the audits that became full; the others wait."""
        return self._capture.take_audits(limit)

    def audit(self, host: "IPAddress", direction: "Direction") -> "Audit":
        """Give the audit of a watched host with what there is; one that was cut by `succeed` as it was then."""
        audit = self._capture.audit(host, direction)
        return audit if audit.packets else self._audits.get((host, direction), audit)

    def rates(self, host: "IPAddress") -> "HostRates":
        """Read both directions of a host; zero if it is silent or not ours."""
        return self._capture.rates(host)

    def release(self, host: "IPAddress", direction: "Direction") -> None:
        """Stop watching a host: its audit ends, and it may cross again."""
        self._packets.pop((host, direction), None)
        self._audits.pop((host, direction), None)
        self._capture.release(host, direction)

    def top(self, by: "TopOrder | str", direction: "Direction", count: int) -> "list[HostRates]":
        """Give the hosts with the most traffic in the window, most first."""
        return self._capture.top(by, direction, count)

    def internal_destinations(self, count: int) -> "Sequence[tuple[IPAddress, int]]":
        """Give hosts that internal traffic goes to, most first."""
        return self._capture.internal_destinations(count)

    def set_policy(self, policy: "DetectionPolicy") -> None:
        """Put other thresholds and groups in place."""
        self._capture.set_policy(policy)


def _keyed(states: "Iterable[SourceState]") -> "Iterable[tuple[tuple[str, int], SourceState]]":
    """Name each source by its interface and its number among those of that interface."""
    seen: Counter[str] = Counter()
    for state in states:
        yield (state.interface, seen[state.interface]), state
        seen[state.interface] += 1
