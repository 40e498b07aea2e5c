"""What happened: the only thing that leaves the core besides the wanted routes.

Sinks (store, notifications, log, metrics) are told by events alone, in the order in which they came about.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netaddr import IPAddress

    from fnm_guard.core.life import Attack, Ban

__all__ = [
    "AttackEnded",
    "AttackStarted",
    "BanAdded",
    "BanExtended",
    "BanJoined",
    "BanRefused",
    "BanRemoved",
    "Event",
    "Refusal",
    "RemovalCause",
]


class Refusal(StrEnum):
    """Why a host was not banned."""

    NEVER_BAN = "never_ban"
    NOT_OURS = "not_ours"
    TOO_MANY = "too_many"
    HELD_OFF = "held_off"
    ALREADY = "already"
    """An order that would change nothing: the host is banned so already."""
    BAD_DURATION = "bad_duration"
    """An order with a duration that is not above zero, too long, or beside `permanent`."""


class RemovalCause(StrEnum):
    """Why a ban ended."""

    EXPIRED = "expired"
    OPERATOR = "operator"
    CONFIGURATION = "configuration"
    """A new configuration no longer allows it: not our network any more, on the never-ban list, or the mode changed."""


@dataclass(frozen=True, slots=True)
class AttackStarted:
    """A host crossed a threshold."""

    at: float
    attack: "Attack"


@dataclass(frozen=True, slots=True)
class AttackEnded:
    """An attack's rate stayed under the release level for the hold time; `attack.ended` says since when."""

    at: float
    attack: "Attack"


@dataclass(frozen=True, slots=True)
class BanAdded:
    """A ban began; `attack` is None for a ban by hand.

    Only `ban.announce` says whether it blackholes: not in monitor mode, nor for an outgoing attack that is only told.
    """

    at: float
    ban: "Ban"
    attack: "Attack | None"


@dataclass(frozen=True, slots=True)
class BanJoined:
    """A banned host is attacked again, in the other direction too, or beside a ban by hand: same ban, one more cause.

    From here on the ban may be announced where it was only told: see `ban.announce`.
    """

    at: float
    ban: "Ban"
    attack: "Attack"


@dataclass(frozen=True, slots=True)
class BanExtended:
    """A ban that fell due goes on, or an operator gave it a new duration or reason."""

    at: float
    ban: "Ban"
    by: str


@dataclass(frozen=True, slots=True)
class BanRemoved:
    """A ban ended; its routes are wanted no more."""

    at: float
    ban: "Ban"
    cause: RemovalCause
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class BanRefused:
    """A host was not banned.

    For an automatic ban with the attack, and each refusal once an attack unless a ban came between.
    """

    at: float
    host: "IPAddress"
    refusal: Refusal
    text: str
    by: str
    attack: "Attack | None"


Event = AttackStarted | AttackEnded | BanAdded | BanJoined | BanExtended | BanRemoved | BanRefused
