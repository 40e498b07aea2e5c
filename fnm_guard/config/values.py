"""Texts of the file as numbers, durations and names: one function a kind of value.

Each takes what the file holds, a text, or the same value as a Python object, and raises `BadValueError`.
"""

import re
from decimal import Decimal

__all__ = ["BadValueError", "read_duration", "read_number", "read_switch", "read_text", "read_whole", "write_duration"]

_DIGITS = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)", re.ASCII)
_NUMBER = re.compile(r"[-+]?[0-9]+(_[0-9]+)*(\.[0-9]+)?", re.ASCII)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)?", re.ASCII)
_UNITS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86_400)}
_SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NUMBER_CHARACTERS = 30


class BadValueError(ValueError):
    """A value that a setting does not take.

    Attributes:
        what: What is wrong with it.
        allowed: What would be right.
        is_secret: Whether the value must not be shown.
    """

    def __init__(self, what: str, allowed: str, *, is_secret: bool = False) -> None:
        super().__init__(what, allowed)
        self.what = what
        self.allowed = allowed
        self.is_secret = is_secret


def read_whole(value: object, low: int, high: int) -> int:
    """Give a whole number from `low` to `high`; `30_000` is one."""
    allowed = f"{low} to {high}"
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and len(value) <= _NUMBER_CHARACTERS and _DIGITS.fullmatch(value):
        number = int(value)
    else:
        raise BadValueError("not a whole number", allowed)
    return int(_within(number, low, high, allowed))


def read_number(value: object, low: float, high: float) -> float:
    """Give a number from `low` to `high`."""
    allowed = f"{low:g} to {high:g}"
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number and not (len(str(value)) <= _NUMBER_CHARACTERS and _NUMBER.fullmatch(str(value))):
        raise BadValueError("not a number", allowed)
    return _within(float(str(value)), low, high, allowed)


def _within(number: float, low: float, high: float, allowed: str) -> float:
    if number < low:
        raise BadValueError("too small", allowed)
    if not number <= high:
        raise BadValueError("too large", allowed)
    return number


def read_switch(value: object) -> bool:
    """Give True or False for `true`, `yes`, `on`, `false`, `no`, `off`, in any case."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _SWITCH:
        return _SWITCH[value.lower()]
    raise BadValueError("neither yes nor no", "true, false")


def read_duration(value: object, low: float, high: float) -> float:
    """Give seconds for `50ms`, `1s`, `30m`, `24h`, `1d`; a bare number is in seconds."""
    allowed = f"{write_duration(low)} to {write_duration(high)} (units: ms, s, m, h, d)"
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and len(value) <= _NUMBER_CHARACTERS and (match := _DURATION.fullmatch(value)):
        seconds = float(Decimal(match[1]) * _UNITS[match[2] or "s"])
    else:
        raise BadValueError("not a duration", allowed)
    return _within(seconds, low, high, allowed)


def write_duration(seconds: float) -> str:
    """Give a duration as the file has it, in the largest unit that leaves a whole number."""
    if seconds == 0:
        return "0s"
    exact = Decimal(repr(seconds))
    for unit in ("d", "h", "m", "s"):
        if exact % _UNITS[unit] == 0:
            return f"{int(exact / _UNITS[unit])}{unit}"
    return f"{(exact / _UNITS['ms']).normalize():f}ms"


def read_text(value: object, pattern: re.Pattern[str], what: str, allowed: str) -> str:
    """Give a text that matches the whole pattern."""
    if not isinstance(value, str):
        raise BadValueError(what, allowed)
    if not pattern.fullmatch(value):
        raise BadValueError(what, allowed)
    return value
