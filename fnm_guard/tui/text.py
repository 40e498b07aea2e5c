"""Times, spans and numbers as people read them, on the screen and on the command line.

Nothing that comes from outside reaches a terminal as it is: a peer's reason may hold escape sequences.
"""

from datetime import UTC, datetime

__all__ = ["clean", "clock", "number", "plural", "span", "when"]

_MINUTE = 60
_HOUR = 3_600
_DAY = 86_400


def clean(text: str) -> str:
    """Replace what a terminal would act on."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def when(at: datetime) -> str:
    """Give a time in the machine's zone, and say which one that is."""
    return f"{at.astimezone():%Y-%m-%d} {clock(at)}"


def clock(at: datetime) -> str:
    """Give the time of the day in the machine's zone, and say which one that is."""
    local = at.astimezone()
    zone = "UTC" if local.utcoffset() == UTC.utcoffset(None) else f"{local:%z}"
    return f"{local:%H:%M:%S} {zone}"


def span(seconds: float) -> str:
    """Give a span of time in its two largest units."""
    whole = max(0, int(seconds))
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02d}s"
    if whole < 2 * _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02d}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR:02d}h"


def number(value: float) -> str:
    """Give a figure without a fraction: what is above 0 is never shown as 0."""
    return "<1" if 0 < value < 1 else f"{value:.0f}"


def plural(count: int, word: str) -> str:
    """Give `1 ban`, `2 bans`."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"
