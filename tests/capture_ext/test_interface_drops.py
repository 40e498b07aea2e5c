"""What an interface and the kernel count as lost."""

import socket
import struct
import subprocess
import sys
import threading

import pytest

from capture_ext import interface_drops
from capture_ext.afpacket import AfPacket
from capture_ext.interface_drops import Drops, InterfaceDrops
from capture_ext.reading import read_frames

from .wire import BROADCAST, EXPERIMENTAL, FAR, NEAR, QUIET, STATION, Wire, numbered, opened, send_all

LOST = 64
FIELDS = 25  # of struct rtnl_link_stats64


class Figures:
    """The kernel's figures of an interface, as a test wants them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now: Drops | None = Drops(10, 5)
        monkeypatch.setattr(interface_drops, "_asked", lambda _socket, _index: self.now)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> Figures:
    """Put figures of the test in place of the kernel's."""
    return Figures(monkeypatch)


def test_drops_count_from_the_start(figures: Figures) -> None:
    """What was lost before is not ours; kernel and interface are counted apart."""
    drops = InterfaceDrops(1)
    assert drops.count() == (0, 0)
    figures.now = Drops(14, 6)
    assert drops.count() == (4, 1)
    assert drops.count() == (4, 1)
    drops.close()


def test_drops_survive_a_reset(figures: Figures) -> None:
    """A driver that starts again from zero takes nothing off the sum."""
    drops = InterfaceDrops(1)
    figures.now = Drops(20, 5)
    drops.count()
    figures.now = Drops(2, 7)
    assert drops.count() == (12, 2)
    drops.close()


def test_drops_of_an_interface_that_is_gone(figures: Figures) -> None:
    """Without its interface the sum stays; closed twice it stays too."""
    drops = InterfaceDrops(1)
    figures.now = Drops(11, 5)
    assert drops.count() == (1, 0)
    figures.now = None
    assert drops.count() == (1, 0)
    figures.now = Drops(50, 50)
    drops.close()
    drops.close()
    assert drops.count() == (40, 45)


def test_without_netlink_there_are_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that may not use netlink counts frames all the same."""

    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("capture_ext.interface_drops.socket.socket", refused)
    drops = InterfaceDrops(1)
    assert drops.count() == (0, 0)
    drops.close()


def answer(figures: dict[int, int]) -> bytes:
    """Give an answer of the kernel: an attribute for padding, then the figures."""
    fields = [figures.get(number, 1000 + number) for number in range(FIELDS)]
    body = struct.pack("BBHII", 0, 0, 0, 7, 1) + struct.pack("=HH", 4, 0)
    body += struct.pack("=HH", 4 + 8 * FIELDS, 1) + struct.pack(f"={FIELDS}Q", *fields)
    return struct.pack("IHHII", 16 + len(body), 92, 0, 0, 0) + body


def test_an_answer_is_read() -> None:
    """rx_dropped is the kernel's; rx_fifo_errors and rx_missed_errors are the interface's; padding is passed over."""
    figures = {6: 3, 14: 20, 15: 100}
    assert interface_drops._drops_in(answer(figures)) == (3, 120)


@pytest.mark.parametrize("length", [0, 5, 15, 16, 27, 28, 31, 40, 100])
def test_an_answer_that_is_cut_tells_nothing(length: int) -> None:
    """What is shorter than it says gives no figures and no crash."""
    assert interface_drops._drops_in(answer({})[:length]) is None


def test_an_error_tells_nothing() -> None:
    """The kernel's answer for an interface that is gone (NLMSG_ERROR) gives no figures."""
    assert interface_drops._drops_in(struct.pack("IHHII", 36, 2, 0, 0, 0) + bytes(20)) is None


def lose_frames(wire: Wire) -> None:
    """Send what nobody at the near end wants: the kernel counts each as dropped."""
    with wire.sender() as sender:
        for _ in range(LOST):
            sender.send(BROADCAST + STATION + EXPERIMENTAL + bytes(46))


@pytest.mark.netns
def test_drops_in_a_namespace_that_one_thread_entered(wire: Wire) -> None:
    """The interface is that of the asking thread's namespace, and stays it whoever reads later."""
    made: list[InterfaceDrops] = []

    def enter() -> None:
        with wire.near.entered():
            made.append(InterfaceDrops(socket.if_nametoindex(NEAR)))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    lose_frames(wire)
    assert made[0].count() == (LOST, 0)
    made[0].close()


UNPRIVILEGED = f"""
import os, socket
from capture_ext.interface_drops import InterfaceDrops
os.setgroups([]); os.setgid(65534); os.setuid(65534)
drops = InterfaceDrops(socket.if_nametoindex({NEAR!r})); print("ready", flush=True); input(); print(*drops.count())
"""


@pytest.mark.netns
def test_drops_in_a_process_without_privilege(wire: Wire) -> None:
    """The same in a process that was started inside, as any user."""
    words = wire.near.command(sys.executable, "-c", UNPRIVILEGED)
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        lose_frames(wire)
        printed, _ = process.communicate("\n", timeout=60)
    assert printed == f"{LOST} 0\n"


@pytest.mark.netns
def test_frames_without_use_are_no_loss(wire: Wire) -> None:
    """Frames of a mirror that this machine has no use for are read whole, and are the kernel's drops alone."""
    frames = [frame[:12] + bytes.fromhex("88a8 0005") + frame[12:] for frame in map(numbered, range(LOST))]
    with opened(wire, AfPacket(NEAR)) as source, wire.sender() as sender:
        send_all(sender, frames)
        assert len(read_frames(source, LOST, QUIET)) == LOST
        assert source.statistics() == (LOST, 0, 0, LOST)


@pytest.mark.netns
def test_an_interface_that_is_removed_keeps_its_count(wire: Wire) -> None:
    """After the interface is gone its last figures stay."""
    with wire.near.entered():
        drops = InterfaceDrops(socket.if_nametoindex(NEAR))
    lose_frames(wire)
    assert drops.count() == (LOST, 0)
    wire.far.ip("link", "del", "dev", FAR)
    assert drops.count() == (LOST, 0)
    drops.close()
