"""A wire of two interfaces, and numbered frames to send over it."""

import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from capture_ext.afpacket import AfPacket
from capture_ext.source import CapturedFrame
from lab.namespaces import Namespace

NEAR = "cap0"
FAR = "gen0"

BROADCAST = b"\xff" * 6
STATION = bytes.fromhex("020000000001")
EXPERIMENTAL = bytes.fromhex("88b5")  # IEEE 802 local experimental EtherType 1: no protocol takes it
MARK = b"fnm-guard test"

DEADLINE = 20.0
QUIET = 0.2


@dataclass(frozen=True, slots=True)
class Wire:
    """A veth pair: `cap0` in `near`, `gen0` in `far`; nothing but what a test sends runs over it."""

    near: Namespace
    far: Namespace

    def sender(self) -> socket.socket:
        """Give a socket that sends whole frames from the far end."""
        return _raw_socket(self.far, FAR)

    def near_sender(self) -> socket.socket:
        """Give a socket that sends whole frames from the end that is captured."""
        return _raw_socket(self.near, NEAR)


def _raw_socket(namespace: Namespace, interface: str) -> socket.socket:
    with namespace.entered():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sock.bind((interface, 0))
        return sock


def numbered(number: int, length: int = 60) -> bytes:
    """Give a frame that tells its number and can be told from anybody else's."""
    return (BROADCAST + STATION + EXPERIMENTAL + MARK + struct.pack("!I", number)).ljust(length, b"\x5a")


def number_of(frame: CapturedFrame) -> int:
    """Give the number in a frame that `numbered` made."""
    return int(struct.unpack_from("!I", frame.data, 14 + len(MARK))[0])


def send_all(sender: socket.socket, frames: "list[bytes]") -> None:
    """Send frames one by one, all of them."""
    for frame in frames:
        sender.send(frame)


@contextlib.contextmanager
def opened(wire: Wire, source: AfPacket) -> Iterator[AfPacket]:
    """Open a source at the near end; close it at the end."""
    with wire.near.entered():
        source.open()
    try:
        yield source
    finally:
        source.close()
