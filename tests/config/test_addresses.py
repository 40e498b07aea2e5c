"""Addresses, prefixes and communities are read strictly."""

import ipaddress

import pytest
from hypothesis import given, strategies
from netaddr import IPAddress, IPNetwork

from fnm_guard.config.addresses import (
    read_address,
    read_as_number,
    read_community,
    read_large_community,
    read_prefix,
)
from fnm_guard.config.values import BadValueError


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "100::1", "10.0.0.1", "fe80::1"])
def test_addresses(text: str) -> None:
    """Unicast addresses of both families are read, as text and as objects."""
    assert str(read_address(text)) == text
    assert read_address(IPAddress(text)) == IPAddress(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.1",
        "10",
        "010.0.0.1",
        "192.0.2.1/32",
        "192.0.2.256",
        "1.2.3.4.5",
        "fe80::1%eth0",
        "host",
        " 192.0.2.1",
        5,
        None,
    ],
)
def test_no_addresses(text: object) -> None:
    """Short forms, octal, zones, names and numbers are no addresses."""
    with pytest.raises(BadValueError, match="not an address"):
        read_address(text)


@pytest.mark.parametrize("text", ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1", "::ffff:192.0.2.1"])
def test_addresses_of_no_host(text: str) -> None:
    """An address that no host has is refused, and so is IPv4 in IPv6 form."""
    with pytest.raises(BadValueError, match="not a unicast address"):
        read_address(text)


def test_families() -> None:
    """A setting of one family takes no address of the other."""
    assert read_address("192.0.2.1", 4) == IPAddress("192.0.2.1")
    with pytest.raises(BadValueError) as caught:
        read_address("2001:db8::1", 4)
    assert (caught.value.what, caught.value.allowed) == ("of the wrong family", "an IPv4 address")


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("198.51.100.0/24", "198.51.100.0/24"),
        ("198.51.100.7", "198.51.100.7/32"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("2001:DB8::1", "2001:db8::1/128"),
        ("10.0.0.0/8", "10.0.0.0/8"),
    ],
)
def test_prefixes(text: str, prefix: str) -> None:
    """A prefix is read as it stands; an address alone is one of a single host."""
    assert read_prefix(text, 8, 16) == IPNetwork(prefix)


def test_host_bits_name_the_right_prefix() -> None:
    """A prefix with host bits is refused with both things that may have been meant."""
    with pytest.raises(BadValueError) as caught:
        read_prefix("198.51.100.7/24", 8, 16)
    assert caught.value.what == "host bits are set"
    assert caught.value.allowed == "198.51.100.0/24 for the prefix, 198.51.100.7 for the host"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/24",
        "10/8",
        "198.51.100.0/255.255.255.0",
        "198.51.100.0/33",
        "2001:db8::/129",
        "all",
        "a/8",
        "1.2.3.4/",
        4,
        None,
    ],
)
def test_no_prefixes(text: object) -> None:
    """Masks, short forms and lengths out of range are no prefixes."""
    with pytest.raises(BadValueError, match="not a prefix"):
        read_prefix(text, 8, 16)


@pytest.mark.parametrize("text", ["0.0.0.0/0", "10.0.0.0/7", "::/0", "2000::/3"])
def test_prefixes_that_are_too_large(text: str) -> None:
    """A prefix above the bound of its family is refused."""
    with pytest.raises(BadValueError, match="too large"):
        read_prefix(text, 8, 16)


def test_ipv4_in_ipv6_form() -> None:
    """Mapped IPv4 is not watched as IPv6."""
    with pytest.raises(BadValueError, match="an IPv4 address in IPv6 form"):
        read_prefix("::ffff:192.0.2.0/120", 8, 16)


@given(strategies.ip_addresses(), strategies.integers(16, 128))
def test_prefixes_agree_with_the_standard_library(address: object, length: int) -> None:
    """Whatever is taken is the prefix that the standard library reads, without host bits."""
    text = f"{address}/{length}"
    try:
        prefix = read_prefix(text, 8, 16)
    except BadValueError:
        return
    assert ipaddress.ip_network(text) == ipaddress.ip_network(str(prefix))


@pytest.mark.parametrize("number", [23_456, 65_535])
def test_reserved_as_numbers(number: int) -> None:
    """AS numbers that no neighbour has are refused (RFC 6793, 7300)."""
    assert read_as_number(64_496) == 64_496
    with pytest.raises(BadValueError, match="a reserved AS number"):
        read_as_number(number)


@pytest.mark.parametrize(
    ("text", "community"),
    [
        ("65535:666", "65535:666"),
        ("64496:0", "64496:0"),
        ("blackhole", "65535:666"),
        ("No-Advertise", "65535:65282"),
    ],
)
def test_communities(text: str, community: str) -> None:
    """Names become numbers, so that equal communities are written the same."""
    assert read_community(text) == community


@pytest.mark.parametrize(
    "text", ["", "1", "1:2:3", "65536:1", "1:65536", "-1:1", "1: 1", "01:1", "blackholes", "1:1 no-export", None, 5]
)
def test_no_communities(text: object) -> None:
    """Anything that could end up as something else in ExaBGP's text is refused."""
    with pytest.raises(BadValueError, match="not a community"):
        read_community(text)


@pytest.mark.parametrize("text", ["no-export", "NO-EXPORT", "65535:65281"])
def test_no_export_is_a_setting(text: str) -> None:
    """NO_EXPORT has one place in the configuration."""
    with pytest.raises(BadValueError) as caught:
        read_community(text)
    assert caught.value.allowed == "no_export: true"


def test_large_communities() -> None:
    """Large communities have three numbers of 32 bits, written one way."""
    assert read_large_community("4294967295:0:1") == "4294967295:0:1"
    for wrong in ("1:2", "1:2:3:4", "01:0:0", "4294967296:0:0", "a:b:c", "", None):
        with pytest.raises(BadValueError, match="not a large community"):
            read_large_community(wrong)
