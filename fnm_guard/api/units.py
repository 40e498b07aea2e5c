"""Figures as they go out: rounded to what means something."""

__all__ = ["mbps", "percent", "rounded"]

_DIGITS = 3
_BITS_IN_MEGABIT = 1e6


def percent(received: int, dropped: int) -> float:
    """Give the share of all frames that was lost; 0 when none was."""
    return round(100 * dropped / (received + dropped), _DIGITS) if dropped else 0.0


def mbps(bps: float) -> float:
    """Give bits per second in 10**6 bit/s."""
    return round(bps / _BITS_IN_MEGABIT, _DIGITS)


def rounded(value: float) -> float:
    """Give a figure without the noise of its last digits."""
    return round(value, _DIGITS)
