"""Read what ExaBGP lists: its neighbors with `show neighbor json`, their routes with `show adj-rib out`."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netaddr import AddrFormatError, IPAddress, IPNetwork

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ListedNeighbor", "listed_neighbors", "listed_routes"]

_ROUTE_WORDS = 4


@dataclass(frozen=True, slots=True)
class ListedNeighbor:
    """What ExaBGP says of one neighbor.

    Attributes:
        up: Whether the session is established.
        seconds: Since when, about; 0 when it is not up.
        families: Negotiated ones, `ipv4 unicast`; () when it is not up.
    """

    up: bool
    seconds: int
    families: tuple[str, ...]


def listed_neighbors(lines: "Iterable[str]") -> dict[IPAddress, ListedNeighbor]:
    """Give the neighbors by address.

    Raises:
        ValueError: If this is no listing of ExaBGP's.
    """
    try:
        listed = json.loads("".join(lines))
        return dict(_neighbor(item) for item in listed)
    except (ValueError, TypeError, KeyError, AttributeError, AddrFormatError) as error:
        raise ValueError(f"exabgp lists its neighbors in an unknown form: {error!r}") from error


def _neighbor(item: dict[str, Any]) -> tuple[IPAddress, ListedNeighbor]:
    # `state` and `duration` say `down` and 0 in the first second of a session; the state machine does not.
    up = item["fsm"] == "ESTABLISHED"
    families = tuple(sorted(str(name) for name in item["families"])) if up else ()
    return IPAddress(item["peer"]["address"]), ListedNeighbor(up, int(item["duration"]) if up else 0, families)


def listed_routes(lines: "Iterable[str]") -> dict[IPAddress, set[IPNetwork]]:
    """Give the prefixes that ExaBGP holds for each neighbor; lines of another form are passed over.

    One line a route: `198.51.100.193 ipv4 unicast 203.0.113.10/32 next-hop 192.0.2.1`.
    """
    routes: dict[IPAddress, set[IPNetwork]] = {}
    for line in lines:
        words = line.split()
        if len(words) < _ROUTE_WORDS or words[2] != "unicast":
            continue
        try:
            routes.setdefault(IPAddress(words[0]), set()).add(IPNetwork(words[3]))
        except (AddrFormatError, ValueError):
            continue
    return routes
