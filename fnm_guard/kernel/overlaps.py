"""Which interfaces must not be captured together, because a packet passes both of them."""

from collections.abc import Iterator, Sequence
from itertools import combinations

from fnm_guard.kernel.links import Interface

__all__ = ["conflicts_among"]

NAMES_SHOWN = 20


def conflicts_among(names: Sequence[str], interfaces: Sequence[Interface]) -> list[str]:
    """Say why interfaces cannot be captured together, one line a reason, in the order of the names."""
    known = {interface.name: interface for interface in interfaces}
    lines = [_missing(name, known) for name in names if name not in known]
    for first, second in combinations([name for name in dict.fromkeys(names) if name in known], 2):
        for low, high in ((first, second), (second, first)):
            way = _way(low, high, known)
            if way:
                lines.append(_twice(low, high, way))
                break
    return lines


def _missing(name: str, known: dict[str, Interface]) -> str:
    there = sorted(item.name for item in known.values() if item.kind != "loopback")
    listed = ", ".join(there[:NAMES_SHOWN]) + (", …" if len(there) > NAMES_SHOWN else "")
    return f"interface {name} does not exist; allowed: {listed or 'none, this machine has no interface but lo'}"


def _twice(low: str, high: str, way: list[str]) -> str:
    return f"interfaces {low} and {high} show the same packets twice ({', '.join(way)}); allowed: one of the two"


def _way(low: str, high: str, known: dict[str, Interface]) -> list[str]:
    """Give the steps a received packet takes from one interface up to another, [] if it does not."""
    ways: list[tuple[str, list[str]]] = [(low, [])]
    seen = {low}
    while ways:
        name, steps = ways.pop()
        if name == high:
            return steps
        for upper, step in _above(name, known):
            if upper not in seen:
                seen.add(upper)
                ways.append((upper, [*steps, step]))
    return []


def _above(name: str, known: dict[str, Interface]) -> Iterator[tuple[str, str]]:
    interface = known.get(name)
    if interface and interface.master in known:
        master = known[interface.master]
        yield master.name, f"{name} belongs to the {master.kind} {master.name}"
    for other in known.values():
        if other.lower == name:
            yield other.name, f"{other.name} is a {other.kind} on {name}"
