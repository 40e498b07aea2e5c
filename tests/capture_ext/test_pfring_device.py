"""PF_RING's device names, numbers and refusals."""

import errno

import pytest

from capture_ext.pfring import PfRing
from capture_ext.pfring_device import CLUSTER_TYPES, device_interface, explained_receive

from .told import Told


def test_licence_of_zc_runs_out() -> None:
    """The one error an operator can do something about says what."""
    assert "demo time of the ZC licence" in explained_receive(-6)


@pytest.mark.parametrize(
    ("device", "number", "text"),
    [
        ("fnm3", errno.EAFNOSUPPORT, "the pf_ring kernel module is not loaded: modprobe pf_ring"),
        ("fnm3", errno.EINVAL, "no such device; there are: lo"),
        ("zc:fnm3@1", errno.EINVAL, "no such device; there are: lo"),
        (
            "lo",
            errno.EINVAL,
            r"no such device, or libpfring and the kernel module \(version unknown\) are of different",
        ),
        ("fnm3", errno.EPERM, "needs CAP_NET_RAW: run as root, or give the service AmbientCapabilities=CAP_NET_RAW"),
        ("fnm3", errno.EBUSY, "Device or resource busy"),
    ],
)
def test_opening_refused(told: Told, library: str, device: str, number: int, text: str) -> None:
    """Every refusal names the device and the remedy, and keeps its number."""
    told.tell(OPEN_ERRNO=number)
    source = PfRing(device, library=library)
    with pytest.raises(OSError, match=f"pf_ring {device}: {text}") as caught:
        source.open()
    assert caught.value.errno == number
    assert (source.failure(), source.statistics()) == (f"pf_ring {device}: not open", (0, 0, 0, 0))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"device": ""}, "device = '' must be a name"),
        ({"device": "a\0b"}, "must be a name"),
        ({"snaplen": 63}, "snaplen = 63 must be 64 to 65535"),
        ({"snaplen": 65_536}, "snaplen = 65536"),
        ({"cluster": 256}, "cluster = 256 must be 0 to 255"),
        ({"cluster": -1}, "cluster = -1"),
        ({"cluster_type": "fair"}, "cluster_type = fair must be one of per_flow, "),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, object], text: str) -> None:
    """A bad argument is refused with its value and what is allowed."""
    with pytest.raises(ValueError, match=text):
        PfRing(**{"device": "fnm3", **arguments})  # type: ignore[arg-type]  # one dictionary for all kinds


def test_cluster_types() -> None:
    """The numbers are those that every release of the library has."""
    assert list(CLUSTER_TYPES.values()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("device", "interface"),
    [
        ("eth3", "eth3"),
        ("zc:eth3", "eth3"),
        ("zc:eth3@2", "eth3"),
        ("eth3@0,1", "eth3"),
        ("eth3.100", "eth3.100"),
        ("eth3,eth4", None),
        ("eth3;eth4", None),
        ("pcap:/tmp/file", None),
        ("nt:0", None),
        ("zc:", None),
    ],
)
def test_interface_of_a_device(device: str, interface: str | None) -> None:
    """The kernel's interface is found in a device name where there is exactly one."""
    assert device_interface(device) == interface
