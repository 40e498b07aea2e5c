"""What the kernel tells about its interfaces, over netlink."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from netaddr import IPAddress, IPNetwork

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyroute2 import IPRoute

__all__ = ["Gateway", "Interface", "KernelError", "gateways", "interfaces"]

# IFLA_LINK names the interface below for these; for others it is a veth's peer or a tunnel's way out.
STACKED = frozenset({"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec"})

_Result = TypeVar("_Result")

_IFF_UP = 0x1
_ARPHRD_LOOPBACK = 772
_RT_TABLE_MAIN = 254
_RTN_UNICAST = 1
_AF_INET = 2
_AF_INET6 = 10


class KernelError(Exception):
    """The kernel did not answer; the text says what was asked and why not."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One network interface of this network namespace.

    Attributes:
        kind: As `ip -d link` calls it (vlan, bridge, bond, veth, ...), `loopback`, or `ether` for hardware.
        up: Whether it is set up; the cable may be out all the same.
        addresses: Its addresses with the length of their prefix.
        master: The bridge, bond, team or VRF it belongs to.
        lower: The interface it stands on, for VLANs and their like.
    """

    name: str
    index: int
    kind: str
    up: bool
    addresses: tuple[IPNetwork, ...] = ()
    master: str | None = None
    lower: str | None = None


@dataclass(frozen=True, slots=True)
class Gateway:
    """A default route of the main table; `address` is None for one without a next hop."""

    interface: str
    address: IPAddress | None


def interfaces() -> tuple[Interface, ...]:
    """Give the interfaces of this network namespace, by index.

    Raises:
        KernelError: If the kernel does not answer.
    """
    return _ask("interfaces", _read_interfaces)


def gateways() -> tuple[Gateway, ...]:
    """Give the default routes, IPv4 first, the preferred ones first.

    Raises:
        KernelError: If the kernel does not answer.
    """
    return _ask("routes", _read_gateways)


def _ask(what: str, question: "Callable[[IPRoute], _Result]") -> _Result:
    """Put a question to the kernel from another thread: pyroute2 runs an event loop, and the caller may have one."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="netlink") as threads:
        return threads.submit(_ask_here, what, question).result()


def _ask_here(what: str, question: "Callable[[IPRoute], _Result]") -> _Result:
    from pyroute2 import IPRoute  # noqa: PLC0415 - costs half a second
    from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415

    try:
        with IPRoute() as route:
            return question(route)
    except (OSError, NetlinkError) as error:
        raise KernelError(f"the kernel does not tell its {what}: {error}") from error


def _read_interfaces(route: "IPRoute") -> tuple[Interface, ...]:
    links = list(route.get_links())
    names = {link["index"]: str(link.get_attr("IFLA_IFNAME")) for link in links}
    addresses: dict[int, list[IPNetwork]] = {}
    for item in route.get_addr():
        # On a point-to-point link IFA_ADDRESS is the other end.
        own = item.get_attr("IFA_LOCAL") or item.get_attr("IFA_ADDRESS")
        addresses.setdefault(item["index"], []).append(IPNetwork(f"{own}/{item['prefixlen']}"))
    found = (_interface(link, names, tuple(addresses.get(link["index"], ()))) for link in links)
    return tuple(sorted(found, key=lambda item: item.index))


def _interface(link: Any, names: dict[int, str], addresses: tuple[IPNetwork, ...]) -> Interface:
    kind = _kind(link)
    # With IFLA_LINK_NETNSID the interface below is in another namespace, and the number is of that one.
    has_lower = kind in STACKED and link.get_attr("IFLA_LINK_NETNSID") is None
    return Interface(
        name=names[link["index"]],
        index=link["index"],
        kind=kind,
        up=bool(link["flags"] & _IFF_UP),
        addresses=addresses,
        master=names.get(link.get_attr("IFLA_MASTER") or 0),
        lower=names.get(link.get_attr("IFLA_LINK") or 0) if has_lower else None,
    )


def _kind(link: Any) -> str:
    if link["ifi_type"] == _ARPHRD_LOOPBACK:
        return "loopback"
    details = link.get_attr("IFLA_LINKINFO")
    return str(details.get_attr("IFLA_INFO_KIND")) if details else "ether"


def _read_gateways(route: "IPRoute") -> tuple[Gateway, ...]:
    names = {link["index"]: str(link.get_attr("IFLA_IFNAME")) for link in route.get_links()}
    found: list[tuple[int, int, Gateway]] = []
    for family in (_AF_INET, _AF_INET6):
        for item in route.get_routes(family=family, table=_RT_TABLE_MAIN):
            if item["dst_len"] == 0 and item["type"] == _RTN_UNICAST:
                metric = item.get_attr("RTA_PRIORITY") or 0
                found += [(family, metric, Gateway(names[index], via)) for index, via in _hops(item) if index in names]
    return tuple(gateway for _, _, gateway in sorted(found, key=lambda item: item[:2]))


def _hops(route: Any) -> list[tuple[int, IPAddress | None]]:
    several = route.get_attr("RTA_MULTIPATH")
    if several:
        return [(hop["oif"], _via(hop)) for hop in several]
    return [(route.get_attr("RTA_OIF") or 0, _via(route))]


def _via(hop: Any) -> IPAddress | None:
    text = hop.get_attr("RTA_GATEWAY")
    return None if text is None else IPAddress(text)
