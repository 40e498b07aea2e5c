"""What may be banned: the never-ban list, our networks, hold-offs, the number of bans.

A refusal is a value, and its text is for the person who reads the log or typed the order: which host, which rule, and
what to do about it.
"""

from bisect import bisect_right
from math import ceil
from typing import TYPE_CHECKING

from netaddr import IPAddress

from fnm_guard.core.events import Refusal

if TYPE_CHECKING:
    from netaddr import IPNetwork, IPSet

    from fnm_guard.core.policy import BanPolicy

__all__ = ["HAND_BAN_LIMIT_SECONDS", "HOLDOFF_LIMIT", "Bounds", "HoldOffs", "explain_duration"]

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

    def all(self) -> dict[IPAddress, float]:
        """Give every hold-off with its end, oldest first."""
        return dict(self._until)

    def left(self, host: IPAddress, now: float) -> float:
        """Give the seconds that the host is still held off, 0: it is not."""
        return max(self._until.get(host, now) - now, 0.0)

    def set(self, host: IPAddress, until: float) -> None:
        """Hold a host off until then, whatever was before."""
        self.clear(host)
        if len(self._until) >= self._limit:
            del self._until[next(iter(self._until))]
            self.dropped += 1
        self._until[host] = until

    def clear(self, host: IPAddress) -> None:
        """Hold the host off no longer."""
        self._until.pop(host, None)

    def end_due(self, now: float) -> list[IPAddress]:
        """End those that are due and give their hosts."""
        due = [host for host, until in self._until.items() if until <= now]
        for host in due:
            del self._until[host]
        return due


class Bounds:
    """What a policy allows, quick to ask for host after host.

    The sets of the policy must not change afterwards; a new policy has new bounds.
    """

    def __init__(self, policy: "BanPolicy") -> None:
        self.policy = policy
        self._never_ban = _Prefixes(policy.never_ban)
        self._networks = _Prefixes(policy.networks)

    def forbid(self, host: IPAddress) -> Refusal | None:
        """Give the rule that holds against every ban of the host, whoever wants it, at any time."""
        if self._never_ban.covering(host) is not None:
            return Refusal.NEVER_BAN
        if self._networks.covering(host) is None:
            return Refusal.NOT_OURS
        return None

    def owns(self, host: IPAddress) -> bool:
        """Tell whether the host is in one of our networks."""
        return self._networks.covering(host) is not None

    def refuse(self, host: IPAddress, active: int, held_off: bool) -> Refusal | None:
        """Give the first rule against a new ban of the host beside `active` others; None: it may be banned.

        `held_off` counts for automatic bans only: for one by hand it is False.
        """
        forbidden = self.forbid(host)
        if forbidden is not None:
            return forbidden
        if held_off:
            return Refusal.HELD_OFF
        if active >= self.policy.active_limit:
            return Refusal.TOO_MANY
        return None

    def explain(self, refusal: Refusal, host: IPAddress, active: int, left: float) -> str:
        """Give the text of a refusal, beside `active` bans, with `left` seconds of the host's hold-off to run."""
        match refusal:
            case Refusal.NEVER_BAN:
                covering = self._never_ban.covering(host)
                text = f"{covering} is on the never_ban list; take it off there if {host} may be banned"
            case Refusal.NOT_OURS:
                text = "it is in none of our networks; add its network to `networks` if it is ours"
            case Refusal.TOO_MANY:
                text = (
                    f"{active} bans are active and ban.limits.active is {self.policy.active_limit}; "
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


def explain_duration(host: IPAddress, duration_seconds: float | None, permanent: bool) -> str | None:
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


class _Prefixes:
    """The prefixes of a set, which do not overlap, by their first addresses: one search instead of one a length."""

    def __init__(self, prefixes: "IPSet") -> None:
        self._prefixes = sorted(prefixes.iter_cidrs())
        self._firsts = [IPAddress(prefix.first, prefix.version) for prefix in self._prefixes]

    def covering(self, host: IPAddress) -> "IPNetwork | None":
        """Give the prefix that holds the host."""
        index = bisect_right(self._firsts, host) - 1
        if index < 0 or host not in self._prefixes[index]:
            return None
        return self._prefixes[index]
