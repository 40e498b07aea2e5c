"""Open a packet socket with a TPACKET_V3 ring: every option, in the order the kernel needs.

1. The socket is made for no protocol, so nothing arrives before all is set.
2. Version, own frames left out, filter, ring, promiscuous membership.
3. Bind: from here on frames arrive.
4. A fanout group can be joined only after the bind.  Between the two every member would be given every frame, so the
   filter lets nothing through until the group is joined: a few microseconds of one member's share are not counted,
   which is better than counted twice.

A group has a hook of its own, which kernels before 6.2 cannot be told to leave own frames out; so the filter drops
them as well.
Source: packet(7); Linux, Documentation/networking/packet_mmap.rst; linux/if_packet.h.
"""

import contextlib
import errno
import os
import socket
import struct
from array import array
from dataclasses import dataclass
from mmap import PAGESIZE
from typing import TYPE_CHECKING

from capture_ext.interface import interface_index, interface_link_type

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FANOUT_MODES", "CaptureOptions", "open_packet_socket"]

_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_RX_RING = 5
_PACKET_VERSION = 10
_PACKET_FANOUT = 18
_PACKET_IGNORE_OUTGOING = 23
_PACKET_MR_PROMISC = 1
_TPACKET_V3 = 2
_SO_ATTACH_FILTER = 26
_ETH_P_ALL = 3
_FANOUT_ROLLOVER = 0x1000  # a frame whose ring has no room goes to another one of the group
_FANOUT_IGNORE_OUTGOING = 0x4000  # Linux 6.2; older ones ignore it
_PACKET_OUTGOING = 4

_BPF_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS; linux/filter.h
_BPF_SKIP_UNLESS = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_BPF_RETURN = 0x06  # BPF_RET | BPF_K: take that many bytes of the frame
_PACKET_TYPE = 0xFFFF_F004  # SKF_AD_OFF + SKF_AD_PKTTYPE

FANOUT_MODES = {"hash": 0, "lb": 1, "cpu": 2, "rnd": 4, "queue": 5}
"""How a group shares frames out: by flow, in turn, by the receiving CPU, at random, by the NIC's receive queue."""

_FRAME_BYTES = 2048  # TPACKET_V3 packs frames; this only has to divide the block
_RING_LIMIT_BYTES = 1 << 30
_SNAPLEN_LOWEST = 64
_SNAPLEN_LIMIT = 65_535
_TIMEOUT_LIMIT_MS = 1000
_GROUP_LIMIT = 65_535

_EXPLANATIONS = {
    errno.EPERM: "needs CAP_NET_RAW: run as root, or give the service AmbientCapabilities=CAP_NET_RAW",
    errno.ENOMEM: "there is no memory for its ring: lower ring_mib, or fewer threads",
    errno.ENOPROTOOPT: "this kernel is too old: Linux 4.20 or newer is needed",
    errno.EAFNOSUPPORT: "this kernel has no packet sockets (CONFIG_PACKET)",
    errno.ENETDOWN: "the interface is down: ip link set dev INTERFACE up",
}


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What a packet socket is opened with.

    Attributes:
        snaplen: Bytes kept of a frame, 64 to 65535.
        block_bytes: Size of a block, a multiple of the page size.
        blocks: Blocks of the ring, 2 or more; the ring is at most 1 GiB.
        timeout_ms: Longest time a frame waits in a block that is not full, 1 to 1000.
        promiscuous: Whether the interface is asked for frames to other stations.
        fanout_group: Number of the group of sockets that share the frames, 0: none.
        fanout_mode: A key of FANOUT_MODES.
    """

    interface: str
    snaplen: int
    block_bytes: int
    blocks: int
    timeout_ms: int
    promiscuous: bool
    fanout_group: int
    fanout_mode: str

    def __post_init__(self) -> None:
        unit = max(PAGESIZE, _FRAME_BYTES)
        if self.block_bytes < unit or self.block_bytes % unit:
            raise ValueError(f"block_bytes = {self.block_bytes} must be a multiple of {unit}")
        if self.blocks < 2 or self.block_bytes * self.blocks > _RING_LIMIT_BYTES:  # noqa: PLR2004  the text says it
            raise ValueError(f"blocks = {self.blocks} must be at least 2, and the ring at most 1 GiB")
        _check_range("snaplen", self.snaplen, _SNAPLEN_LOWEST, _SNAPLEN_LIMIT)
        _check_range("timeout_ms", self.timeout_ms, 1, _TIMEOUT_LIMIT_MS)
        _check_range("fanout_group", self.fanout_group, 0, _GROUP_LIMIT)
        if self.fanout_mode not in FANOUT_MODES:
            raise ValueError(f"fanout_mode = {self.fanout_mode} must be one of {', '.join(FANOUT_MODES)}")


def open_packet_socket(options: CaptureOptions) -> tuple[socket.socket, int, int]:
    """Open a bound socket whose ring fills; give it with the interface's index and its pcap link type.

    Raises:
        OSError: What the kernel refused, with the interface and the remedy.
        ValueError: If the interface's frames have no form that can be parsed.
    """
    with _explaining(options):
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            index = interface_index(sock, options.interface)
            link_type = interface_link_type(sock, options.interface)
            _prepare(sock, index, options)
            _bind(sock, options)
        except BaseException:
            sock.close()
            raise
    return sock, index, link_type


def _check_range(name: str, value: int, lowest: int, limit: int) -> None:
    if not lowest <= value <= limit:
        raise ValueError(f"{name} = {value} must be {lowest} to {limit}")


def _prepare(sock: socket.socket, index: int, options: CaptureOptions) -> None:
    sock.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
    sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    _attach_filter(sock, 0 if options.fanout_group else options.snaplen)
    frames = options.block_bytes // _FRAME_BYTES * options.blocks
    ring = (options.block_bytes, options.blocks, _FRAME_BYTES, frames, options.timeout_ms, 0, 0)
    sock.setsockopt(_SOL_PACKET, _PACKET_RX_RING, struct.pack("7I", *ring))  # struct tpacket_req3
    if options.promiscuous:
        member = struct.pack("iHH8x", index, _PACKET_MR_PROMISC, 0)  # struct packet_mreq
        sock.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, member)


def _bind(sock: socket.socket, options: CaptureOptions) -> None:
    sock.bind((options.interface, _ETH_P_ALL))
    pending = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # the kernel binds to an interface that is down
    if pending:
        raise OSError(pending, os.strerror(pending))
    if options.fanout_group:
        mode = FANOUT_MODES[options.fanout_mode] | _FANOUT_ROLLOVER | _FANOUT_IGNORE_OUTGOING
        sock.setsockopt(_SOL_PACKET, _PACKET_FANOUT, options.fanout_group | mode << 16)
        _attach_filter(sock, options.snaplen)


def _attach_filter(sock: socket.socket, snaplen: int) -> None:
    """Take `snaplen` bytes of a frame, and nothing of one that this machine sends."""
    instructions = [
        (_BPF_LOAD, 0, 0, _PACKET_TYPE),
        (_BPF_SKIP_UNLESS, 0, 1, _PACKET_OUTGOING),
        (_BPF_RETURN, 0, 0, 0),
        (_BPF_RETURN, 0, 0, snaplen),
    ]
    program = array("B", b"".join(struct.pack("HBBI", *words) for words in instructions))  # struct sock_filter
    address, _ = program.buffer_info()
    option = struct.pack("HP", len(instructions), address)  # struct sock_fprog
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, option)


@contextlib.contextmanager
def _explaining(options: CaptureOptions) -> "Iterator[None]":
    try:
        yield
    except OSError as error:
        number = error.errno or errno.EIO
        text = _EXPLANATIONS.get(number) or error.strerror or os.strerror(number)
        if number == errno.EINVAL and options.fanout_group:
            text = f"fanout group {options.fanout_group} is in use with another mode or interface"
        text = text.replace("INTERFACE", options.interface)
        raise OSError(number, f"af_packet {options.interface}: {text}") from error
