"""Between the core's seconds and the microseconds of wall time in the file."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock", "from_microseconds", "microseconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(wall: datetime) -> int:
    """Give an aware time as microseconds since the epoch, exactly."""
    return (wall - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """Give microseconds since the epoch as a UTC time."""
    return _EPOCH + value * _MICROSECOND


class Clock:
    """Both ways between core time and the file's time.

    Args:
        wall: Core seconds to UTC.  Seconds must pass alike on both; the distance may change when the clock is set.
    """

    def __init__(self, wall: "Callable[[float], datetime]") -> None:
        self._wall = wall

    def stored(self, at: float) -> int:
        """Give core seconds as microseconds of wall time."""
        return microseconds(self._wall(at))

    def stored_or_none(self, at: float | None) -> int | None:
        """Give core seconds as microseconds of wall time, None as None."""
        return None if at is None else self.stored(at)

    def core(self, stored: int) -> float:
        """Give microseconds of wall time as core seconds by the clock as it is now; negative before its zero."""
        return (stored - microseconds(self._wall(0.0))) / 1e6

    def core_or_none(self, stored: int | None) -> float | None:
        """Give microseconds of wall time as core seconds, None as None."""
        return None if stored is None else self.core(stored)
