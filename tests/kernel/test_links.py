"""What the kernel tells, on real links in namespaces of their own."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fnm_guard import config, kernel
from fnm_guard.kernel import links
from lab.namespaces import Lab, LabError, Namespace

REPORT = """
import dataclasses, json, sys
from fnm_guard import kernel
print(json.dumps({
    "interfaces": {item.name: dataclasses.asdict(item) for item in kernel.interfaces()},
    "gateways": [dataclasses.astuple(item) for item in kernel.gateways()],
    "conflicts": kernel.conflicts(sys.argv[1:]),
}, default=str))
"""


def test_the_loopback_is_there() -> None:
    """Every namespace has a loopback; asking needs no privilege."""
    loopback = next(item for item in kernel.interfaces() if item.name == "lo")
    assert (loopback.kind, loopback.master, loopback.lower) == ("loopback", None, None)


async def test_inside_an_event_loop() -> None:
    """A running event loop is no obstacle: a reload asks from inside one."""
    await asyncio.sleep(0)
    assert "lo" in {item.name for item in kernel.interfaces()}


def test_a_kernel_that_does_not_answer() -> None:
    """What goes wrong below is one error that says what was asked."""

    def refused(_: object) -> tuple[kernel.Gateway, ...]:
        raise PermissionError(1, "Operation not permitted")

    with pytest.raises(kernel.KernelError, match=r"the kernel does not tell its routes: .*Operation not permitted"):
        links._ask("routes", refused)


def test_this_machine() -> None:
    """Interfaces, gateways and the first configuration of the machine that runs the tests fit together."""
    found, ways = kernel.interfaces(), kernel.gateways()
    assert {way.interface for way in ways} <= {item.name for item in found}
    assert config.parse(kernel.first_configuration(found, ways), "init").networks
    assert kernel.conflicts([item.name for item in found[:1]]) == []


def test_importing_costs_nothing() -> None:
    """Importing the package does not load pyroute2."""
    code = "import sys, fnm_guard.kernel; sys.exit('pyroute2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def router(tmp_path: Path) -> Iterator[Namespace]:
    """A namespace with a port called eth0, its other end in a second one."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with Lab(tmp_path) as lab:
        router, other = lab.namespace("cfg-r"), lab.namespace("cfg-o")
        lab.link(router, "eth0", other, "eth0")
        yield router


def look(namespace: Namespace, *names: str) -> dict[str, Any]:
    """Give what the package tells inside a namespace."""
    told = json.loads(namespace.run(sys.executable, "-c", REPORT, *names))
    assert isinstance(told, dict)
    return told


def add(namespace: Namespace, *words: str) -> None:
    """Add a link, or skip where the kernel does not have its type."""
    try:
        namespace.ip("link", "add", *words)
    except LabError as error:
        if "Unknown device type" not in str(error):
            raise
        pytest.skip(f"this kernel has no {words[words.index('type') + 1]}")


@pytest.mark.netns
def test_addresses_and_gateways(router: Namespace) -> None:
    """Addresses come with their prefix length, default routes with interface and next hop, of both families."""
    router.ip("address", "add", "198.51.100.1/24", "dev", "eth0")
    router.ip("address", "add", "203.0.113.1", "peer", "203.0.113.9/32", "dev", "eth0")
    router.ip("address", "add", "2001:db8::1/64", "dev", "eth0", "nodad")
    router.ip("route", "add", "default", "via", "198.51.100.254", "metric", "20")
    router.ip("route", "add", "default", "dev", "eth0", "metric", "10")
    router.ip("-6", "route", "add", "default", "via", "2001:db8::ffff")
    told = look(router)
    eth0 = told["interfaces"]["eth0"]
    assert (eth0["kind"], eth0["up"], eth0["master"], eth0["lower"]) == ("veth", True, None, None)
    assert {"198.51.100.1/24", "203.0.113.1/32", "2001:db8::1/64"} <= set(eth0["addresses"])
    assert told["gateways"] == [["eth0", None], ["eth0", "198.51.100.254"], ["eth0", "2001:db8::ffff"]]


@pytest.mark.netns
def test_several_next_hops(router: Namespace) -> None:
    """A default route over several next hops gives each of them."""
    router.ip("address", "add", "198.51.100.1/24", "dev", "eth0")
    hops = ["nexthop", "via", "198.51.100.2", "nexthop", "via", "198.51.100.3"]
    router.ip("route", "add", "default", *hops)
    assert look(router)["gateways"] == [["eth0", "198.51.100.2"], ["eth0", "198.51.100.3"]]


@pytest.mark.netns
def test_an_interface_that_is_down(router: Namespace) -> None:
    """A port that is set down is told as such."""
    router.ip("link", "set", "dev", "eth0", "down")
    assert look(router)["interfaces"]["eth0"]["up"] is False


@pytest.mark.netns
def test_both_ends_of_a_veth_are_no_conflict(router: Namespace) -> None:
    """The peer of a veth is not below it, although the kernel gives it in the same place."""
    router.ip("link", "add", "name", "v0", "type", "veth", "peer", "name", "v1")
    assert look(router, "v0", "v1")["conflicts"] == []


@pytest.mark.netns
def test_a_bridge_and_its_port(router: Namespace) -> None:
    """A bridge and its port are refused together."""
    add(router, "name", "br0", "type", "bridge")
    router.ip("link", "set", "dev", "eth0", "master", "br0")
    assert look(router, "br0", "eth0")["conflicts"] == [
        "interfaces eth0 and br0 show the same packets twice (eth0 belongs to the bridge br0); allowed: one of the two"
    ]


@pytest.mark.netns
def test_a_port_and_its_vlan(router: Namespace) -> None:
    """A port and its VLAN are refused together."""
    add(router, "link", "eth0", "name", "eth0.10", "type", "vlan", "id", "10")
    assert look(router, "eth0", "eth0.10")["conflicts"] == [
        "interfaces eth0 and eth0.10 show the same packets twice (eth0.10 is a vlan on eth0); allowed: one of the two"
    ]


@pytest.mark.netns
def test_a_port_and_its_macvlan(router: Namespace) -> None:
    """A port and a macvlan on it are refused together."""
    add(router, "link", "eth0", "name", "mac0", "type", "macvlan")
    assert look(router, "mac0", "eth0")["conflicts"] == [
        "interfaces eth0 and mac0 show the same packets twice (mac0 is a macvlan on eth0); allowed: one of the two"
    ]


@pytest.mark.netns
def test_a_bond_and_its_port(router: Namespace) -> None:
    """A bond and its port are refused together."""
    add(router, "name", "bond0", "type", "bond")
    router.ip("link", "set", "dev", "eth0", "down")
    router.ip("link", "set", "dev", "eth0", "master", "bond0")
    (line,) = look(router, "eth0", "bond0")["conflicts"]
    assert line.startswith("interfaces eth0 and bond0 show the same packets twice (eth0 belongs to the bond bond0)")
