import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import pytest

from cli.report_cases import GOLDEN, all_reports
from fnm_guard.cli.tables import columns, paint
from fnm_guard.tui.text import number, span, when

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> "Iterator[None]":
    """Set the machine's zone, and put it back."""
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("name", sorted(all_reports()))
def test_reports_are_those_of_the_golden_files(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What people read changes only when somebody reviewed it."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert all_reports()[name] == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.usefixtures("zone")
def test_times_say_their_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A time is in the machine's zone and carries its offset, UTC by name."""
    at = datetime(2026, 3, 29, 13, 23, 20, tzinfo=UTC)
    for zone, shown in (
        ("UTC", "13:23:20 UTC"),
        ("Europe/Berlin", "15:23:20 +0200"),
        ("Asia/Kolkata", "18:53:20 +0530"),
    ):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert when(at) == f"2026-03-29 {shown}"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3, "0s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (3_599, "59m59s"),
        (3_600, "1h00m"),
        (172_799, "47h59m"),
        (900_000, "10d10h"),
    ],
)
def test_spans_have_two_units(seconds: float, shown: str) -> None:
    """A span shows its two largest units and is never negative."""
    assert span(seconds) == shown


def test_a_little_is_not_nothing() -> None:
    """Traffic below one unit is told apart from silence."""
    assert [number(value) for value in (0, 0.001, 1, 1.6, 12_345.4)] == ["0", "<1", "1", "2", "12345"]


def test_columns_are_aligned_and_harmless() -> None:
    """Cells are padded to the widest, and control characters are replaced."""
    assert columns(["A", "NUMBER"], [["x\x1b[2J\n", "7"], ["longer-one", "1234567"]], right=[1]) == [
        "A            NUMBER",
        "x?[2J?            7",
        "longer-one  1234567",
    ]


def test_only_whole_words_are_coloured() -> None:
    """A colour never changes the text."""
    (line,) = paint(["up  upstream-a uptime: up"], {"up": "green"})
    assert line.count("\x1b[32mup\x1b[0m") == 2
    assert click.unstyle(line) == "up  upstream-a uptime: up"
