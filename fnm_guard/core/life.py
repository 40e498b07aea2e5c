"""Attacks and bans: the two things that begin, change and end.

Both are frozen; a change gives a new value with the same `number`.  Numbers are whole, start at 1, are never used
twice, and are what an operator types (`fnm-guard attack 17`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fnm_guard.core.model import AttackType, BanOrigin, Direction, Metric, Rates
from fnm_guard.core.policy import Mode

if TYPE_CHECKING:
    from netaddr import IPAddress

__all__ = ["Attack", "Ban"]


@dataclass(frozen=True, slots=True)
class Attack:
    """One host above a threshold in one direction, from the crossing to the end.

    Attributes:
        metric, threshold, rate: What crossed, in the unit of the metric.
        group: Threshold group that applied, "" for the default.
        power: Highest pps over any 4 whole ticks of the window at the crossing.
        peak: The same maximum from the crossing to the end; never below `power`.
        started: When the traffic of the crossing began.
        detected: When the crossing was seen.
        ended: When the rate fell below the release level for good; None: it goes on.
        rates: The rates at the crossing.
        packets: Packets by protocol since the crossing: tcp, udp, icmp, other, fragments, syn.
        type: What it is made of; UNKNOWN until there is something to judge by.
        port: Source port of an amplification, None for every other type.
    """

    number: int
    host: "IPAddress"
    direction: Direction
    metric: Metric
    threshold: float
    rate: float
    group: str
    power: float
    peak: float
    started: float
    detected: float
    rates: Rates
    ended: float | None = None
    packets: tuple[int, int, int, int, int, int] = (0, 0, 0, 0, 0, 0)
    type: AttackType = AttackType.UNKNOWN
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Ban:
    """The decision about one host.  A host has one ban at the most.

    Attributes:
        origin: AUTOMATIC or MANUAL.
        by: Who: `detector`, or the operator as the API knows him.
        reason: The operator's text, or what crossed.
        direction: Of the attack that led to it; None for a ban by hand.
        power: Power of that attack in pps, 0 for a ban by hand.
        attack: Number of that attack; None for a ban by hand.
        joined: Number of the attack that joined last: in the other direction, a new one, or beside a ban by hand;
            None: none yet.
        mode: MONITOR: decided, never announced.
        announce: Whether routes are wanted for it; False in monitor mode and for an outgoing attack only told.
        expires: When it is due; None: never (only `--permanent`).
    """

    number: int
    host: "IPAddress"
    origin: BanOrigin
    by: str
    reason: str
    started: float
    expires: float | None
    direction: Direction | None = None
    power: float = 0.0
    attack: int | None = None
    joined: int | None = None
    mode: Mode = Mode.ACT
    announce: bool = True
