"""Aligned columns, and colours for words."""

import re
from typing import TYPE_CHECKING

import click

from fnm_guard.tui.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["columns", "fields", "paint"]

_GAP = "  "
_WORDS = re.compile(r"(\w+)")


def columns(header: "Sequence[str]", rows: "Sequence[Sequence[str]]", right: "Sequence[int]" = ()) -> list[str]:
    """Give a table as lines, the header first; columns in `right` are aligned to the right."""
    table = [[clean(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = []
    for row in table:
        cells = [cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in _numbered(row, widths)]
        lines.append(_GAP.join(cells).rstrip())
    return lines


def fields(pairs: "Sequence[tuple[str, str]]") -> list[str]:
    """Give `name  value` lines, the values below each other."""
    width = max((len(name) for name, _ in pairs), default=0)
    return [f"{name.ljust(width)}{_GAP}{clean(value)}".rstrip() for name, value in pairs]


def paint(lines: "Sequence[str]", words: "dict[str, str]") -> list[str]:
    """Colour whole words; click takes the colours off again where the output is no terminal."""
    painted = []
    for line in lines:
        parts = _WORDS.split(line)
        painted.append("".join(click.style(part, fg=words[part]) if part in words else part for part in parts))
    return painted


def _numbered(row: "Sequence[str]", widths: "Sequence[int]") -> "list[tuple[int, tuple[str, int]]]":
    return list(enumerate(zip(row, widths, strict=True)))
