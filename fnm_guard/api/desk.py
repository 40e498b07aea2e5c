"""What the API asks of the daemon: the desk where figures are read and orders are taken.

`app.py` provides the one real desk.  The API adds nothing to it but JSON: it never decides and keeps no state.
Times are on the daemon's clock, as everywhere inside; `wall` gives the wall time of one.
Everything runs in the daemon's event loop.  What a method may have to wait for (the store, a file) is awaited; the
other figures are at hand.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from netaddr import IPAddress

    from fnm_guard.capture.model import DirectionTotals, SourceState, TopOrder
    from fnm_guard.core.life import Attack, Ban
    from fnm_guard.core.model import Audit, Direction, HostRates
    from fnm_guard.core.policy import Mode

__all__ = [
    "AttackEntry",
    "AttackReport",
    "BanEntry",
    "ChannelResult",
    "Desk",
    "OrderRefusedError",
    "PeerStatus",
    "ServiceStatus",
    "Status",
    "Traffic",
]


class OrderRefusedError(Exception):
    """An order was understood and not carried out.

    Args:
        text: One line for the operator: what was refused and why.
        details: More lines if there are any, e.g. each error of a configuration file.
    """

    def __init__(self, text: str, details: "Sequence[str]" = ()) -> None:
        super().__init__(text)
        self.text = text
        self.details = tuple(details)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The totals of the four directions and what was lost on the way to them.

    Attributes:
        directions: Every `Direction` has an entry.
        received: Frames that were read; what was dropped is not among them.
        dropped: Frames lost before we could read them: by the ring or the kernel, and by the interface.
        unparsed: Frames read that belong to no direction because they could not be parsed.
    """

    directions: "Mapping[Direction, DirectionTotals]"
    received: int
    dropped: int
    unparsed: int


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """One BGP neighbour as it is now.

    Attributes:
        state: One word; `up` when the session is, else e.g. `down`, `connecting`, `unknown`.
        reason: Why it is not up, as the peer or ExaBGP says; "" when it is.
        since: When it came into this state; None: not known.
        wanted: Routes it should have.
        announced: Routes that ExaBGP holds for it.
    """

    name: str
    address: "IPAddress"
    remote_as: int
    state: str
    reason: str
    since: float | None
    wanted: int
    announced: int


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """A part that may be in trouble without stopping the daemon: ExaBGP, the outbox, the store.

    Attributes:
        state: One word, e.g. `running`, `connecting`, `failed`.
        text: More, or why it is not well; "" if there is nothing to say.
        waiting: What stands in its queue.
        failures: What failed since the start.
    """

    state: str
    text: str = ""
    waiting: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Status:
    """How the daemon is.

    Attributes:
        instance: Name of this guard, as ExaBGP and the mails know it.
        started: When the daemon started.
        uptime_seconds: How long ago that is.
        unparsed: Frames that could not be parsed, by reason.
        bans, bans_limit: Active bans and how many there may be.
        attacks: Attacks that run.
        health: Counters of things that should stay 0, by name.
        warnings: One line each, for what an operator should look at now.
    """

    version: str
    instance: str
    mode: "Mode"
    started: float
    uptime_seconds: float
    sources: "Sequence[SourceState]"
    unparsed: "Mapping[str, int]"
    bans: int
    bans_limit: int
    attacks: int
    peers: "Sequence[PeerStatus]"
    exabgp: ServiceStatus
    notifications: ServiceStatus
    store: ServiceStatus
    health: "Mapping[str, int]" = field(default_factory=dict)
    warnings: "Sequence[str]" = ()


@dataclass(frozen=True, slots=True)
class BanEntry:
    """An active ban and how far its routes are.

    Attributes:
        announced_to: Names of the peers for which ExaBGP holds the route and whose session is up.
        wanted_at: Names of the peers that should have it.
    """

    ban: "Ban"
    announced_to: tuple[str, ...] = ()
    wanted_at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AttackEntry:
    """An attack, running or over, from memory or from the store.

    Attributes:
        ban: Number of the ban it led to, None: none.
        audit_packets: How many packets were kept.
        cut: Whether the daemon ended before the attack did; `attack.ended` is then the last time it was seen.
    """

    attack: "Attack"
    ban: int | None
    audit_packets: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class AttackReport:
    """One attack with its evidence."""

    entry: AttackEntry
    audit: "Audit"


@dataclass(frozen=True, slots=True)
class ChannelResult:
    """What became of a test message on one channel; `text` says why it failed, or where it went."""

    channel: str
    sent: bool
    text: str


class Desk(Protocol):
    """Reads figures and takes orders.  Orders raise `OrderRefusedError`; `by` is the user the kernel vouches for."""

    def wall(self, at: float) -> "datetime":
        """Give the wall time of an instant of the daemon's clock, in UTC."""
        ...

    def status(self) -> Status:
        """Say how the daemon is."""
        ...

    def traffic(self) -> Traffic:
        """Give the totals of every direction."""
        ...

    def top(self, by: "TopOrder", direction: "Direction", count: int) -> "Sequence[HostRates]":
        """Give the busiest hosts in INCOMING or OUTGOING, busiest first, none that are silent there."""
        ...

    def bans(self) -> "Sequence[BanEntry]":
        """Give the active bans, oldest first."""
        ...

    async def attacks(self, limit: int) -> "Sequence[AttackEntry]":
        """Give the latest attacks, newest first, running ones included."""
        ...

    async def attack(self, number: int) -> AttackReport | None:
        """Give one attack with its kept packets; None: no such number."""
        ...

    def peers(self) -> "Sequence[PeerStatus]":
        """Give every configured peer."""
        ...

    async def ban(
        self, host: "IPAddress", *, duration_seconds: float | None, reason: str, permanent: bool, by: str
    ) -> BanEntry:
        """Ban a host by hand; no duration and not permanent: as long as the configuration says."""
        ...

    async def unban(self, host: "IPAddress", *, reason: str, by: str) -> "Ban":
        """End the ban of a host and give what it was."""
        ...

    async def unban_all(self, *, reason: str, by: str) -> "Sequence[Ban]":
        """End every ban; an empty answer when there was none."""
        ...

    async def reload(self, *, by: str) -> "Sequence[str]":
        """Read the configuration again and say what changed, a line each; refused: the old one stays."""
        ...

    async def notify_test(self, *, by: str) -> "Sequence[ChannelResult]":
        """Send a test message on every channel."""
        ...
