"""Opening a packet socket: arguments, interfaces, privilege, and what it leaves behind."""

import contextlib
import errno
import fcntl
import json
import os
import struct
import subprocess
import sys
from collections.abc import Iterator

import pytest

from capture_ext.afpacket import AfPacket
from capture_ext.packet_socket import CaptureOptions, _explaining
from capture_ext.reading import read_frames

from .wire import DEADLINE, NEAR, Wire, opened

TUNSETIFF = 0x400454CA  # linux/if_tun.h
TUNSETLINK = 0x400454CD
IFF_TUN_NO_PI = 0x1001


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"snaplen": 63}, "snaplen = 63 must be 64 to 65535"),
        ({"snaplen": 65_536}, "snaplen = 65536"),
        ({"block_bytes": 1000}, "block_bytes = 1000 must be a multiple"),
        ({"block_bytes": 0}, "block_bytes = 0"),
        ({"blocks": 1}, "blocks = 1 must be at least 2"),
        ({"blocks": 1025}, "at most 1 GiB"),
        ({"timeout_ms": 0}, "timeout_ms = 0 must be 1 to 1000"),
        ({"fanout_group": 65_536}, "fanout_group = 65536"),
        ({"fanout_mode": "fair"}, "fanout_mode = fair must be one of hash"),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, int], text: str) -> None:
    """A bad argument is refused with its value and what is allowed."""
    with pytest.raises(ValueError, match=text):
        AfPacket("lo", **arguments)  # type: ignore[arg-type]  # one dictionary for all kinds


def promiscuity(wire: Wire) -> int:
    """Give how many listeners have asked the near interface for everything."""
    (shown,) = json.loads(wire.near.ip("-d", "-j", "link", "show", "dev", NEAR))
    return int(shown["promiscuity"])


@pytest.mark.netns
@pytest.mark.parametrize("wanted", [True, False])
def test_promiscuous(wire: Wire, *, wanted: bool) -> None:
    """Promiscuous mode is on while the source is open and only if asked for."""
    with opened(wire, AfPacket(NEAR, promiscuous=wanted)):
        assert promiscuity(wire) == int(wanted)
    assert promiscuity(wire) == 0


@contextlib.contextmanager
def tunnel(wire: Wire, hardware: int) -> Iterator[int]:
    """Give the descriptor of an interface `tun0` of a hardware type at the near end; packets written to it arrive."""
    with wire.near.entered():
        descriptor = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN_NO_PI))
        fcntl.ioctl(descriptor, TUNSETLINK, hardware)
        wire.near.ip("link", "set", "dev", "tun0", "up")
        yield descriptor
    finally:
        os.close(descriptor)


@pytest.mark.netns
@pytest.mark.parametrize("hardware", [65534, 519])
def test_bare_ip(wire: Wire, hardware: int) -> None:
    """An interface without link headers gives bare IP packets, link type 12."""
    packet = bytes.fromhex("45000020000000004011000cc0000201c6336401") + bytes(12)
    with tunnel(wire, hardware) as descriptor, opened(wire, AfPacket("tun0")) as source:
        os.write(descriptor, packet)
        (frame,) = read_frames(source, 1, DEADLINE)
    assert (frame.data, frame.link_type) == (packet, 12)


@pytest.mark.netns
def test_hardware_that_cannot_be_parsed(wire: Wire) -> None:
    """An interface with other headers than Ethernet or none is refused with its hardware type."""
    with tunnel(wire, 512), wire.near.entered(), pytest.raises(ValueError, match="tun0 has hardware type 512"):
        AfPacket("tun0").open()


@pytest.mark.netns
@pytest.mark.parametrize("name", ["", "x" * 16, "x" * 4000, "eth3/../eth4", "größe"])
def test_names_that_cannot_be(wire: Wire, name: str) -> None:
    """A name that no interface can have is a missing interface."""
    with wire.near.entered(), pytest.raises(OSError, match=f"no such interface; there are: lo, {NEAR}"):
        AfPacket(name).open()


UNPRIVILEGED = """
import os
from capture_ext.afpacket import AfPacket
from capture_ext.packet_socket import CaptureOptions, _explaining
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    AfPacket("cap0").open()
except PermissionError as error:
    print(error.strerror)
"""


@pytest.mark.netns
def test_without_privilege(wire: Wire) -> None:
    """Who may not capture is told what is missing and how to grant it."""
    printed = subprocess.run(
        wire.near.command(sys.executable, "-c", UNPRIVILEGED), capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert printed == (
        "af_packet cap0: needs CAP_NET_RAW: run as root, or give the service AmbientCapabilities=CAP_NET_RAW\n"
    )


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOMEM, "there is no memory for its ring: lower ring_mib, or fewer threads"),
        (errno.ENOPROTOOPT, "this kernel is too old: Linux 4.20 or newer is needed"),
        (errno.ENETDOWN, "the interface is down: ip link set dev eth3 up"),
        (errno.EBUSY, "Device or resource busy"),
    ],
)
def test_what_the_kernel_refuses_is_explained(number: int, remedy: str) -> None:
    """An error number becomes a sentence with the interface and, where there is one, the remedy."""
    options = CaptureOptions("eth3", 192, 1 << 20, 64, 8, True, 0, "hash")
    with pytest.raises(OSError, match="af_packet eth3: ") as caught, _explaining(options):
        raise OSError(number, os.strerror(number))
    assert (caught.value.errno, caught.value.strerror) == (number, f"af_packet eth3: {remedy}")


@pytest.mark.netns
def test_reopening_leaves_nothing_behind(wire: Wire) -> None:
    """Opened over and over, without a close between, the source keeps one socket and one ring."""
    source = AfPacket(NEAR)
    with opened(wire, source), wire.near.entered():
        descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # the names are enough
        for _ in range(20):
            source.open()
        assert len(os.listdir("/proc/self/fd")) == descriptors  # noqa: PTH208
        maps = wire.near.run("cat", f"/proc/{os.getpid()}/maps").count("socket:")
    assert maps == 1
    source.close()
