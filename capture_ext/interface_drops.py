"""What an interface and the kernel lost, asked over netlink.

The socket is opened in the network namespace of the source and stays there, whichever thread asks later.  The kernel
answers while the question is sent, so that nothing here ever waits.
Source: rtnetlink(7); linux/if_link.h, struct rtnl_link_stats64 with the meaning of each figure.
"""

import contextlib
import socket
import struct
from typing import NamedTuple

__all__ = ["Drops", "InterfaceDrops"]

_RTM_NEWSTATS = 92  # linux/rtnetlink.h
_RTM_GETSTATS = 94
_NLM_F_REQUEST = 1
_FILTER_LINK_64 = 1  # IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64)
_IFLA_STATS_LINK_64 = 1
_ANSWER_BYTES = 4096

_HEADER = struct.Struct("IHHII")  # struct nlmsghdr
_QUESTION = struct.Struct("BBHII")  # struct if_stats_msg
_ATTRIBUTE = struct.Struct("HH")  # struct rtattr
_ALIGNMENT = 4

_DROPPED = 6  # numbers of fields in struct rtnl_link_stats64, each of 8 bytes
_FIFO_ERRORS = 14
_MISSED_ERRORS = 15
_FIGURES = struct.Struct(f"={_MISSED_ERRORS + 1}Q")


class Drops(NamedTuple):
    """Frames lost, or without use.

    Attributes:
        kernel: rx_dropped: the kernel had no room for them; or every listener had them, and no protocol of this machine
            had a use for them, as with QinQ, or MPLS in a VLAN, on a mirror.
        interface: rx_missed_errors and rx_fifo_errors: lost before any listener, because the host was too slow.
    """

    kernel: int
    interface: int


class InterfaceDrops:
    """What was lost since this object was made.

    Args:
        index: Of the interface, in the network namespace of the calling thread.

    Attributes:
        index: The same.
    """

    def __init__(self, index: int) -> None:
        self.index = index
        self._socket: socket.socket | None = None
        with contextlib.suppress(OSError):  # without netlink there are no figures, but there are frames
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._last = self._read() or Drops(0, 0)
        self._sum = Drops(0, 0)

    def count(self) -> Drops:
        """Give the sums of the increases; a figure that went back (the driver was reset) starts from there."""
        now = self._read()
        if now is not None:
            self._sum = Drops(*(map(_increased, self._sum, self._last, now)))
            self._last = now
        return self._sum

    def close(self) -> None:
        """Release the socket; the last count stays.  Safe to call twice."""
        if self._socket is not None:
            self.count()
            self._socket.close()
            self._socket = None

    def _read(self) -> Drops | None:
        if self._socket is None:
            return None
        try:
            return _asked(self._socket, self.index)
        except OSError:
            return None


def _increased(total: int, last: int, now: int) -> int:
    return total + (now - last if now >= last else now)


def _asked(sock: socket.socket, index: int) -> Drops | None:
    """Give the figures of an interface; None if it is gone."""
    with contextlib.suppress(BlockingIOError):  # what an earlier question left behind
        while sock.recv(_ANSWER_BYTES, socket.MSG_DONTWAIT):
            pass
    question = _QUESTION.pack(0, 0, 0, index, _FILTER_LINK_64)
    sock.send(_HEADER.pack(_HEADER.size + len(question), _RTM_GETSTATS, _NLM_F_REQUEST, 0, 0) + question)
    return _drops_in(sock.recv(_ANSWER_BYTES, socket.MSG_DONTWAIT))


def _drops_in(answer: bytes) -> Drops | None:
    length, kind = struct.unpack_from("IH", answer) if len(answer) >= _HEADER.size else (0, 0)
    place = _HEADER.size + _QUESTION.size
    if kind != _RTM_NEWSTATS:
        return None
    end = min(length, len(answer))
    while place + _ATTRIBUTE.size <= end:
        size, name = _ATTRIBUTE.unpack_from(answer, place)
        if name == _IFLA_STATS_LINK_64 and _ATTRIBUTE.size + _FIGURES.size <= min(size, end - place):
            figures = _FIGURES.unpack_from(answer, place + _ATTRIBUTE.size)
            return Drops(figures[_DROPPED], figures[_MISSED_ERRORS] + figures[_FIFO_ERRORS])
        place += max(size + -size % _ALIGNMENT, _ALIGNMENT)
    return None
