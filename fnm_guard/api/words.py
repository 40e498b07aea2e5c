"""What an operator types, checked the same way at the command line and in the API: addresses and durations.

Nothing heavy is imported here: every command pays for it.
"""

import ipaddress
import re

from fnm_guard.config.values import BadValueError, read_duration

__all__ = ["DURATION_LIMIT_SECONDS", "parse_duration", "parse_host"]

DURATION_LIMIT_SECONDS = 365 * 86_400.0
"""Longest ban for a given time, as in `core/limits`; longer is what `permanent` is for."""

_LEADING_ZERO = re.compile(r"(?=(?:.*\.)?0[0-9])[0-9]{1,9}(?:\.[0-9]{1,9}){3}", re.ASCII)
_SHOWN = 60


def parse_host(text: str) -> str:
    """Give the canonical text of one address: IPv4 or IPv6, alone or with the prefix length of a single host.

    Raises:
        ValueError: With one line that names the text and what is allowed.
    """
    bare, slash, length = text.partition("/")
    if "%" in text:
        raise ValueError(f"{_quoted(text)} has a zone: only an address that can be routed can be banned")
    address = _parse_address(bare, text)
    if slash and (not re.fullmatch(r"[0-9]{1,3}", length, re.ASCII) or int(length) > address.max_prefixlen):
        raise ValueError(f"{_quoted(text)} is no address: /{length[:_SHOWN]!s} is no prefix length".replace("\n", " "))
    if slash and int(length) != address.max_prefixlen:
        raise ValueError(f"{_quoted(text)} is a network: give one address, alone or with /{address.max_prefixlen}")
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise ValueError(f"{_quoted(text)} is an IPv4 address in IPv6 clothes: write {address.ipv4_mapped}")
    return str(address)


def parse_duration(text: str) -> float:
    """Give the seconds of a duration written as in the configuration: `90s`, `30m`, `1.5h`, `2d`.

    Raises:
        ValueError: With one line that names the text and what is allowed.
    """
    try:
        return read_duration(text, 1.0, DURATION_LIMIT_SECONDS)
    except BadValueError as error:
        raise ValueError(f"{_quoted(text)} is {error.what}; allowed: {error.allowed}") from None


def _parse_address(bare: str, text: str) -> "ipaddress.IPv4Address | ipaddress.IPv6Address":
    if _LEADING_ZERO.fullmatch(bare):
        raise ValueError(f"{_quoted(text)} has leading zeros, which some read as octal: leave them out")
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        raise ValueError(f"{_quoted(text)} is no IPv4 or IPv6 address (names are not looked up)") from None


def _quoted(text: str) -> str:
    """Show hostile text on one line, and not all of it."""
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return ascii(shown) if not shown.isprintable() else f"'{shown}'"
