"""What a live source must know of its interface.

Everything here is asked through a socket that was opened in the network namespace of the source, so it stays right
whichever thread or namespace asks later.
"""

import contextlib
import errno
import fcntl
import socket
import struct

__all__ = ["has_carrier", "interface_index", "interface_link_type", "interface_problem"]

_SIOCGIFFLAGS = 0x8913  # linux/sockios.h
_SIOCGIFHWADDR = 0x8927
_SIOCGIFINDEX = 0x8933
_IFF_UP = 1  # linux/if.h
_IFF_RUNNING = 0x40

_NAME_BYTES = 16  # IFNAMSIZ, the closing zero included

_LINK_TYPES = {
    1: 1,  # ARPHRD_ETHER: LINKTYPE_ETHERNET
    772: 1,  # ARPHRD_LOOPBACK: frames of lo carry an Ethernet header
    519: 12,  # ARPHRD_RAWIP: LINKTYPE_RAW
    65534: 12,  # ARPHRD_NONE, as of tun and WireGuard
}


def interface_index(sock: socket.socket, interface: str) -> int:
    """Give the index of an interface.

    Raises:
        OSError: ENODEV if there is none; the text lists those that exist.
    """
    if 0 < len(interface.encode()) < _NAME_BYTES:
        with contextlib.suppress(OSError):
            return int(struct.unpack_from("i", _ask(sock, _SIOCGIFINDEX, interface), _NAME_BYTES)[0])
    names = ", ".join(name for _, name in socket.if_nameindex())
    raise OSError(errno.ENODEV, f"no such interface; there are: {names}")


def interface_link_type(sock: socket.socket, interface: str) -> int:
    """Give the pcap link type of what a packet socket gives of an interface.

    Raises:
        ValueError: If its frames have no form that can be parsed.
        OSError: If it is gone.
    """
    (hardware,) = struct.unpack_from("H", _ask(sock, _SIOCGIFHWADDR, interface), _NAME_BYTES)
    if hardware not in _LINK_TYPES:
        raise ValueError(
            f"{interface} has hardware type {hardware} (ARPHRD); only Ethernet and bare IP can be captured"
        )
    return _LINK_TYPES[hardware]


def interface_problem(sock: socket.socket, interface: str, index: int = 0) -> str:
    """Say what keeps an interface from giving frames: it is gone, or down and how to change that; "" if nothing.

    With an `index`, another interface that has taken its name is a problem too.
    """
    try:
        (now,) = struct.unpack_from("i", _ask(sock, _SIOCGIFINDEX, interface), _NAME_BYTES)
        (flags,) = struct.unpack_from("H", _ask(sock, _SIOCGIFFLAGS, interface), _NAME_BYTES)
    except OSError:
        return "the interface is gone"
    if index not in {0, now}:
        return "another interface has its name now"
    return "" if flags & _IFF_UP else f"the interface is down: ip link set dev {interface} up"


def has_carrier(sock: socket.socket, interface: str) -> bool:
    """Whether there is a live other end; an interface that is gone is not said to have none."""
    try:
        (flags,) = struct.unpack_from("H", _ask(sock, _SIOCGIFFLAGS, interface), _NAME_BYTES)
    except OSError:
        return True
    return bool(flags & _IFF_RUNNING)


def _ask(sock: socket.socket, request: int, interface: str) -> bytes:
    return fcntl.ioctl(sock, request, struct.pack("16s24x", interface.encode()))
