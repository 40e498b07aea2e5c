"""What may be banned: the never-ban list, our networks, hold-offs, the number of bans.

A refusal is a value, and its text is for the person who reads the log or typed the order: which host, which rule, and
what to do about it.
"""

from math import ceil
from typing import TYPE_CHECKING

from fnm_guard.core.events import Refusal

if TYPE_CHECKING:
    from netaddr import IPAddress, IPSet

    from fnm_guard.core.model import BanPolicy

__all__ = [
    "HAND_BAN_LIMIT_SECONDS",
    "HOLDOFF_LIMIT",
    "HoldOffs",
    "explain",
    "explain_duration",
    "find_refusal",
    "forbids",
]

HAND_BAN_LIMIT_SECONDS = 365 * 86_400.0
"""Longest duration of a ban by hand; a longer one is meant to be permanent and has to say so."""

HOLDOFF_LIMIT = 65_536
"""Hosts held off at once."""


class HoldOffs:
    """Until when automatic bans of a host are held off.

    The table is bounded.  When it is full, the oldest hold-off ends early: it has the least left to run.

    Attributes:
        dropped: Hold-offs that ended early.
    """

    def __init__(self, limit: int = HOLDOFF_LIMIT) -> None:
        self.dropped = 0
        self._limit = limit
        self._until: dict[IPAddress, float] = {}

    def all(self) -> "dict[IPAddress, float]":
        """Give every hold-off with its end, oldest first."""
        return dict(self._until)

    def left(self, host: "IPAddress", now: float) -> float:
        """Give the seconds that the host is still held off, 0: it is not."""
        return max(self._until.get(host, now) - now, 0.0)

    def set(self, host: "IPAddress", until: float) -> None:
        """Hold a host off until then, whatever was before."""
        self.clear(host)
        if len(self._until) >= self._limit:
            del self._until[next(iter(self._until))]
            self.dropped += 1
        self._until[host] = until

    def clear(self, host: "IPAddress") -> None:
        """Hold the host off no longer."""
        self._until.pop(host, None)

    def end_due(self, now: float) -> "list[IPAddress]":
        """End those that are due and give their hosts."""
        due = [host for host, until in self._until.items() if until <= now]
        for host in due:
            del self._until[host]
        return due


def forbids(host: "IPAddress", policy: "BanPolicy") -> Refusal | None:
    """Give the rule that holds for every ban of the host, whoever wants it, at any time."""
    if host in policy.never_ban:
        return Refusal.NEVER_BAN
    if host not in policy.networks:
        return Refusal.NOT_OURS
    return None


def find_refusal(host: "IPAddress", policy: "BanPolicy", active: int, held_off: bool) -> Refusal | None:
    """Give the first rule against a new ban of the host beside `active` others; None: it may be banned.

    `held_off` counts for automatic bans only: for one by hand it is False.
    """
    forbidden = forbids(host, policy)
    if forbidden is not None:
        return forbidden
    if held_off:
        return Refusal.HELD_OFF
    if active >= policy.active_limit:
        return Refusal.TOO_MANY
    return None


def explain_duration(host: "IPAddress", duration_seconds: float | None, permanent: bool) -> str | None:
    """Give what is wrong with an order's duration; None: nothing.  No duration is the configured one."""
    if duration_seconds is None:
        return None
    if permanent:
        return f"{host} not banned: give a duration of {duration_seconds:g} s or `permanent`, not both"
    if 0 < duration_seconds <= HAND_BAN_LIMIT_SECONDS:
        return None
    return (
        f"{host} not banned: a duration of {duration_seconds:g} s must be above 0 and at most "
        f"{HAND_BAN_LIMIT_SECONDS:.0f} s; a ban without an end is `permanent`"
    )


def explain(refusal: Refusal, host: "IPAddress", policy: "BanPolicy", active: int, left: float) -> str:
    """Give the text of a refusal, beside `active` bans, with `left` seconds of the host's hold-off to run."""
    match refusal:
        case Refusal.NEVER_BAN:
            covering = _covering(host, policy.never_ban)
            text = f"{covering} is on the never_ban list; take it off there if {host} may be banned"
        case Refusal.NOT_OURS:
            text = "it is in none of our networks; add its network to `networks` if it is ours"
        case Refusal.TOO_MANY:
            text = (
                f"{active} bans are active and ban.limits.active is {policy.active_limit}; "
                "unban a host that no longer needs it, or raise the limit"
            )
        case Refusal.HELD_OFF:
            text = (
                f"it was unbanned by hand, and automatic bans of it are held off for {ceil(left)} s more; "
                f"`fnm-guard ban {host}` bans it at once"
            )
        case _:
            text = "it is banned so already; give another duration or reason, or unban it first"
    return f"{host} not banned: {text}"


def _covering(host: "IPAddress", prefixes: "IPSet") -> str:
    return ", ".join(str(prefix) for prefix in prefixes.iter_cidrs() if host in prefix) or str(host)
