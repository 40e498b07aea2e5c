import pytest

from fnm_guard.api.words import DURATION_LIMIT_SECONDS, parse_duration, parse_host
from fnm_guard.core.limits import HAND_BAN_LIMIT_SECONDS


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7/32", "203.0.113.7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("2001:db8::7/128", "2001:db8::7"),
        ("::", "::"),
    ],
)
def test_one_host_is_taken_in_every_form(text: str, host: str) -> None:
    """An address alone or with the prefix length of a single host names that host, in one spelling."""
    assert parse_host(text) == host


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("www.example.net", "names are not looked up"),
        ("", "no IPv4 or IPv6 address"),
        ("203.0.113", "no IPv4 or IPv6 address"),
        (" 203.0.113.7", "no IPv4 or IPv6 address"),
        ("203.0.113.7/", "is no prefix length"),
        ("203.0.113.7/33", "/33 is no prefix length"),
        ("203.0.113.7/3\n2", "is no prefix length"),
        ("203.0.113.7/255.255.255.255", "is no prefix length"),
        ("203.0.113.7/٣٢", "is no prefix length"),
        ("203.0.113.0/24", "is a network: give one address, alone or with /32"),
        ("2001:db8::/64", "is a network: give one address, alone or with /128"),
        ("fe80::1%eth0", "has a zone"),
        ("203.0.113.007", "leading zeros"),
        ("3405803783", "no IPv4 or IPv6 address"),
        ("0x7f.0.0.1", "no IPv4 or IPv6 address"),
        ("::ffff:203.0.113.7", "write 203.0.113.7"),
        ("٢٠٣.0.113.7", "no IPv4 or IPv6 address"),
    ],
)
def test_everything_else_is_refused_with_a_reason(text: str, says: str) -> None:
    """What is not one address is refused with one line that says what is wrong."""
    with pytest.raises(ValueError, match=r"^.*$") as caught:
        parse_host(text)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_hostile_text_is_shown_short_and_harmless() -> None:
    """An error shows neither control characters nor a novel."""
    with pytest.raises(ValueError, match="no IPv4") as caught:
        parse_host("\x1b[2J" + "9" * 5_000)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1_800), ("1.5h", 5_400), ("2d", 172_800), ("45", 45), ("365d", 31_536_000)],
)
def test_durations_are_those_of_the_configuration(text: str, seconds: float) -> None:
    """A duration is a number with a unit, seconds without one."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "m", "-5m", "5 m", "5M", "0s", "10ms", "366d", "1e3s", "30m!", "٣m", "nan", "1..5h"]
)
def test_other_durations_are_refused(text: str) -> None:
    """No unit, no number, nothing at all, a sign or a century is no duration of a ban; the line says what is."""
    with pytest.raises(ValueError, match=r"^'.*' is .*; allowed: 1s to 365d \(units: ms, s, m, h, d\)$"):
        parse_duration(text)


def test_the_longest_ban_is_that_of_the_core() -> None:
    """What is taken here is not refused later for its length."""
    assert DURATION_LIMIT_SECONDS == HAND_BAN_LIMIT_SECONDS
