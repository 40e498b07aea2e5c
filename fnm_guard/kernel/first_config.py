"""The text that `fnm-guard init` writes: a configuration to begin with, in monitor mode."""

import re
from collections.abc import Iterable, Sequence

from netaddr import IPAddress, IPNetwork, IPSet

from fnm_guard.kernel.links import Gateway, Interface

__all__ = ["write"]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,14}", re.ASCII)
_NOT_PLAIN = frozenset({"null"})
_USABLE = re.compile(r"(?!\.{1,2}$)[!-.0-9;-~]{1,15}", re.ASCII)

_NEVER = IPSet(["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/8", "fe80::/10", "ff00::/8"])
_PRIVATE = IPSet(["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"])
_PLACEHOLDER = (IPNetwork("198.51.100.0/24"),)

_LONGEST = {4: 29, 6: 125}  # longer ones are transfer networks and single addresses, not networks of hosts
_SHORTEST = {4: 8, 6: 16}
_IPV4_HOSTS = 2**24

_TEXT = """\
# fnm-guard.yaml, first written by `fnm-guard init` from this machine's interfaces and addresses.
# Check every value, then `fnm-guard check`.  All settings: man 5 fnm-guard.yaml

# Our networks: only hosts in here are counted, and nothing else is ever banned.
# {networks_note}
networks:
{networks}

# Never banned, by hand or not: this machine, its gateways; add routers, name servers, monitoring.
never_ban:{never_ban}

# What is read.  `auto` takes PF_RING when it is installed, AF_PACKET otherwise.
# {capture_note}
# On a router list every port; on a mirror port make sure that no packet is mirrored twice.
capture:{capture}

# 30000 packets/s to or from one host is an attack; other thresholds are off until set.
detection:
  thresholds:
    incoming: {{pps: 30000}}
    outgoing: {{pps: 30000}}

# monitor: everything is decided and told, nothing is announced.  Change it to act once its bans would be right.
ban:
  mode: monitor
  duration: 30m

# Blackholes are announced to these peers through ExaBGP.  Agree address, communities and next hop with the upstream.
# bgp:
#   local_as: 64512
#   router_id: {router_id}
#   peers:
#     upstream-a:
#       address: 192.0.2.1
#       as: 64500
#       next_hop: {{ipv4: 192.0.2.1, ipv6: "100::1"}}
#       communities: ["65535:666"]

# Who is told.
# notify:
#   mail: {{server: 127.0.0.1, from: guard@example.net, to: [noc@example.net]}}
#   script: {{path: /usr/local/bin/notify_about_attack.sh}}
"""


def write(interfaces: Sequence[Interface], gateways: Sequence[Gateway]) -> str:
    """Give the text of a first configuration."""
    own = [address for item in interfaces for address in item.addresses if address.ip not in _NEVER]
    networks, networks_note = _networks(interfaces)
    protected = dict.fromkeys([address.ip for address in own] + [item.address for item in gateways if item.address])
    port, capture_note = _port(interfaces, gateways)
    return _TEXT.format(
        networks_note=networks_note,
        networks=_entries(networks).removeprefix("\n"),
        never_ban=_entries(address for address in protected if address not in _NEVER) or " []",
        capture_note=capture_note,
        capture=f"\n  - {{source: auto, interfaces: [{_quoted(port)}]}}" if port else " []",
        router_id=next((address.ip for address in own if address.version == 4), IPAddress("192.0.2.2")),  # noqa: PLR2004
    )


def _entries(values: Iterable[object]) -> str:
    return "".join(f'\n  - "{value}"' if ":" in str(value) else f"\n  - {value}" for value in values)


def _networks(interfaces: Sequence[Interface]) -> tuple[Sequence[IPNetwork], str]:
    found = dict.fromkeys(
        address.cidr
        for item in interfaces
        for address in item.addresses
        if item.up and address.ip not in _NEVER and _is_of_hosts(address)
    )
    public = _fitting([network for network in found if network not in _PRIVATE])
    if public:
        return public, "These are connected to this machine; add those that are routed to it or through it."
    private = _fitting(list(found))
    if private:
        return private, "Only private networks are connected to this machine; put your public ones here."
    return _PLACEHOLDER, "No network of hosts is connected to this machine; this one is a placeholder, put yours here."


def _is_of_hosts(address: IPNetwork) -> bool:
    return _SHORTEST[address.version] <= address.prefixlen <= _LONGEST[address.version]


def _fitting(networks: Sequence[IPNetwork]) -> list[IPNetwork]:
    """Leave out the IPv4 networks that would make more hosts than a configuration takes."""
    fitting: list[IPNetwork] = []
    hosts = 0
    for network in networks:
        size = network.size if network.version == 4 else 0  # noqa: PLR2004 - the IP version
        if hosts + size <= _IPV4_HOSTS:
            hosts += size
            fitting.append(network)
    return fitting


def _port(interfaces: Sequence[Interface], gateways: Sequence[Gateway]) -> tuple[str | None, str]:
    """Give the interface to read, and the words for the choice."""
    usable = [item.name for item in interfaces if item.kind != "loopback" and item.up and _USABLE.fullmatch(item.name)]
    for gateway in gateways:
        if gateway.interface in usable:
            return (
                gateway.interface,
                f"{gateway.interface} has the default route; put your mirror or router ports here.",
            )
    if usable:
        return usable[0], f"{usable[0]} is the first interface that is up; put your mirror or router ports here."
    return None, "No interface is up; put your mirror or router ports here, as {source: auto, interfaces: [eth3]}."


def _quoted(name: str) -> str:
    if _PLAIN.fullmatch(name) and name.lower() not in _NOT_PLAIN:
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
