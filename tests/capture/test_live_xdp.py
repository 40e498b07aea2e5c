"""The live capture through XDP: the same figures as a packet socket, evidence, and a reload that loses nothing."""

import contextlib
import json
import os
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from netaddr import IPAddress, IPNetwork

from capture.frames import SYN, TCP, Sent
from capture_ext.xdp_links import XdpLinks
from fnm_guard.capture.live import Capture
from fnm_guard.capture.model import AuditSpec, SourceKind, SourceSpec
from fnm_guard.capture.sources import build_sources
from fnm_guard.core.model import Direction, Thresholds
from fnm_guard.core.policy import DetectionPolicy
from fnm_guard.daemon.sensor import Sensor
from frames import golden
from lab.namespaces import Lab, Namespace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.netns

DEADLINE = 30.0
IN = Direction.INCOMING
HOST4, HOST6 = IPAddress("203.0.113.7"), IPAddress("2001:db8:100::7")
NETWORKS = tuple(map(IPNetwork, ("203.0.113.0/24", "192.0.2.0/25", "2001:db8:100::/48", "2001:db8::/64")))
POLICY = DetectionPolicy(networks=NETWORKS, incoming=Thresholds(pps=100))
ETHERNET = 1
TAGGED = 18


def eventually(claim: "Callable[[], bool]") -> None:
    """Wait until a claim holds."""
    deadline = time.monotonic() + DEADLINE
    while not claim():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


@pytest.fixture
def lab(tmp_path: "Path") -> "Iterator[Lab]":
    """Give a lab that goes away with the test."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with Lab(tmp_path / "lab") as made:
        yield made


@pytest.fixture
def near(lab: Lab) -> Namespace:
    """Give a namespace with `cap0`, whose other end is `gen0` in the namespace `far`; nothing else runs over it."""
    near, far = lab.namespace("near"), lab.namespace("far")
    for namespace in (near, far):
        for which in ("all", "default"):
            namespace.run("sysctl", "-qw", f"net.ipv6.conf.{which}.disable_ipv6=1")
    lab.link(near, "cap0", far, "gen0")
    return near


@pytest.fixture
def sender(near: Namespace) -> "Iterator[socket.socket]":
    """Give a socket that sends whole frames towards `cap0`."""
    with Namespace(near.name.replace("-near", "-far")).entered():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        sock.bind(("gen0", 0))
    with sock:
        yield sock


@contextlib.contextmanager
def running(
    near: Namespace, spec: SourceSpec, links: XdpLinks, policy: DetectionPolicy = POLICY
) -> "Iterator[Capture]":
    """Run a capture in the namespace."""
    made = Capture(policy, [spec], AuditSpec(packets=20), lambda specs: build_sources(specs, links))
    with near.entered():
        made.start()
    try:
        yield made
    finally:
        made.close()


def xdp(role: str = "mirror") -> SourceSpec:
    """Describe `cap0` as counted by XDP."""
    return SourceSpec("cap0", kind=SourceKind.XDP, role=role)


def sendable() -> list[bytes]:
    """Give the golden frames that a socket can send, and some for hosts of ours.

    Two are left out, because the kernel takes a tag off before a packet socket sees them: one whose only tag is cut,
    and one with a tag too many.
    """
    cases = [case for case in golden.load_all() if case.line.get("reason") != "too_many_tags"]
    frames = [case.frame for case in cases if case.link_type == ETHERNET and len(case.frame) >= TAGGED]
    for number in range(40):
        frames.append(Sent(f"198.51.100.{number}", "203.0.113.7", protocol=TCP, tcp_flags=SYN, ip_bytes=60).frame())
        frames.append(Sent("2001:db8:9999::1", f"2001:db8:100::{number}").frame())
        frames.append(Sent(f"2001:db8:100::{number}", "2001:db8:9999::1").frame())
    return frames


def test_the_same_figures_as_a_packet_socket(near: Namespace, sender: socket.socket) -> None:
    """The same frames on the same wire at the same time give the same totals of every host, course and reason.

    The packet socket has VLAN tags taken off by the kernel; that changes no figure.
    """
    policy = DetectionPolicy(networks=NETWORKS, incoming=Thresholds(pps=1e9))
    socket_spec = SourceSpec("cap0", kind=SourceKind.AF_PACKET, snaplen=256)
    frames = sendable()
    with (
        running(near, xdp("router"), XdpLinks(), policy) as kernel,
        running(near, socket_spec, XdpLinks(), policy) as ring,
    ):
        for frame in frames:
            sender.send(frame)
        eventually(lambda: kernel.traffic().frames == len(frames) == ring.traffic().frames)
        kernel.halt()
        kernel.settle()
        ring.settle()
        assert kernel.traffic().unparsed == ring.traffic().unparsed
        courses = [
            {way: (item.packets, item.bytes) for way, item in one.traffic().directions.items()}
            for one in (kernel, ring)
        ]
        assert courses[0] == courses[1]
        assert set(kernel.hosts()) == set(ring.hosts())
        assert len(set(kernel.hosts())) > 40
        assert kernel.sources()[0].description == "xdp cap0 (native)"


@pytest.mark.parametrize(("source", "host"), [("192.0.2.200", HOST4), ("2001:db8:9999::1", HOST6)])
def test_an_attack_has_its_crossing_and_its_evidence(
    near: Namespace, sender: socket.socket, source: str, host: IPAddress
) -> None:
    """Frames of a host under attack come through the ring into its audit; some are from before the crossing."""
    frame = Sent(source, str(host)).frame()
    crossings = []
    with running(near, xdp(), XdpLinks()) as capture:

        def crossed() -> bool:
            for _ in range(50):
                sender.send(frame)
            crossings.extend(capture.crossings())
            return bool(crossings)

        eventually(crossed)
        assert (crossings[0].host, crossings[0].direction) == (host, IN)
        audits = []

        def audited() -> bool:
            for _ in range(10):
                sender.send(frame)
            audits.extend(capture.audits())
            return bool(audits)

        eventually(audited)
        (audit,) = audits
        assert sum(not packet.before for packet in audit.packets) == 20
        assert {packet.destination for packet in audit.packets} == {host}
        assert abs(audit.packets[-1].timestamp_ns / 1e9 - time.time()) < DEADLINE
        assert audit.packets[0].frame == frame


@contextlib.contextmanager
def flooded(sender: socket.socket, frame: bytes) -> "Iterator[None]":
    """Send a frame again and again, gently, in a thread."""
    stop = threading.Event()

    def flood() -> None:
        while not stop.wait(0.001):
            for _ in range(50):
                sender.send(frame)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def arrived(near: Namespace) -> int:
    """Give how many frames the interface received."""
    (link,) = json.loads(near.ip("-s", "-j", "link", "show", "dev", "cap0"))
    return int(link["stats64"]["rx"]["packets"])


def test_a_reload_loses_nothing_and_counts_nothing_twice(near: Namespace, sender: socket.socket) -> None:
    """Other networks under load: the totals afterwards are the frames that arrived, to the last one."""
    links = XdpLinks()
    with contextlib.ExitStack() as stack:
        sensor = Sensor(stack.enter_context(running(near, xdp(), links)))
        before = arrived(near)
        with flooded(sender, Sent("192.0.2.200", "203.0.113.7").frame()):
            for number in range(3):
                networks = (IPNetwork("203.0.113.0/24"), IPNetwork(f"198.51.{number}.0/24"))
                new = stack.enter_context(running(near, xdp(), links, DetectionPolicy(networks=networks)))
                eventually(lambda: sensor.traffic().frames > 0)
                earlier = sensor.traffic()
                sensor.retire(new)
                sensor.succeed(new, [(HOST4, IN)], time.monotonic())
                assert sensor.traffic().frames >= earlier.frames
                assert sensor.traffic().directions[IN].packets >= earlier.directions[IN].packets
        new.halt()
        new.settle()
        frames = arrived(near) - before
        assert sensor.traffic().frames == frames
        assert sensor.traffic().directions[IN].packets == frames
        assert sensor.received() == (frames, 0)


def test_a_reload_that_is_undone_changes_nothing(near: Namespace, sender: socket.socket) -> None:
    """The engine that was to come never counted; the one that is there never stopped."""
    links = XdpLinks()
    with running(near, xdp(), links) as old:
        with running(near, xdp(), links) as new:
            for _ in range(100):
                sender.send(Sent().frame())
            eventually(lambda: old.traffic().frames == 100)
        assert new.traffic().frames == 0
        for _ in range(100):
            sender.send(Sent().frame())
        eventually(lambda: old.traffic().frames == 200)
        assert old.sources()[0].state == "running"


def test_an_interface_that_goes_down_is_counted_again(near: Namespace, sender: socket.socket) -> None:
    """The source says why it rests and comes back by itself; the totals go on."""
    with running(near, xdp(), XdpLinks()) as capture:
        sender.send(Sent().frame())
        eventually(lambda: capture.traffic().frames == 1)
        near.ip("link", "set", "dev", "cap0", "down")
        eventually(lambda: capture.sources()[0].state == "failed")
        assert "the interface is down: ip link set dev cap0 up" in capture.sources()[0].failure
        near.ip("link", "set", "dev", "cap0", "up")
        eventually(lambda: capture.sources()[0].state == "running")
        sender.send(Sent().frame())
        eventually(lambda: capture.traffic().frames == 2)
        eventually(lambda: capture.sources()[0].received == 2)
