"""Receive offloads that merge packets before anybody can count them.

The kernel names an interface's features by number; their names are asked for, because the numbers change with it.
Source: linux/ethtool.h; Linux, Documentation/networking/netdev-features.rst.
"""

import contextlib
import fcntl
import socket
import struct
from array import array

from capture_ext.interface import interface_index

__all__ = ["merging_offloads", "merging_warning", "offloads"]

_SIOCETHTOOL = 0x8946  # linux/sockios.h
_ETHTOOL_GSTRINGS = 0x1B
_ETHTOOL_GSSET_INFO = 0x37
_ETHTOOL_GFEATURES = 0x3A
_ETH_SS_FEATURES = 4
_NAME_BYTES = 32  # ETH_GSTRING_LEN
_FEATURES_LIMIT = 1024
_BITS = 32

_FIXED = " [fixed]"

_MERGING = {"rx-gro": "gro", "rx-lro": "lro", "rx-gro-hw": "rx-gro-hw"}
"""Features that merge, with the name by which ethtool -K switches them."""


def offloads(interface: str) -> tuple[str, ...]:
    """Give the offloads that are on and merge packets before a source sees them, as `ethtool -K` names them.

    Raises:
        OSError: ENODEV if there is no such interface.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        interface_index(sock, interface)
        return merging_offloads(sock, interface)


def merging_offloads(sock: socket.socket, interface: str) -> tuple[str, ...]:
    """Ask the same through an open socket, in its namespace; an interface that does not tell has none.

    One that the driver does not let be switched off has ` [fixed]` behind its name, as in `ethtool -k`.
    """
    with contextlib.suppress(OSError):
        names = _feature_names(sock, interface)
        features = dict(zip(names, _features(sock, interface, len(names)), strict=True))
        found = ((word, *features.get(name, (False, False))) for name, word in _MERGING.items())
        return tuple(word if can_change else word + _FIXED for word, is_on, can_change in found if is_on)
    return ()


def merging_warning(interface: str, found: tuple[str, ...]) -> str:
    """Say what offloads do and how to switch them off."""
    verb = "merge" if len(found) > 1 else "merges"
    text = f"{interface}: {' and '.join(found)} {verb} packets before they are counted"
    switch = " ".join(f"{offload} off" for offload in found if not offload.endswith(_FIXED))
    return f"{text}: ethtool -K {interface} {switch}" if switch else f"{text}, and the driver cannot do without"


def _feature_names(sock: socket.socket, interface: str) -> list[str]:
    count = struct.unpack_from(
        "I", _ethtool(sock, interface, struct.pack("IIQI", _ETHTOOL_GSSET_INFO, 0, 1 << _ETH_SS_FEATURES, 0)), 16
    )[0]
    count = min(count, _FEATURES_LIMIT)
    head = struct.pack("III", _ETHTOOL_GSTRINGS, _ETH_SS_FEATURES, count)
    names = _ethtool(sock, interface, head + bytes(count * _NAME_BYTES))[len(head) :]
    parts = (names[place : place + _NAME_BYTES] for place in range(0, len(names), _NAME_BYTES))
    return [part.split(b"\0")[0].decode(errors="replace") for part in parts]


def _features(sock: socket.socket, interface: str, count: int) -> list[tuple[bool, bool]]:
    """Give of each feature whether it is on, and whether that can be changed."""
    blocks = -(-count // _BITS)
    head = struct.pack("II", _ETHTOOL_GFEATURES, blocks)
    answer = _ethtool(sock, interface, head + bytes(16 * blocks))
    found = []
    for number in range(count):
        # struct ethtool_get_features_block
        available, _, active, _ = struct.unpack_from("4I", answer, len(head) + 16 * (number // _BITS))
        found.append((bool(active >> number % _BITS & 1), bool(available >> number % _BITS & 1)))
    return found


def _ethtool(sock: socket.socket, interface: str, question: bytes) -> bytes:
    memory = array("B", question)  # the request carries its address
    address, _ = memory.buffer_info()
    fcntl.ioctl(sock, _SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), address))
    return memory.tobytes()
