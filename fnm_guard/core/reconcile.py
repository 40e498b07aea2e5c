"""The difference between the routes that are wanted and those that are announced: all that is ever sent.

BGP has one route for a prefix: announcing it with other attributes replaces the old one (RFC 4271, section 3.1).  Such
a change is an announcement alone; a withdrawal beside it would open a hole.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netaddr import IPNetwork

    from fnm_guard.core.model import Route

__all__ = ["Difference", "difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What to send so that what is announced becomes what is wanted; each in the order of the prefixes."""

    announce: "tuple[Route, ...]" = ()
    withdraw: "tuple[Route, ...]" = ()


def difference(wanted: "frozenset[Route]", announced: "frozenset[Route]") -> Difference:
    """Give what to announce and what to withdraw."""
    prefixes = {route.prefix for route in wanted}
    gone = (route for route in announced - wanted if route.prefix not in prefixes)
    return Difference(tuple(sorted(wanted - announced, key=_prefix)), tuple(sorted(gone, key=_prefix)))


def _prefix(route: "Route") -> "IPNetwork":
    return route.prefix
