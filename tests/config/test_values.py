"""Numbers, switches and durations as they stand in the file."""

import re

import pytest
from hypothesis import given, strategies

from fnm_guard.config.values import (
    BadValueError,
    read_duration,
    read_number,
    read_switch,
    read_text,
    read_whole,
    write_duration,
)


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("7", 7), ("-3", -3), ("+5", 5), ("30000", 30_000), ("30_000", 30_000), (12, 12)]
)
def test_whole_numbers(text: object, number: int) -> None:
    """Whole numbers may be signed and grouped by underscores."""
    assert read_whole(text, -10, 1_000_000) == number


@pytest.mark.parametrize(
    "text", ["", "1.0", "1e3", "0x10", "010", "ten", "1_", "_1", " 1", "1\n", "\u0661", True, 1.0, None, [1]]
)
def test_no_whole_numbers(text: object) -> None:
    """What different readers would read differently is refused: octal, hexadecimal, exponents, other digits."""
    with pytest.raises(BadValueError, match="not a whole number"):
        read_whole(text, 0, 100)


def test_very_long_numbers() -> None:
    """A number of thousands of digits is refused before it is computed."""
    with pytest.raises(BadValueError, match="not a whole number"):
        read_whole("9" * 10_000, 0, 100)


@pytest.mark.parametrize(("text", "what"), [("4", "too small"), ("11", "too large")])
def test_whole_numbers_have_bounds(text: str, what: str) -> None:
    """Both bounds belong to the range, and the error names them."""
    assert [read_whole("5", 5, 10), read_whole("10", 5, 10)] == [5, 10]
    with pytest.raises(BadValueError) as caught:
        read_whole(text, 5, 10)
    assert (caught.value.what, caught.value.allowed) == (what, "5 to 10")


@pytest.mark.parametrize(("text", "number"), [("0.8", 0.8), ("1", 1.0), ("1_000.5", 1000.5), (0.5, 0.5), (1, 1.0)])
def test_numbers(text: object, number: float) -> None:
    """Numbers may have a fraction."""
    assert read_number(text, 0, 10_000) == number


@pytest.mark.parametrize("text", ["", ".5", "1.", "nan", "inf", "1e3", "0,8", True, None])
def test_no_numbers(text: object) -> None:
    """Only plain decimal numbers are read."""
    with pytest.raises(BadValueError, match="not a number"):
        read_number(text, 0, 10)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_numbers_without_value(number: float) -> None:
    """What is not finite is out of every range."""
    for read in (read_number, read_duration):
        with pytest.raises(BadValueError):
            read(number, 0, 10)


@pytest.mark.parametrize("text", ["true", "yes", "on", "True", "ON", True])
def test_on(text: object) -> None:
    """YAML's words for true."""
    assert read_switch(text) is True


@pytest.mark.parametrize("text", ["false", "no", "off", "No", False])
def test_off(text: object) -> None:
    """YAML's words for false."""
    assert read_switch(text) is False


@pytest.mark.parametrize("text", ["", "1", "y", "maybe", 1, None])
def test_neither(text: object) -> None:
    """Anything else is no switch."""
    with pytest.raises(BadValueError, match="neither yes nor no"):
        read_switch(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("50ms", 0.05), ("1s", 1.0), ("30m", 1800.0), ("24h", 86_400.0), ("1d", 86_400.0), ("1.5h", 5400.0), ("90", 90.0)],
)
def test_durations(text: str, seconds: float) -> None:
    """A duration is a number and a unit; a bare number is in seconds."""
    assert read_duration(text, 0, 1e6) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 s", "1S", "1h30m", "1w", "1e3s", "one", None, True, ["1s"]])
def test_no_durations(text: object) -> None:
    """Anything else is none."""
    with pytest.raises(BadValueError, match="not a duration"):
        read_duration(text, 0, 1e6)


def test_durations_have_bounds() -> None:
    """The error names the bounds as durations, and the units."""
    with pytest.raises(BadValueError) as caught:
        read_duration("2m", 1, 60)
    assert (caught.value.what, caught.value.allowed) == ("too large", "1s to 1m (units: ms, s, m, h, d)")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.05, "50ms"),
        (1.5, "1500ms"),
        (90, "90s"),
        (1800.0, "30m"),
        (5400, "90m"),
        (172_800, "2d"),
        (0.0005, "0.5ms"),
    ],
)
def test_durations_are_written(seconds: float, text: str) -> None:
    """The largest unit that leaves a whole number is taken."""
    assert write_duration(seconds) == text


@given(strategies.decimals(0, 10**7, places=6))
def test_what_is_written_is_read_as_the_same(seconds: object) -> None:
    """Writing and reading give the same duration."""
    number = float(str(seconds))
    assert read_duration(write_duration(number), 0, 1e7) == number


def test_texts_match_to_their_end() -> None:
    """A text matches its pattern whole: a line feed at the end is not overlooked."""
    assert read_text("abc", re.compile("[a-z]+"), "no word", "letters") == "abc"
    for wrong in ("abc\n", "ab1", "", 5, None):
        with pytest.raises(BadValueError, match="no word"):
            read_text(wrong, re.compile("[a-z]+"), "no word", "letters")
