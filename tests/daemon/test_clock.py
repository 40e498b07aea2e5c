"""The clock of the daemon."""

import time
from datetime import UTC, datetime

import pytest

from fnm_guard.daemon.clock import LiveClock


def test_now_is_monotonic_time() -> None:
    """Inside the daemon time is CLOCK_MONOTONIC, the same as the engine's and the event loop's."""
    before = time.monotonic()
    assert before <= LiveClock().now() <= time.monotonic()


def test_wall_time_is_utc() -> None:
    """An instant of the daemon's clock becomes UTC; the present one is the present."""
    clock = LiveClock()
    before = datetime.now(UTC)
    wall = clock.wall(clock.now())
    assert wall.tzinfo is UTC
    assert abs((wall - before).total_seconds()) < 5


def test_a_set_wall_clock_moves_all_instants_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wall clock that is set an hour ahead moves what was and what will be alike: no time between two changes."""
    clock = LiveClock()
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    monkeypatch.setattr(time, "time", lambda: 1_000.0)
    before = clock.wall(90.0), clock.wall(160.0)
    monkeypatch.setattr(time, "time", lambda: 4_600.0)
    after = clock.wall(90.0), clock.wall(160.0)
    assert [(new - old).total_seconds() for old, new in zip(before, after, strict=True)] == [3600, 3600]
    assert before[0] == datetime.fromtimestamp(990, UTC)
