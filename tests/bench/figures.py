"""What a benchmark gives: figures with their samples, on a table and in a file, beside those of the run before."""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["Figure", "Target", "conditions", "load", "save", "table"]

_HEAD = ("figure", "unit", "min", "median", "max", "n", "target", "before", "change")
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Target:
    """What the median should reach: `limit` at least, or at most."""

    limit: float
    at_most: bool

    def __str__(self) -> str:
        """Give it as it stands on the table."""
        return f"{'<=' if self.at_most else '>='} {self.limit:g}"

    def is_met(self, median: float) -> bool:
        """Whether a median reaches it."""
        return median <= self.limit if self.at_most else median >= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity.

    Attributes:
        name: Its key in the file; it never changes its meaning.
        samples: In the order of measuring, at least one.
    """

    name: str
    unit: str
    samples: tuple[float, ...]
    target: Target | None = None

    @property
    def median(self) -> float:
        """The middle sample."""
        return statistics.median(self.samples)


def conditions() -> dict[str, Any]:
    """Give the facts of the machine that a figure depends on, and how busy it is now."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_average": [round(value, 2) for value in os.getloadavg()],
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "revision": _revision(),
    }


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _revision() -> str:
    words = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def load(path: Path) -> dict[str, Any]:
    """Give what a former run stored; {} if there was none."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def save(
    path: Path, figures: Iterable[Figure], command: str, before: Mapping[str, Any], facts: Mapping[str, Any]
) -> None:
    """Store figures; those of the run before that were not measured now stay."""
    now = {figure.name: _as_json(figure, command, facts) for figure in figures}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**before, **now}, indent=2) + "\n")


def _as_json(figure: Figure, command: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    samples = [_rounded(sample) for sample in figure.samples]
    spread = {"min": min(samples), "median": _rounded(figure.median), "max": max(samples)}
    return {"unit": figure.unit, "ours": {"samples": samples, **spread}, "command": command, "conditions": dict(facts)}


def table(figures: Iterable[Figure], before: Mapping[str, Any]) -> str:
    """Give the figures as lines of text, with the medians of the run before."""
    rows = [_HEAD, *(_row(figure, before) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    return "\n".join(_line(row, widths) for row in rows)


def _row(figure: Figure, before: Mapping[str, Any]) -> tuple[str, ...]:
    median = figure.median
    spread = [f"{value:.4g}" for value in (min(figure.samples), median, max(figure.samples))]
    target = str(figure.target or "")
    if figure.target and not figure.target.is_met(median):
        target += " missed"
    then = before.get(figure.name, {}).get("ours", {}).get("median")
    if then is None:
        return (figure.name, figure.unit, *spread, str(len(figure.samples)), target, "", "")
    change = f"{(median / then - 1) * 100:+.0f} %" if then else ""
    return (figure.name, figure.unit, *spread, str(len(figure.samples)), target, f"{then:.4g}", change)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    left = f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}"
    return f"{left}  {'  '.join(f'{cell:>{width}}' for cell, width in zip(row[2:], widths[2:], strict=True))}".rstrip()


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")
