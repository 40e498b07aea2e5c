"""What PF_RING's device names, numbers and refusals mean."""

import errno
import os
import socket
from dataclasses import dataclass

from capture_ext.libpfring import MODULE_MISSING, LibPfring, module_version

__all__ = [
    "CLUSTER_TYPES",
    "RingOptions",
    "available",
    "device_interface",
    "explained_join",
    "explained_open",
    "explained_receive",
]

CLUSTER_TYPES = {
    "per_flow": 0,
    "round_robin": 1,
    "per_flow_2_tuple": 2,
    "per_flow_4_tuple": 3,
    "per_flow_5_tuple": 4,
    "per_flow_tcp_5_tuple": 5,
}
"""How a cluster shares frames out; the numbers are libpfring's."""

_SNAPLEN_LOWEST = 64
_SNAPLEN_LIMIT = 65_535
_CLUSTER_LIMIT = 255

_RECEIVE_ERRORS = {
    -1: "reading failed",
    -5: "the configuration does not allow reading",
    -6: "the demo time of the ZC licence is over: install the licence or use the device without zc:",
    -7: "reading is not supported",
    -8: "libpfring and the pf_ring kernel module are of different versions",
    -9: "the adapter is unknown",
    -10: "there is no memory left",
    -11: "the ring is in a wrong state",
    -12: "the ring is not enabled",
}


@dataclass(frozen=True, slots=True)
class RingOptions:
    """What a ring is opened with; see PfRing.  ValueError if one is out of its range."""

    device: str
    snaplen: int
    promiscuous: bool
    cluster: int
    cluster_type: str
    library: str | None

    def __post_init__(self) -> None:
        if not self.device or "\0" in self.device:
            raise ValueError(f"device = {self.device!r} must be a name")
        if not _SNAPLEN_LOWEST <= self.snaplen <= _SNAPLEN_LIMIT:
            raise ValueError(f"snaplen = {self.snaplen} must be {_SNAPLEN_LOWEST} to {_SNAPLEN_LIMIT}")
        if not 0 <= self.cluster <= _CLUSTER_LIMIT:
            raise ValueError(f"cluster = {self.cluster} must be 0 to {_CLUSTER_LIMIT}")
        if self.cluster_type not in CLUSTER_TYPES:
            raise ValueError(f"cluster_type = {self.cluster_type} must be one of {', '.join(CLUSTER_TYPES)}")

    @property
    def cluster_number(self) -> int:
        """Give the library's number of the cluster type."""
        return CLUSTER_TYPES[self.cluster_type]


def device_interface(device: str) -> str | None:
    """Give the kernel's interface behind a device name: `eth3` of `eth3`, `zc:eth3` and `eth3@2`; None: there is none.

    Several devices at once, capture files and cards with drivers of their own have no interface.
    """
    name = device.removeprefix("zc:").partition("@")[0]
    return None if set(name) & set(":;,/") or not name else name


def explained_join(device: str, cluster: int) -> OSError:
    """Give the error for a cluster that cannot be joined, with what to do instead."""
    remedy = "use one ring"
    if device.startswith("zc:"):
        name = device.partition("@")[0]
        remedy = f"use one thread, or name the receive queues, one thread each: {name}@0, {name}@1"
    return OSError(errno.EOPNOTSUPP, f"pf_ring {device}: cluster {cluster} cannot be joined: {remedy}")


def explained_open(device: str, number: int) -> OSError:
    """Turn the error number of pfring_open into an error that names the device and the remedy."""
    text = os.strerror(number)
    if number == errno.EAFNOSUPPORT:
        text = MODULE_MISSING
    elif number in {errno.EPERM, errno.EACCES}:
        text = "needs CAP_NET_RAW: run as root, or give the service AmbientCapabilities=CAP_NET_RAW"
    elif number in {errno.EINVAL, errno.ENODEV}:
        text = _refused(device)
    elif number == 0:
        text = "libpfring gave no reason"
    return OSError(number or errno.EIO, f"pf_ring {device}: {text}")


def _refused(device: str) -> str:
    names = [name for _, name in socket.if_nameindex()]
    interface = device_interface(device)
    if interface is not None and interface not in names:
        return f"no such device; there are: {', '.join(names)}"
    version = module_version() or "unknown"
    return (
        f"no such device, or libpfring and the kernel module (version {version}) are of different versions: "
        "install both from one release and load the module anew"
    )


def explained_receive(code: int) -> str:
    """Say what a negative answer of pfring_recv means."""
    return f"{_RECEIVE_ERRORS.get(code, 'reading failed')} (pfring_recv gave {code})"


def available(library: str | None = None) -> tuple[bool, str]:
    """Tell whether PF_RING can be used here, and what was found or what is missing and how to get it."""
    try:
        functions = LibPfring(library)
        version = functions.probe_module()
    except OSError as error:
        return False, error.strerror or str(error)
    return True, f"{functions.name}, kernel module {version}"
