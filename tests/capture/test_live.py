"""The live capture: threads, wake-ups, failing sources, and a real interface."""

import contextlib
import os
import select
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from netaddr import IPAddress, IPNetwork

from capture.frames import Sent
from capture.waiting import DEADLINE, eventually
from capture_ext.afpacket import AfPacket
from capture_ext.memory import MemoryFrames
from fnm_guard.capture import runner
from fnm_guard.capture.live import Capture
from fnm_guard.capture.model import CaptureError, Decapsulation, SourceKind, SourceSpec
from fnm_guard.capture.sources import BuiltSource, build_sources, ring_blocks
from fnm_guard.core.model import Crossing, Direction, Thresholds
from fnm_guard.core.policy import DetectionPolicy
from lab.namespaces import Lab, Namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = IPAddress("203.0.113.7")
POLICY = DetectionPolicy(networks=(IPNetwork("203.0.113.0/24"),), incoming=Thresholds(pps=1000))
SPEC = SourceSpec("memory")


@contextlib.contextmanager
def running(capture: Capture) -> "Iterator[Capture]":
    """Start a capture and close it at the end."""
    capture.start()
    try:
        yield capture
    finally:
        capture.close()


def memory_capture(*sources: MemoryFrames, policy: DetectionPolicy = POLICY) -> Capture:
    """Give a capture that reads from memory."""
    return Capture(policy, [SPEC], build=lambda _: [BuiltSource(source, "memory", False) for source in sources])


def next_crossings(capture: Capture) -> "list[Crossing]":
    """Wait for the eventfd and take what waits."""
    readable, _, _ = select.select([capture.fd], [], [], DEADLINE)
    assert readable
    return capture.crossings()


def test_crossing_wakes_the_loop() -> None:
    """A crossing makes the eventfd readable, is given once, and its full audit follows."""
    source = MemoryFrames([(i, Sent().frame()) for i in range(1500)])
    with running(memory_capture(source)) as capture:
        (crossing,) = next_crossings(capture)
        assert (crossing.host, crossing.direction) == (HOST, Direction.INCOMING)
        assert crossing.rate > 1000
        assert abs(crossing.at - time.monotonic()) < DEADLINE
        assert capture.crossings() == []
        assert not select.select([capture.fd], [], [], 0)[0]
        (reading,) = capture.readings(5.0)
        assert (reading.host, reading.at, reading.thresholds) == (HOST, 5.0, POLICY.incoming)


def test_workers_add_up() -> None:
    """What several threads count of one host is one sum, and crosses as one."""
    sources = [MemoryFrames([(i, Sent().frame()) for i in range(400)]) for _ in range(3)]
    with running(memory_capture(*sources)) as capture:
        (crossing,) = next_crossings(capture)
        assert crossing.rate > 1000
        eventually(lambda: capture.traffic().directions[Direction.INCOMING].packets == 1200)
        (totals,) = capture.hosts()
        assert (totals.host, totals.incoming.packets) == (HOST, 1200)
    assert [state.received for state in capture.sources()] == [400, 400, 400]


def test_failed_source_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that fails is told of and opened again after a while; what it counted is kept."""
    monkeypatch.setattr(runner, "FIRST_WAIT_SECONDS", 0.05)
    source = MemoryFrames([(i, Sent().frame()) for i in range(10)], failure="the cable is out")
    with running(memory_capture(source)) as capture:
        eventually(lambda: capture.sources()[0].received >= 30)
        eventually(lambda: capture.sources()[0].failure == "the cable is out")
        eventually(lambda: capture.traffic().frames >= 30)
    assert capture.sources()[0].state == "stopped"
    assert capture.sources()[0].received == capture.traffic().frames


def test_close_is_safe_twice_and_before_start() -> None:
    """`close` ends every thread, may be called again, and before `start`."""
    before = threading.active_count()
    capture = memory_capture(MemoryFrames([(0, Sent().frame())]))
    capture.close()
    capture = memory_capture(MemoryFrames([(0, Sent().frame())]))
    capture.start()
    capture.close()
    capture.close()
    assert threading.active_count() == before
    assert capture.fd == -1


def test_missing_interface_is_one_clear_line() -> None:
    """When no source can be opened the start fails, each reason told once with all its sources."""
    specs = [SourceSpec(name, kind=SourceKind.AF_PACKET, threads=2) for name in ("nothere0", "nothere1")]
    capture = Capture(POLICY, specs)
    with pytest.raises(CaptureError) as caught:
        capture.start()
    text = str(caught.value)
    assert text.startswith("af_packet nothere0, af_packet nothere1: ")
    assert "no such interface; there are: lo" in text or "CAP_NET_RAW" in text
    assert "\n" not in text
    assert capture.sources() == []


def test_a_missing_interface_beside_one_that_opens() -> None:
    """The capture runs with what can be opened; the rest is failed, says why, and is tried again."""
    source, missing = MemoryFrames([(i, Sent().frame()) for i in range(10)]), AfPacket("nothere0")
    capture = Capture(POLICY, [SPEC], build=lambda _: [BuiltSource(one, "memory", False) for one in (missing, source)])
    with running(capture):
        eventually(lambda: capture.sources()[1].state == "stopped")
        assert capture.traffic().frames == 10
        first = capture.sources()[0]
        assert first.state == "failed"
        assert first.failure.startswith("af_packet nothere0: ")


def test_settled_totals_are_of_now() -> None:
    """After `settle` every frame that was read is in the totals and in the counts of its source."""
    with running(memory_capture(MemoryFrames([(i, Sent().frame()) for i in range(1500)]))) as capture:
        eventually(lambda: capture.sources()[0].state == "stopped")
        capture.settle()
        assert capture.traffic().directions[Direction.INCOMING].packets == 1500
        assert capture.sources()[0].received == 1500


@pytest.mark.parametrize(
    ("mebibytes", "block_bytes", "blocks"), [(1, 16_384, 64), (8, 131_072, 64), (64, 1 << 20, 64), (256, 1 << 20, 256)]
)
def test_a_small_ring_has_small_blocks(mebibytes: int, block_bytes: int, blocks: int) -> None:
    """A ring has 64 blocks or more, half a second of them, and is as large as it was asked for."""
    assert ring_blocks(mebibytes << 20) == (block_bytes, blocks)
    assert block_bytes * blocks == mebibytes << 20


def test_threads_of_one_interface_share_a_group() -> None:
    """Each thread has a source of its own, and all of one interface are described alike."""
    inside = Decapsulation(("gre",), 8472)
    spec = SourceSpec("eth3", kind=SourceKind.AF_PACKET, threads=3, count_internal=True, decapsulation=inside)
    built = build_sources([spec])
    assert [(one.source.describe(), one.count_internal) for one in built] == [("af_packet eth3", True)] * 3
    assert [one.decapsulation for one in built] == [inside] * 3


def test_each_source_looks_into_its_own_tunnels() -> None:
    """One mirror carries PPPoE, another does not: the switches are those of the source."""
    frame = bytes(12) + b"\x88\x64\x11\0\0\x07\0\x30\0\x21" + Sent().frame()[14:]
    kinds: tuple[tuple[str, ...], ...] = (("pppoe",), ())
    built = [
        BuiltSource(MemoryFrames([(0, frame)], rounds=5), "memory", False, decapsulation=Decapsulation(some))
        for some in kinds
    ]
    with running(Capture(POLICY, [SPEC], build=lambda _: built)) as capture:
        deadline = time.monotonic() + DEADLINE
        while capture.traffic().frames < 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert dict(capture.traffic().unparsed) == {"pppoe": 5}
        assert (capture.health().tunnels_opened, capture.health().tunnels_unread) == (5, 0)


@pytest.mark.netns
def test_flood_on_a_real_interface(tmp_path: Path) -> None:
    """Frames of a veth reach the engine through two AF_PACKET threads, each once, and a flood crosses."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with Lab(tmp_path / "lab") as lab:
        near, far = lab.namespace("near"), lab.namespace("far")
        for namespace in (near, far):
            namespace.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        lab.link(near, "cap0", far, "gen0")
        spec = SourceSpec("cap0", kind=SourceKind.AF_PACKET, threads=2, ring_bytes=8 << 20)
        capture = Capture(POLICY, [spec])
        with near.entered():
            capture.start()
        try:
            sent = flood_of(far, 3000)
            (crossing,) = next_crossings(capture)
            assert crossing.host == HOST
            sent += flood_of(far, 300)  # those of before may all have been read by the crossing
            eventually(lambda: sum(state.received + state.dropped_ring for state in capture.sources()) == sent)
            received = sum(state.received for state in capture.sources())
            eventually(lambda: capture.traffic().directions[Direction.INCOMING].packets == received)
            eventually(lambda: [audit.host for audit in capture.audits()] == [HOST])
            near.ip("link", "set", "dev", "cap0", "down")
            eventually(lambda: all(state.state == "failed" for state in capture.sources()))
            assert "went down" in capture.sources()[0].failure
            near.ip("link", "set", "dev", "cap0", "up")
            eventually(lambda: all(state.state == "running" for state in capture.sources()))
        finally:
            capture.close()


def flood_of(namespace: Namespace, count: int) -> int:
    """Send packets of many flows as fast as a socket takes them; give how many."""
    with namespace.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind(("gen0", 0))
        for number in range(count):
            sender.send(Sent(source=f"192.0.2.{number % 250}", source_port=number).frame())
    return count
