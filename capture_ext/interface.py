"""What a live source must know of its interface.

Everything here is asked through a socket or a file that was opened in the network namespace of the source, so it
stays right whichever thread or namespace asks later.
"""

import contextlib
import errno
import fcntl
import os
import socket
import struct
from array import array
from pathlib import Path

__all__ = ["InterfaceDrops", "interface_index", "interface_link_type", "interface_problem", "offloads"]

_SIOCGIFFLAGS = 0x8913  # linux/sockios.h
_SIOCGIFHWADDR = 0x8927
_SIOCGIFINDEX = 0x8933
_SIOCETHTOOL = 0x8946
_ETHTOOL_GFLAGS = 0x25  # linux/ethtool.h
_ETHTOOL_GGRO = 0x2B
_ETH_FLAG_LRO = 1 << 15
_IFF_UP = 1

_NAME_BYTES = 16  # IFNAMSIZ, the closing zero included

_LINK_TYPES = {
    1: 1,  # ARPHRD_ETHER: LINKTYPE_ETHERNET
    772: 1,  # ARPHRD_LOOPBACK: frames of lo carry an Ethernet header
    519: 12,  # ARPHRD_RAWIP: LINKTYPE_RAW
    65534: 12,  # ARPHRD_NONE, as of tun and WireGuard
}

# The one of the asking thread: a thread may have entered a namespace alone (setns), and /sys does not follow.
_INTERFACE_TABLE = Path("/proc/thread-self/net/dev")
_DROP_COLUMN = 3  # received frames without room or buffer: rx_dropped + rx_missed_errors
_FIFO_COLUMN = 4  # rx_fifo_errors


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


def interface_problem(sock: socket.socket, interface: str) -> str:
    """Say what keeps an interface from giving frames: it is gone, or down and how to change that; "" if nothing."""
    try:
        (flags,) = struct.unpack_from("H", _ask(sock, _SIOCGIFFLAGS, interface), _NAME_BYTES)
    except OSError:
        return "the interface is gone"
    return "" if flags & _IFF_UP else f"the interface is down: ip link set dev {interface} up"


def offloads(interface: str) -> tuple[str, ...]:
    """Give the receive offloads that are on and merge packets before a packet socket sees them: `gro`, `lro`.

    Merged packets count as one.  Remedy: `ethtool -K INTERFACE gro off lro off`.

    Raises:
        OSError: ENODEV if there is no such interface.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        interface_index(sock, interface)
        found = []
        if _ethtool(sock, interface, _ETHTOOL_GGRO):
            found.append("gro")
        if _ethtool(sock, interface, _ETHTOOL_GFLAGS) & _ETH_FLAG_LRO:
            found.append("lro")
        return tuple(found)


class InterfaceDrops:
    """Frames that an interface lost before any listener, since this object was made."""

    def __init__(self, interface: str) -> None:
        self._interface = interface
        self._file = os.open(_INTERFACE_TABLE, os.O_RDONLY | os.O_CLOEXEC)
        self._last = self._read() or 0
        self._sum = 0

    def count(self) -> int:
        """Give the sum of the increases; one that went back (driver reset, new interface) starts from there."""
        now = self._read()
        if now is not None:
            self._sum += now - self._last if now >= self._last else now
            self._last = now
        return self._sum

    def close(self) -> None:
        """Release the file; the last count stays.  Safe to call twice."""
        if self._file >= 0:
            self.count()
            os.close(self._file)
            self._file = -1

    def _read(self) -> int | None:
        if self._file < 0:
            return None
        os.lseek(self._file, 0, os.SEEK_SET)
        table = b""
        while piece := os.read(self._file, 1 << 16):
            table += piece
        for line in table.decode(errors="replace").splitlines():
            name, colon, figures = line.partition(":")
            if colon and name.strip() == self._interface:
                columns = figures.split()
                return int(columns[_DROP_COLUMN]) + int(columns[_FIFO_COLUMN])
        return None


def _ask(sock: socket.socket, request: int, interface: str) -> bytes:
    return fcntl.ioctl(sock, request, struct.pack("16s24x", interface.encode()))


def _ethtool(sock: socket.socket, interface: str, command: int) -> int:
    """Ask for one value; 0 where the driver does not know it."""
    value = array("I", [command, 0])  # struct ethtool_value; the request carries its address
    address, _ = value.buffer_info()
    with contextlib.suppress(OSError):
        fcntl.ioctl(sock, _SIOCETHTOOL, struct.pack("16sP16x", interface.encode(), address))
    return value[1]
