"""The detection policy as the engine takes it: networks as numbers, thresholds by group of addresses."""

from typing import TYPE_CHECKING

from capture_ext.limits import Limits
from fnm_guard.core.model import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netaddr import IPNetwork

    from fnm_guard.core.model import Thresholds
    from fnm_guard.core.policy import DetectionPolicy, ThresholdGroup

__all__ = ["group_ranges", "limits_of", "network_numbers", "to_ns"]

_COLUMNS = {metric: column for column, metric in enumerate(Metric)}

Range = tuple[int, int, int, int]


def to_ns(seconds: float) -> int:
    """Give seconds as whole nanoseconds."""
    return round(seconds * 1e9)


def network_numbers(networks: "Sequence[IPNetwork]") -> list[tuple[int, int, int]]:
    """Give (family, first address, prefix length) of each network."""
    return [(network.version, network.first, network.prefixlen) for network in networks]


def limits_of(policy: "DetectionPolicy") -> Limits:
    """Build the engine's thresholds.  Group 0 is the default, the others follow in the policy's order."""
    sides = [(policy.incoming, policy.outgoing), *((group.incoming, group.outgoing) for group in policy.groups)]
    checks = [(_checks(incoming), _checks(outgoing)) for incoming, outgoing in sides]
    return Limits(to_ns(policy.window_seconds), checks, group_ranges(policy.groups))


def _checks(thresholds: "Thresholds") -> list[tuple[int, float]]:
    return [(_COLUMNS[metric], value) for metric, value in thresholds.items()]


def group_ranges(groups: "Sequence[ThresholdGroup]") -> list[Range]:
    """Give which addresses belong to which group, as sorted, disjoint (family, first, last, number of the group).

    The most specific network wins, among equal ones that of the group named first.
    """
    chosen: dict[tuple[int, int, int], int] = {}
    for number, group in enumerate(groups, start=1):
        for network in group.networks:
            chosen.setdefault((network.version, network.first, network.last), number)
    ordered = sorted(((*key, number) for key, number in chosen.items()), key=_outer_first)
    return list(_flatten(ordered))


def _outer_first(item: Range) -> tuple[int, int, int]:
    family, first, last, _ = item
    return family, first, -last


def _flatten(ordered: "Sequence[Range]") -> "Iterator[Range]":
    """Cut networks that nest into ranges that do not; networks never overlap in any other way."""
    around: list[Range] = []
    position = 0
    for item in ordered:
        family, first, *_ = item
        while around and (around[-1][0] != family or around[-1][2] < first):
            yield from _rest(around[-1], position)
            position = around.pop()[2] + 1
        if around:
            yield from _rest((family, position, first - 1, around[-1][3]), position)
        around.append(item)
        position = first
    while around:
        yield from _rest(around[-1], position)
        position = around.pop()[2] + 1


def _rest(item: Range, position: int) -> "Iterator[Range]":
    """Give what is left of a range from a position on."""
    family, _, last, number = item
    if position <= last:
        yield (family, position, last, number)
