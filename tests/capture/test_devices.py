"""PF_RING's device names, and the kernel's interfaces behind them."""

import pytest

from fnm_guard.capture.devices import kernel_names, shared_devices
from fnm_guard.capture.model import SourceKind, SourceSpec

AF_PACKET, PF_RING = SourceKind.AF_PACKET, SourceKind.PF_RING


def specs(*names: str, kind: SourceKind = PF_RING) -> list[SourceSpec]:
    """Give sources with these names."""
    return [SourceSpec(name, kind=kind) for name in names]


def test_the_kernel_is_asked_about_interfaces_alone() -> None:
    """Driver and queue are taken off; a driver may hide its interface, a plain name must be there; others have none."""
    there = ["eth1", "eth2"]
    asked = kernel_names(specs("eth1@0", "eth1@1", "zc:eth2@0", "zc:eth3", "eth4", "nt:0", "eth5,eth6"), lambda: there)
    assert asked == ["eth1", "eth2", "eth4"]
    assert kernel_names(specs("zc:eth2", "eth1@1", kind=AF_PACKET), lambda: there) == ["zc:eth2", "eth1@1"]


@pytest.mark.parametrize(
    ("one", "other", "twice"),
    [
        ("zc:eth3", "eth3", True),
        ("eth3@1", "eth3", True),
        ("eth3@0,1", "zc:eth3@1", True),
        ("eth3@0", "eth3@1", False),
        ("zc:eth3@0", "zc:eth3@1,2", False),
        ("zc:eth3", "zc:eth4", False),
        ("nt:0", "nt:0", False),
    ],
)
def test_one_interface_under_two_names(one: str, other: str, twice: bool) -> None:
    """Two names for the same frames are refused, unless each has receive queues of its own."""
    text = f"interfaces {one} and {other} show the same packets twice; allowed: queues of their own"
    assert shared_devices(specs(one, other)) == ([text] if twice else [])


def test_a_device_beside_its_interface() -> None:
    """The same interface read by PF_RING and by AF_PACKET is seen twice."""
    both = [*specs("zc:eth3"), *specs("eth3", kind=AF_PACKET)]
    assert len(shared_devices(both)) == 1
    assert shared_devices(specs("eth3", "eth4", kind=AF_PACKET)) == []
