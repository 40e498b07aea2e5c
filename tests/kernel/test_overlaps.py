"""Interfaces that show the same packet twice are not captured together."""

import pytest

from fnm_guard.kernel.links import Interface
from fnm_guard.kernel.overlaps import conflicts_among

MACHINE = (
    Interface("lo", 1, "loopback", up=True),
    Interface("eth0", 2, "ether", up=True, master="bond0"),
    Interface("eth1", 3, "ether", up=True, master="bond0"),
    Interface("eth2", 4, "ether", up=True, master="br0"),
    Interface("eth3", 5, "ether", up=True),
    Interface("bond0", 6, "bond", up=True),
    Interface("bond0.10", 7, "vlan", up=True, lower="bond0", master="br0"),
    Interface("bond0.20", 8, "vlan", up=True, lower="bond0"),
    Interface("br0", 9, "bridge", up=True),
)


def test_interfaces_of_their_own() -> None:
    """Ports, members of one bond and VLANs side by side each see their own packets."""
    assert conflicts_among(["eth0", "eth1", "eth2", "eth3"], MACHINE) == []
    assert conflicts_among(["bond0.10", "bond0.20"], MACHINE) == []


def test_a_missing_interface_is_named_with_those_there() -> None:
    """A name that is no interface is refused, and the line says which there are, without the loopback."""
    assert conflicts_among(["eth9", "eth3"], MACHINE) == [
        "interface eth9 does not exist; allowed: bond0, bond0.10, bond0.20, br0, eth0, eth1, eth2, eth3"
    ]


def test_a_machine_with_many_interfaces() -> None:
    """The line stays short on a machine with hundreds of interfaces."""
    many = [Interface(f"eth{number}", number, "ether", up=True) for number in range(1, 300)]
    (line,) = conflicts_among(["eth999"], many)
    assert line.endswith(", …")
    assert len(line) < 250


def test_a_machine_with_the_loopback_alone() -> None:
    """A namespace without interfaces says so."""
    assert conflicts_among(["eth0"], MACHINE[:1]) == [
        "interface eth0 does not exist; allowed: none, this machine has no interface but lo"
    ]


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["bond0", "bond0.10"], "interfaces bond0 and bond0.10 {} (bond0.10 is a vlan on bond0)"),
        (["bond0.10", "bond0"], "interfaces bond0 and bond0.10 {} (bond0.10 is a vlan on bond0)"),
        (["eth2", "br0"], "interfaces eth2 and br0 {} (eth2 belongs to the bridge br0)"),
        (["eth1", "bond0"], "interfaces eth1 and bond0 {} (eth1 belongs to the bond bond0)"),
        (
            ["eth0", "br0"],
            "interfaces eth0 and br0 {} (eth0 belongs to the bond bond0, bond0.10 is a vlan on bond0, "
            "bond0.10 belongs to the bridge br0)",
        ),
    ],
)
def test_one_above_the_other(names: list[str], line: str) -> None:
    """An interface and one that its packets reach above it are refused, in either order, with the way between them."""
    assert conflicts_among(names, MACHINE) == [line.format("show the same packets twice") + "; allowed: one of the two"]


def test_every_pair_is_told() -> None:
    """All conflicts come at once, and the same name twice is no conflict with itself."""
    assert len(conflicts_among(["eth0", "bond0", "bond0.20", "eth0"], MACHINE)) == 3


def test_a_circle_ends() -> None:
    """A circle, which the kernel does not build, does not hang the check."""
    circle = [Interface("a", 1, "vlan", up=True, lower="b"), Interface("b", 2, "vlan", up=True, lower="a")]
    assert conflicts_among(["a", "b", "a"], circle) == [
        "interfaces a and b show the same packets twice (b is a vlan on a); allowed: one of the two"
    ]
