"""Addresses, prefixes and BGP's own notations, read strictly.

The standard library reads them, because it takes one spelling only (no 10.1, no 010.0.0.1); netaddr's objects leave.
"""

import ipaddress
import re

from netaddr import IPAddress, IPNetwork

from fnm_guard.config.values import BadValueError

__all__ = ["read_address", "read_as_number", "read_community", "read_large_community", "read_prefix"]

_PREFIX = re.compile(r"([0-9a-fA-F:.]{2,45})(?:/([0-9]{1,3}))?", re.ASCII)
_COMMUNITY = re.compile(r"(0|[1-9][0-9]{0,4}):(0|[1-9][0-9]{0,4})", re.ASCII)
_LARGE_COMMUNITY = re.compile(r"(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9}):(0|[1-9][0-9]{0,9})", re.ASCII)
_NO_EXPORT = "65535:65281"
_WELL_KNOWN = {  # https://www.iana.org/assignments/bgp-well-known-communities
    "blackhole": "65535:666",
    "no-advertise": "65535:65282",
    "no-export": _NO_EXPORT,
    "no-export-subconfed": "65535:65283",
}
_AS_FORBIDDEN = (23_456, 65_535)  # AS_TRANS (RFC 6793), last 16-bit number (RFC 7300)
_HIGH_16 = 65_535
_HIGH_32 = 4_294_967_295


def read_address(value: object, family: int | None = None) -> IPAddress:
    """Give a unicast address that can be a host on a network, of one family if asked."""
    allowed = {4: "an IPv4 address", 6: "an IPv6 address"}.get(family or 0, "an IPv4 or IPv6 address")
    try:
        address = ipaddress.ip_address(str(value)) if isinstance(value, str | IPAddress) else None
    except ValueError:
        address = None
    if address is None or "%" in str(value):
        raise BadValueError("not an address", allowed)
    if family is not None and address.version != family:
        raise BadValueError("of the wrong family", allowed)
    if address.is_multicast or address.is_unspecified or int(address) == _HIGH_32 or _is_mapped(address):
        raise BadValueError("not a unicast address", allowed)
    return IPAddress(str(address))


def _is_mapped(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None


def read_prefix(value: object, shortest_ipv4: int, shortest_ipv6: int) -> IPNetwork:
    """Give a prefix without host bits; a single address is a /32 or /128."""
    allowed = f"a prefix, IPv4 /{shortest_ipv4} to /32 or IPv6 /{shortest_ipv6} to /128"
    if not isinstance(value, str | IPNetwork) or not _PREFIX.fullmatch(str(value)):
        raise BadValueError("not a prefix", allowed)
    try:
        prefix = ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        raise BadValueError("not a prefix", allowed) from None
    address = ipaddress.ip_interface(str(value)).ip
    if address != prefix.network_address:
        raise BadValueError("host bits are set", f"{prefix} for the prefix, {address} for the host")
    if _is_mapped(prefix.network_address):
        raise BadValueError("an IPv4 address in IPv6 form", allowed)
    if prefix.prefixlen < (shortest_ipv4 if prefix.version == 4 else shortest_ipv6):  # noqa: PLR2004 - the IP version
        raise BadValueError("too large", allowed)
    return IPNetwork(str(prefix))


def read_as_number(value: int) -> int:
    """Refuse AS numbers that no session may use (RFC 6793, 7300, 7607)."""
    if value in _AS_FORBIDDEN:
        raise BadValueError("a reserved AS number", f"1 to {_HIGH_32 - 1} without 23456 and 65535")
    return value


def read_community(value: object) -> str:
    """Give a standard community (RFC 1997) as `high:low`, names as their number."""
    text = _WELL_KNOWN.get(str(value).lower(), value)
    if text == _NO_EXPORT:
        raise BadValueError("NO_EXPORT has a setting of its own", "no_export: true")
    match = _COMMUNITY.fullmatch(text) if isinstance(text, str) else None
    if match is None or max(map(int, match.groups())) > _HIGH_16:
        names = ", ".join(name for name, number in _WELL_KNOWN.items() if number != _NO_EXPORT)
        raise BadValueError("not a community", f"HIGH:LOW, each 0 to {_HIGH_16}, or one of {names}")
    return match.string


def read_large_community(value: object) -> str:
    """Give a large community (RFC 8092) as `global:local:local`."""
    match = _LARGE_COMMUNITY.fullmatch(value) if isinstance(value, str) else None
    if match is None or max(map(int, match.groups())) > _HIGH_32:
        raise BadValueError("not a large community", f"GLOBAL:LOCAL:LOCAL, each 0 to {_HIGH_32}")
    return match.string
