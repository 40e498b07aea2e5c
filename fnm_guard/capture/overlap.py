"""What two engines beside each other have both counted.

At a reload the new engine begins before the old one ends, so that no packet goes unseen.  A source of frames gives both
of them the same packets.  One that counts in the kernel does not: the interface runs one program at a time.
"""

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from fnm_guard.capture.model import DirectionTotals, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fnm_guard.capture.model import SourceState
    from fnm_guard.core.model import Direction

__all__ = ["Counted", "cleared", "without"]

Counted = tuple["Mapping[Direction, tuple[int, int]]", int, "Mapping[str, int]"]
"""Packets and bytes by direction, frames, and the unparsed ones by reason."""


def without(traffic: Traffic, alone: "Iterable[Counted]") -> Traffic:
    """Take off what was counted by sources that nobody else can have counted with; never below zero.

    Their figures may be a moment younger than `traffic`.
    """
    packets: Counter[Direction] = Counter()
    size: Counter[Direction] = Counter()
    unparsed = Counter(traffic.unparsed)
    frames = 0
    for courses, count, reasons in alone:
        packets.update({direction: course[0] for direction, course in courses.items()})
        size.update({direction: course[1] for direction, course in courses.items()})
        unparsed.subtract(reasons)
        frames += count
    directions = {
        direction: DirectionTotals(
            max(0, item.packets - packets[direction]), max(0, item.bytes - size[direction]), item.pps, item.bps
        )
        for direction, item in traffic.directions.items()
    }
    return Traffic(directions, max(0, traffic.frames - frames), dict(+unparsed))


def cleared(state: "SourceState") -> "SourceState":
    """Give the state of a source as if it had read nothing; what its interface lost is told by both engines."""
    return replace(state, received=0, dropped_ring=0)
