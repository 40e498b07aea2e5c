"""PF_RING's device names, and the kernel's interfaces behind them.

PF_RING names a device with the driver in front and the receive queue behind: `zc:eth3`, `eth3@1`, `zc:eth3@0,1`.  They
go to libpfring as they are.  The kernel is asked about the interface alone, and not at all where there is none.
"""

import re
import socket
from itertools import combinations
from typing import TYPE_CHECKING

from capture_ext.pfring_device import device_interface
from fnm_guard.capture.model import SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from fnm_guard.capture.model import SourceSpec

__all__ = ["kernel_names", "shared_devices"]

_QUEUES = re.compile(r"@(\d+(?:,\d+)*)$")


def _there() -> "set[str]":
    return {name for _, name in socket.if_nameindex()}


def kernel_names(specs: "Sequence[SourceSpec]", there: "Callable[[], Collection[str]]" = _there) -> "list[str]":
    """Give the kernel's interfaces behind sources, once each.

    One behind a driver of its own (`zc:eth3`) is named only if it is there: such a driver may hide it from the kernel.
    """
    names = dict.fromkeys(name for spec in specs for name in _interface(spec, there))
    return list(names)


def _interface(spec: "SourceSpec", there: "Callable[[], Collection[str]]") -> "Iterator[str]":
    if spec.kind is not SourceKind.PF_RING:
        yield spec.interface
        return
    name = device_interface(spec.interface)
    if name is not None and (":" not in spec.interface or name in there()):
        yield name


def shared_devices(specs: "Sequence[SourceSpec]") -> "list[str]":
    """Say which sources read the same frames, because they are one interface under two names, or share a queue."""
    return [
        f"interfaces {one.interface} and {other.interface} show the same packets twice; allowed: queues of their own"
        for one, other in combinations(specs, 2)
        if SourceKind.PF_RING in {one.kind, other.kind} and _overlap(one.interface, other.interface)
    ]


def _overlap(one: str, other: str) -> bool:
    if device_interface(one) is None or device_interface(one) != device_interface(other):
        return False
    queues = _queues(one), _queues(other)
    return not all(queues) or bool(queues[0] & queues[1])


def _queues(device: str) -> "set[int]":
    found = _QUEUES.search(device)
    return set(map(int, found[1].split(","))) if found else set()
