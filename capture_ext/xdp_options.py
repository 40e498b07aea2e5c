"""What `source: xdp` is opened with, and what its refusals mean."""

import errno
import os
import socket
import struct
from dataclasses import dataclass

from capture_ext.libbpf import LibBpf
from capture_ext.xdp_program import DROP, PASS

__all__ = ["ACTIONS", "SNAPLEN_LIMIT", "XdpOptions", "available", "explained", "join_promiscuous"]

ACTIONS = {"mirror": DROP, "router": PASS}
"""What becomes of a counted frame: nobody waits for a mirror's copies, a router needs its packets."""

SNAPLEN_LIMIT = 256
_SNAPLEN_LOWEST = 64
_SOL_PACKET = 263  # linux/socket.h
_PACKET_ADD_MEMBERSHIP = 1  # linux/if_packet.h
_PACKET_MR_PROMISC = 1


@dataclass(frozen=True, slots=True)
class XdpOptions:
    """What it is opened with; see Xdp.  ValueError if a value is out of its range."""

    interface: str
    role: str
    snaplen: int
    promiscuous: bool

    def __post_init__(self) -> None:
        if self.role not in ACTIONS:
            raise ValueError(f"role = {self.role} must be one of {', '.join(ACTIONS)}")
        if self.snaplen < _SNAPLEN_LOWEST:
            raise ValueError(f"snaplen = {self.snaplen} must be at least {_SNAPLEN_LOWEST}")


def explained(interface: str, error: OSError) -> OSError:
    """Turn a refusal to attach into an error that names the interface and the remedy."""
    number = error.errno or errno.EIO
    text = error.strerror or os.strerror(number)
    if number in {errno.EBUSY, errno.EEXIST}:
        text = f"another XDP program is there: ip link set dev {interface} xdp off, or stop who attached it"
    elif text == os.strerror(errno.EPERM):
        text = "needs CAP_NET_ADMIN: run as root, or give the service AmbientCapabilities=CAP_BPF CAP_NET_ADMIN"
    return OSError(number, f"xdp {interface}: {text}")


def join_promiscuous(interface: int) -> socket.socket:
    """Ask for frames to other stations as long as the socket lives; it gives no frames itself.

    Raises:
        OSError: EPERM without CAP_NET_RAW.
    """
    try:
        member = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    except PermissionError as error:
        text = "promiscuous mode needs CAP_NET_RAW: grant it, or set promiscuous: false"
        raise OSError(errno.EPERM, text) from error
    try:
        request = struct.pack("iHH8x", interface, _PACKET_MR_PROMISC, 0)  # struct packet_mreq
        member.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)
    except OSError:
        member.close()
        raise
    return member


def available(library: str | None = None) -> tuple[bool, str]:
    """Tell whether libbpf can be used here, and what was found or is missing and how to get it."""
    try:
        return True, LibBpf(library).name
    except OSError as error:
        return False, error.strerror or str(error)
