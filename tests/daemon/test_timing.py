"""Stalls of the loop and jumps of the wall clock."""

import asyncio
import time

from fnm_guard.daemon.timing import ClockWatch, LoopWatch


def test_a_stall_counts_by_its_length() -> None:
    """A long stall is in every count it is long enough for; the longest is kept."""
    watch = LoopWatch()
    for late in (0.0, 0.049, 0.05, 0.3, 0.01):
        watch.note(late)
    assert watch.stalls == {"50ms": 2, "250ms": 1, "1s": 0}
    assert watch.longest == 0.3


async def test_a_loop_that_stalls_is_noticed() -> None:
    """A callback that keeps the loop for itself is seen by the watch."""
    watch = LoopWatch()
    task = asyncio.create_task(watch.run())
    while not watch.stalls["50ms"]:
        await asyncio.sleep(0)
        time.sleep(0.1)  # noqa: ASYNC251  # the stall
    task.cancel()
    assert watch.longest >= 0.05


def test_a_wall_clock_that_is_set_is_counted() -> None:
    """Forward and back apart; a clock that runs a little off, or starts anywhere, has not jumped."""
    watch = ClockWatch()
    assert [watch.look(float(n), 1000.0 + n * 1.001) for n in range(5)] == [0.0] * 5
    assert round(watch.look(5.0, 1305.0)) == 300
    assert watch.look(6.0, 1306.0) == 0.0
    assert round(watch.look(7.0, 1000.0)) == -307
    assert (watch.forward, watch.backward) == (1, 1)
