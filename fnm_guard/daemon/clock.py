"""The clock of the daemon: CLOCK_MONOTONIC inside, UTC at the edges."""

import time
from datetime import UTC, datetime

__all__ = ["LiveClock"]


class LiveClock:
    """Monotonic time and its wall time.

    The wall time of an instant is made with the wall clock as it is now, so that a wall clock that is set moves all
    instants together and never an expiry.
    """

    def now(self) -> float:
        """Give the monotonic time, in seconds."""
        return time.monotonic()

    def wall(self, at: float) -> datetime:
        """Give the wall time of a monotonic instant, in UTC."""
        return datetime.fromtimestamp(time.time() - (time.monotonic() - at), UTC)
