"""Interfaces that go and come while they are captured, on real ones."""

import contextlib
import os
import socket
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from netaddr import IPNetwork

from capture.frames import Sent
from capture.waiting import eventually
from fnm_guard.capture import live, runner
from fnm_guard.capture.live import Capture
from fnm_guard.capture.model import SourceKind, SourceSpec
from fnm_guard.core.model import Direction
from fnm_guard.core.policy import DetectionPolicy
from lab.namespaces import Lab, Namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping
    from typing import Any

pytestmark = pytest.mark.netns

POLICY = DetectionPolicy(networks=(IPNetwork("203.0.113.0/24"),))


class Cable:
    """A veth pair between `near`, where it is captured, and `far`, where a test sends."""

    def __init__(self, lab: Lab) -> None:
        self.near, self.far, self.elsewhere = (lab.namespace(name) for name in ("near", "far", "else"))
        for namespace in (self.near, self.far, self.elsewhere):
            for which in ("all", "default"):
                namespace.run("sysctl", "-qw", f"net.ipv6.conf.{which}.disable_ipv6=1")
        lab.link(self.near, "cap0", self.far, "gen0")

    def send(self, count: int) -> None:
        """Send packets of many flows to one host of ours."""
        with self.far.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind(("gen0", 0))
            for number in range(count):
                sender.send(Sent(source=f"192.0.2.{number % 250}", source_port=number).frame())

    def set(self, namespace: Namespace, *words: str) -> None:
        """Set something of the captured end."""
        namespace.ip("link", "set", "dev", *words)


@pytest.fixture
def cable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Iterator[Cable]":
    """Give a cable that goes away with the test; a lost interface is looked for at short intervals."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    monkeypatch.setattr(runner, "FIRST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr(runner, "LONGEST_WAIT_SECONDS", 0.2)
    monkeypatch.setattr(live, "_LOOK_SECONDS", 0.1)
    with Lab(tmp_path / "lab") as lab:
        yield Cable(lab)


@contextlib.contextmanager
def captured(cable: Cable, *, threads: int, fanout: str = "queue") -> "Iterator[Capture]":
    """Capture the near end."""
    spec = SourceSpec("cap0", kind=SourceKind.AF_PACKET, threads=threads, fanout=fanout, ring_bytes=8 << 20)
    capture = Capture(POLICY, [spec])
    with cable.near.entered():
        capture.start()
    try:
        yield capture
    finally:
        capture.close()


def counted(capture: Capture, sent: int) -> None:
    """Wait until all that was sent is in the totals, and see that it is there once."""
    eventually(lambda: sum(state.received for state in capture.sources()) == sent)
    eventually(lambda: capture.traffic().directions[Direction.INCOMING].packets == sent)


@pytest.mark.parametrize("fanout", ["queue", "cpu", "hash"])
def test_each_frame_once_over_two_threads(cable: Cable, fanout: str) -> None:
    """Whatever frames are shared out by, every one is counted by one thread; by a hash of many flows both work."""
    with captured(cable, threads=2, fanout=fanout) as capture:
        cable.send(2000)
        counted(capture, 2000)
        shares = sorted(state.received for state in capture.sources())
    assert sum(shares) == 2000
    if fanout == "hash":
        assert shares[0] > 500


def down_and_up(cable: Cable) -> "Iterator[None]":
    """Take the interface down, and up again."""
    cable.set(cable.near, "cap0", "down")
    yield
    cable.set(cable.near, "cap0", "up")


def renamed(cable: Cable) -> "Iterator[None]":
    """Give it another name while it runs, and its own again."""
    cable.set(cable.near, "cap0", "name", "other0")
    yield
    cable.set(cable.near, "other0", "name", "cap0")


def made_again(cable: Cable) -> "Iterator[None]":
    """Remove it and make another of its name, with another index."""
    cable.near.ip("link", "del", "dev", "cap0")
    yield
    pair = ("link", "add", "name", "cap0", "index", "4711", "type", "veth", "peer", "name", "gen0")
    cable.near.ip(*pair, "netns", cable.far.name)
    cable.set(cable.far, "gen0", "up")
    cable.set(cable.near, "cap0", "up")


def replaced_under_the_same_index(cable: Cable) -> "Iterator[None]":
    """Remove it and make another of its name and its index, faster than anybody looks."""
    index = cable.near.run("cat", "/sys/class/net/cap0/ifindex").strip()
    cable.near.ip("link", "del", "dev", "cap0")
    pair = ("link", "add", "name", "cap0", "index", index, "type", "veth", "peer", "name", "gen0")
    cable.near.ip(*pair, "netns", cable.far.name)
    yield
    cable.set(cable.far, "gen0", "up")
    cable.set(cable.near, "cap0", "up")


def moved(cable: Cable) -> "Iterator[None]":
    """Move it to another namespace, and back."""
    cable.set(cable.near, "cap0", "netns", cable.elsewhere.name)
    yield
    cable.set(cable.elsewhere, "cap0", "netns", cable.near.name)
    cable.set(cable.near, "cap0", "up")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("story", [down_and_up, renamed, made_again, replaced_under_the_same_index, moved])
def test_an_interface_that_goes_and_comes_back(
    cable: Cable, story: "Callable[[Cable], Iterator[None]]", threads: int
) -> None:
    """It is told of once, tried again, and counted again when it is back; no thread is lost and no count."""
    lines: list[MutableMapping[str, Any]]
    with structlog.testing.capture_logs() as lines, captured(cable, threads=threads) as capture:
        cable.send(100)
        counted(capture, 100)
        steps = story(cable)
        next(steps)
        eventually(lambda: {state.state for state in capture.sources()} == {"failed"})
        assert all(state.failure.startswith("af_packet cap0: ") for state in capture.sources())
        next(steps, None)
        eventually(lambda: {(state.state, state.failure) for state in capture.sources()} == {("running", "")})
        eventually(lambda: Counter(line["event"] for line in lines)["source runs again"] == 1)
        cable.send(100)
        counted(capture, 200)
        assert all(one.thread.is_alive() for one in capture._runners)
    assert Counter(line["event"] for line in lines) == {"source runs": 1, "source failed": 1, "source runs again": 1}
