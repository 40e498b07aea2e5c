import time
from typing import TYPE_CHECKING

import pytest

from api.paperdesk import PaperDesk
from fnm_guard.tui.screen import Room, View, draw
from tui.screen_cases import GOLDEN, all_screens, crowded, shown

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> "Iterator[None]":
    """Put the machine into UTC, and back."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "name", ["attack-80x24", "away-80x24", "crowd-60x16", "crowd-80x24", "crowd-80x40", "once", "quiet-80x24"]
)
def test_screens_are_those_of_the_golden_files(name: str) -> None:
    """What people see changes only when somebody reviewed it."""
    assert all_screens()[name] == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("height", range(1, 60))
def test_it_fits_and_keeps_what_must_be_seen(height: int) -> None:
    """At any height from 13 lines on, totals, loss, warnings, the head of the bans and the keys are on the screen."""
    lines = shown(View(crowded(), "packets", 7, failure="gone"), 80, height)
    assert all(len(line) <= 80 for line in lines)
    if height >= 13:
        assert len(lines) == height
        text = "\n".join(lines)
        for word in ("Incoming", "Outgoing", "Internal", "Other", "dropped %", "! gone", "Ban list", "q quit"):
            assert word in text


def test_room_is_used() -> None:
    """On a tall terminal all hosts, all bans and the blank lines are shown."""
    assert Room.within(60, View(crowded(), "packets", 7)) == Room(7, 60 - 12 - 14 - 4, blank=True)


def test_the_number_of_hosts_is_the_operators(desk: PaperDesk) -> None:
    """`-n` bounds the lists however tall the terminal is."""
    assert Room.within(60, View(crowded(), "packets", 2)).hosts == 2
    assert desk.entries


def test_without_figures_there_is_the_reason() -> None:
    """Before the first answer only the reason can be shown."""
    assert [line.plain for line in draw(View(None, "packets", 7, failure="no daemon"), 24)] == ["! no daemon"]
