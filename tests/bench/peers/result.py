"""What `make bench-peers` gives: for every name the samples of both sides, as JSON and on a table.

    {NAME: {"unit": ..., "ours": {"samples": [...], "min": n, "median": n, "max": n}, "fastnetmon": {...},
            "ratio": n, "command": ...}}

`ratio` is our median over theirs; every name is one of which less is better.  A side that could not be measured is
`{"why": ...}`, and the ratio null.
"""

import json
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["NAMES", "OURS", "THEIRS", "Comparison", "Ledger", "save", "table"]

OURS, THEIRS = "ours", "fastnetmon"
NAMES = {
    "cpu_ns_per_packet_flows_off": "ns",
    "cpu_ns_per_packet_flows_on": "ns",
    "loss_percent_max_load": "%",
    "update_seconds_5x": "s",
    "update_seconds_2x": "s",
    "update_seconds_1.25x": "s",
    "rss_mib_256": "MiB",
    "rss_mib_65536": "MiB",
    "rss_mib_1048576": "MiB",
    "idle_cpu_percent_1048576": "%",
    "carpet_10000_first_seconds": "s",
    "carpet_10000_last_seconds": "s",
}
"""What every full run has, with its unit; names that other programs read."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One quantity of several programs.

    Attributes:
        samples: By program, in the order of measuring.
        why: For a program without samples: the reason.
    """

    name: str
    unit: str
    samples: Mapping[str, tuple[float, ...]]
    why: Mapping[str, str] = field(default_factory=dict)

    @property
    def sides(self) -> list[str]:
        """Both sides, and what else was measured."""
        return [OURS, THEIRS, *sorted({*self.samples, *self.why} - {OURS, THEIRS})]

    def median(self, side: str) -> float | None:
        """Give a program's middle sample."""
        values = self.samples.get(side)
        return statistics.median(values) if values else None

    @property
    def ratio(self) -> float | None:
        """Our median over theirs."""
        ours, theirs = self.median(OURS), self.median(THEIRS)
        return None if ours is None or not theirs else ours / theirs

    def as_json(self, command: str) -> dict[str, Any]:
        """Give it as it is stored."""
        ratio = self.ratio
        sides = {side: self._side(side) for side in self.sides}
        return {"unit": self.unit, **sides, "ratio": None if ratio is None else _rounded(ratio), "command": command}

    def _side(self, side: str) -> dict[str, Any]:
        values = [_rounded(value) for value in self.samples.get(side, ())]
        if not values:
            return {"why": self.why.get(side, "not measured")}
        return {
            "samples": values,
            "min": min(values),
            "median": _rounded(statistics.median(values)),
            "max": max(values),
        }


@dataclass(slots=True)
class Ledger:
    """The samples of one run, as they come."""

    _samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    _units: dict[str, str] = field(default_factory=dict)
    _failures: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, name: str, side: str, value: float, unit: str = "") -> None:
        """Keep one sample; names that are not in NAMES tell their unit."""
        self._units.setdefault(name, NAMES.get(name, unit))
        self._samples.setdefault(name, {}).setdefault(side, []).append(value)

    def fail(self, names: Iterable[str], side: str, reason: str) -> None:
        """Keep why a side has no more samples of these names; those that it has stay."""
        for name in names:
            self._units.setdefault(name, NAMES.get(name, ""))
            self._failures.setdefault(name, {}).setdefault(side, reason)

    def comparisons(self) -> list[Comparison]:
        """Give what there is, in the order in which it was begun."""
        return [
            Comparison(
                name,
                unit,
                {side: tuple(values) for side, values in self._samples.get(name, {}).items()},
                self._failures.get(name, {}),
            )
            for name, unit in self._units.items()
        ]


def save(path: Path, comparisons: Iterable[Comparison], command: str, facts: Mapping[str, Any]) -> None:
    """Store comparisons and, in a file beside it, the conditions of each; what was not measured now stays."""
    comparisons = list(comparisons)
    path.parent.mkdir(parents=True, exist_ok=True)
    _add(path, {comparison.name: comparison.as_json(command) for comparison in comparisons})
    _add(path.with_suffix(".conditions.json"), {comparison.name: dict(facts) for comparison in comparisons})


def _add(path: Path, entries: Mapping[str, Any]) -> None:
    before = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**before, **entries}, indent=2) + "\n")


def table(comparisons: Iterable[Comparison]) -> str:
    """Give minimum, median and maximum of every side as lines of text."""
    lines = [f"{'figure':44}  {'unit':10}  {'who':10}  {'min':>9}  {'median':>9}  {'max':>9}   n  ratio"]
    for comparison in comparisons:
        lines += [_row(comparison, side) for side in comparison.sides]
    return "\n".join(lines)


def _row(comparison: Comparison, side: str) -> str:
    left = f"{comparison.name:44}  {comparison.unit:10}  {side:10}"
    values = comparison.samples.get(side, ())
    if not values:
        return f"{left}  {comparison.why.get(side, 'not measured')}"
    spread = (min(values), statistics.median(values), max(values))
    ratio = f"  {comparison.ratio:.3g}" if side == OURS and comparison.ratio is not None else ""
    return f"{left}  {'  '.join(f'{value:9.4g}' for value in spread)}  {len(values):2}{ratio}"


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
