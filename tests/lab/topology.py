"""The lab's network: attacker, upstream, router, victim and neighbour, and the guard on a mirror of the router's port.

    attacker ── upstream ══ router ── victim      203.0.113.7   2001:db8:113:1::7
                   │           │  └── neighbour   203.0.113.40  2001:db8:113:2::40
                   │ BGP       │ mirror of both directions of the router's port `up0`
                   └── guard ──┘

Our networks are 203.0.113.0/24 and 2001:db8:113::/48.  Addresses are from RFC 5737 and RFC 3849.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.namespaces import Lab, Namespace

__all__ = [
    "ATTACKER",
    "ATTACKER6",
    "GUARD",
    "GUARD6",
    "NEIGHBOUR",
    "NEIGHBOUR6",
    "NETWORK",
    "NETWORK6",
    "UPSTREAM",
    "UPSTREAM6",
    "UPSTREAM_TO_ROUTER",
    "VICTIM",
    "VICTIM6",
    "Network",
    "build",
]

NETWORK, NETWORK6 = "203.0.113.0/24", "2001:db8:113::/48"
VICTIM, VICTIM6 = "203.0.113.7", "2001:db8:113:1::7"
NEIGHBOUR, NEIGHBOUR6 = "203.0.113.40", "2001:db8:113:2::40"
ATTACKER, ATTACKER6 = "198.51.100.10", "2001:db8:51:1::10"
UPSTREAM, UPSTREAM6 = "198.51.100.193", "2001:db8:51:3::1"
GUARD, GUARD6 = "198.51.100.194", "2001:db8:51:3::2"
UPSTREAM_TO_ROUTER = "198.51.100.129"
"""The upstream's address on the router's link: where a guard on the router itself peers."""

_ADDRESSES = {
    ("attacker", "att0"): (f"{ATTACKER}/25", f"{ATTACKER6}/64"),
    ("upstream", "att1"): ("198.51.100.1/25", "2001:db8:51:1::1/64"),
    ("upstream", "rtr0"): (f"{UPSTREAM_TO_ROUTER}/30", "2001:db8:51:2::1/64"),
    ("router", "up0"): ("198.51.100.130/30", "2001:db8:51:2::2/64"),
    ("router", "vic0"): ("203.0.113.1/27", "2001:db8:113:1::1/64"),
    ("victim", "eth0"): (f"{VICTIM}/27", f"{VICTIM6}/64"),
    ("router", "nei0"): ("203.0.113.33/27", "2001:db8:113:2::1/64"),
    ("neighbour", "eth0"): (f"{NEIGHBOUR}/27", f"{NEIGHBOUR6}/64"),
    ("upstream", "grd0"): (f"{UPSTREAM}/30", f"{UPSTREAM6}/64"),
    ("guard", "mgmt0"): (f"{GUARD}/30", f"{GUARD6}/64"),
}

_LINKS = (
    ("attacker", "att0", "upstream", "att1"),
    ("upstream", "rtr0", "router", "up0"),
    ("router", "vic0", "victim", "eth0"),
    ("router", "nei0", "neighbour", "eth0"),
    ("upstream", "grd0", "guard", "mgmt0"),
    ("router", "mir0", "guard", "mirror0"),
)

_ROUTES = (
    ("attacker", "default", "198.51.100.1", "2001:db8:51:1::1"),
    ("router", "default", UPSTREAM_TO_ROUTER, "2001:db8:51:2::1"),
    ("victim", "default", "203.0.113.1", "2001:db8:113:1::1"),
    ("neighbour", "default", "203.0.113.33", "2001:db8:113:2::1"),
    ("guard", "default", UPSTREAM, UPSTREAM6),
)


@dataclass(frozen=True, slots=True)
class Network:
    """The namespaces of the lab, by their part."""

    attacker: "Namespace"
    upstream: "Namespace"
    router: "Namespace"
    victim: "Namespace"
    neighbour: "Namespace"
    guard: "Namespace"

    def next_hop_mac(self) -> str:
        """The Ethernet address the attacker sends to: the upstream's."""
        return self.upstream.run("cat", "/sys/class/net/att1/address").strip()


def build(lab: "Lab", *, mirror: bool = True) -> Network:
    """Make the network; with `mirror` the guard sees a copy of both directions of the router's upstream port."""
    names = ("attacker", "upstream", "router", "victim", "neighbour", "guard")
    spaces = {name: lab.namespace(name) for name in names}
    for left, left_name, right, right_name in _LINKS:
        lab.link(spaces[left], left_name, spaces[right], right_name)
    for (name, interface), addresses in _ADDRESSES.items():
        for address in addresses:
            spaces[name].ip("addr", "add", address, "dev", interface)
    for name in ("upstream", "router"):
        spaces[name].run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    for name, prefix, gateway, gateway6 in _ROUTES:
        spaces[name].ip("route", "add", prefix, "via", gateway)
        spaces[name].ip("-6", "route", "add", prefix, "via", gateway6)
    spaces["upstream"].ip("route", "add", NETWORK, "via", "198.51.100.130")
    spaces["upstream"].ip("-6", "route", "add", NETWORK6, "via", "2001:db8:51:2::2")
    if mirror:
        _mirror(spaces["router"])
    return Network(**spaces)


def _mirror(router: "Namespace") -> None:
    """Copy both directions of `up0` to `mir0`, as a switch's mirror port does."""
    router.run("tc", "qdisc", "add", "dev", "up0", "clsact")
    for way in ("ingress", "egress"):
        words = f"tc filter add dev up0 {way} protocol all u32 match u32 0 0 action mirred egress mirror dev mir0"
        router.run(*words.split())
