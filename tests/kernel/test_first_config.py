"""A first configuration from the interfaces of a machine."""

import re

import pytest
from hypothesis import given, settings, strategies
from netaddr import IPAddress, IPNetwork

from fnm_guard import config
from fnm_guard.core.policy import Mode
from fnm_guard.kernel import Gateway, Interface, first_configuration

LOOPBACK = Interface("lo", 1, "loopback", up=True, addresses=(IPNetwork("127.0.0.1/8"), IPNetwork("::1/128")))


def port(name: str, *addresses: str, up: bool = True) -> Interface:
    """Give an interface with some addresses."""
    return Interface(name, 2, "ether", up=up, addresses=tuple(map(IPNetwork, addresses)))


def gateway(name: str, address: str) -> Gateway:
    """Give a default route."""
    return Gateway(name, IPAddress(address))


def networks(*interfaces: Interface) -> list[str]:
    """Give the networks that a machine's first configuration proposes."""
    found = config.parse(first_configuration((LOOPBACK, *interfaces)), "init")
    return [str(network) for network in found.networks]


def test_a_router() -> None:
    """Connected networks are ours, machine and gateways are never banned, the way out is read, in monitor mode."""
    machine = (
        LOOPBACK,
        port("eth0", "203.0.113.2/24"),
        port("eth1", "198.51.100.1/24", "2001:db8:1::1/64", "fe80::1/64"),
    )
    found = config.parse(first_configuration(machine, [gateway("eth1", "198.51.100.254")]), "init")
    assert [str(network) for network in found.networks] == ["203.0.113.0/24", "198.51.100.0/24", "2001:db8:1::/64"]
    protected = {str(network.ip) for network in found.never_ban}
    assert protected == {"203.0.113.2", "198.51.100.1", "2001:db8:1::1", "198.51.100.254"}
    assert [entry.interfaces for entry in found.capture] == [("eth1",)]
    assert found.capture[0].source == "auto"
    assert found.ban.mode is Mode.MONITOR


def test_private_networks_only_where_there_is_nothing_else() -> None:
    """A management network is not ours to guard next to a public one, and better than nothing without one."""
    assert networks(port("eth0", "10.1.2.3/24"), port("eth1", "203.0.113.1/24")) == ["203.0.113.0/24"]
    assert networks(port("eth0", "10.1.2.3/24")) == ["10.1.2.0/24"]


def test_transfer_networks_hold_no_hosts() -> None:
    """Links between routers are not proposed."""
    assert networks(
        port("eth0", "203.0.113.1/30", "203.0.113.9/32", "2001:db8::1/127"), port("eth1", "10.0.0.1/8")
    ) == ["10.0.0.0/8"]


def test_interfaces_that_are_down_count_for_nothing() -> None:
    """The address of a port that is down proposes no network, and the port is not read."""
    found = config.parse(first_configuration([port("eth0", "203.0.113.1/24", up=False)]), "init")
    assert [str(network) for network in found.networks] == ["198.51.100.0/24"]
    assert found.capture == ()


def test_a_machine_without_networks() -> None:
    """Without any network the file holds a placeholder, and says that it is one."""
    text = first_configuration([LOOPBACK])
    assert "placeholder" in text
    assert config.parse(text, "init").never_ban == ()


def test_without_a_default_route_the_first_port_is_read() -> None:
    """A machine without a default route reads its first port."""
    found = config.parse(first_configuration([LOOPBACK, port("eth7", "203.0.113.1/24")]), "init")
    assert found.capture[0].interfaces == ("eth7",)


def test_a_gateway_without_address() -> None:
    """A default route straight into an interface protects no address."""
    found = config.parse(first_configuration([port("ppp0", "203.0.113.1/24")], [Gateway("ppp0", None)]), "init")
    assert [str(network.ip) for network in found.never_ban] == ["203.0.113.1"]


def test_more_hosts_than_a_configuration_takes() -> None:
    """Networks that together are too large are left out."""
    assert networks(port("eth0", "10.0.0.1/8", "172.16.0.1/12")) == ["10.0.0.0/8"]


@pytest.mark.parametrize("name", ["null", "1e3", "~", "eth0{", 'a"b\\c', "-", "#x", "é", "..", "0x10"])
def test_odd_interface_names(name: str) -> None:
    """A name that YAML would read as something else is quoted; one that cannot be configured is left out."""
    found = config.parse(first_configuration([port(name, "203.0.113.1/24")]), "init")
    assert [entry.interfaces for entry in found.capture] in ([], [(name,)])


def test_the_examples_are_right_too() -> None:
    """The commented lines of the file are a configuration as well once the signs are taken away."""
    text = first_configuration([port("eth0", "203.0.113.1/24")])
    head, tail = text.split("# bgp:\n")
    live = re.sub(r"(?m)^# ", "", tail).replace("Who is told.", "# Who is told.")
    found = config.parse(f"{head}bgp:\n{live}", "init")
    assert [peer.name for peer in found.peer_profiles()] == ["upstream-a"]
    assert found.notify.mail is not None
    assert found.notify.script is not None


addresses = strategies.builds(
    lambda address, length: f"{address}/{min(length, 32) if address.version == 4 else length}",
    strategies.ip_addresses(),
    strategies.integers(0, 128),
)
ports = strategies.builds(
    lambda name, found, up: port(name, *found, up=up),
    strategies.text(min_size=1, max_size=15),
    strategies.lists(addresses, max_size=4),
    strategies.booleans(),
)


@settings(deadline=None)
@given(strategies.lists(ports, max_size=4))
def test_whatever_the_machine_the_file_is_right(machine: list[Interface]) -> None:
    """The first configuration of any machine passes the check."""
    ways = [Gateway(item.name, address.ip) for item in machine for address in item.addresses[:1]]
    assert config.parse(first_configuration(machine, ways), "init").networks
