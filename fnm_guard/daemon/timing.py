"""How well the daemon keeps time: stalls of its event loop, and jumps of the wall clock.

A stall is the time for which the loop did one thing and served nobody else.  A task that wants to be woken every 25 ms
sees how late it is; a machine that gave the process no CPU looks the same, and is as bad.

A wall clock that is set, or a machine that slept, moves the wall time against CLOCK_MONOTONIC, which everything here
runs by.  Nothing is harmed; but times in mails and in the history before and after do not fit together, so it is said.
"""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ClockWatch", "LoopWatch"]

PERIOD_SECONDS = 0.025
STALLS = {"50ms": 0.05, "250ms": 0.25, "1s": 1.0}
"""Stalls are counted from these lengths on, a long one in each."""
JUMP_SECONDS = 0.5
"""Less is a clock that is being disciplined, not one that is set."""


class LoopWatch:
    """Counts the stalls of the loop that runs it.

    Attributes:
        longest: In seconds.
        stalls: How many there were, by their least length.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self.stalls = dict.fromkeys(STALLS, 0)

    async def run(self) -> None:
        """Watch until cancelled."""
        clock: Callable[[], float] = asyncio.get_running_loop().time
        while True:
            due = clock() + PERIOD_SECONDS
            await asyncio.sleep(PERIOD_SECONDS)
            self.note(clock() - due)

    def note(self, late_seconds: float) -> None:
        """Enter how late it was woken."""
        self.longest = max(self.longest, late_seconds)
        for name, seconds in STALLS.items():
            self.stalls[name] += late_seconds >= seconds


class ClockWatch:
    """Counts the jumps of the wall clock.

    Attributes:
        forward, backward: How many there were.
    """

    def __init__(self) -> None:
        self.forward = self.backward = 0
        self._offset: float | None = None

    def look(self, monotonic: float, wall: float) -> float:
        """Compare the clocks as they are now; give by how many seconds the wall clock jumped, 0: it did not."""
        before, self._offset = self._offset, wall - monotonic
        jump = 0.0 if before is None else self._offset - before
        if abs(jump) < JUMP_SECONDS:
            return 0.0
        self.forward += jump > 0
        self.backward += jump < 0
        return jump
