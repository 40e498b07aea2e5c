"""The PF_RING source, against a libpfring of our own; told.py and libpfring/libpfring.c tell what that one does."""

import ctypes
import errno
import threading

import pytest

from capture_ext.pfring import PfRing
from capture_ext.pfring_device import explained_receive
from capture_ext.reading import read_frames
from capture_ext.source import CapturedFrame, read_all

from .told import FRAMES, SECONDS, Told
from .wire import FAR, NEAR, Wire

DEADLINE = 20.0
QUIET = 0.1
PROMISC_TIMESTAMP_RAW = 8 | 16 | 512


def contents(frames: list[CapturedFrame]) -> list[bytes]:
    """Give the bytes of frames."""
    return [frame.data for frame in frames]


@pytest.mark.parametrize("layout", ["6.0", "8.9"])
def test_every_frame_once_and_whole(told: Told, ring: PfRing, layout: str) -> None:
    """Frames come once, in order, cut to the snaplen, and stay whole while the library reuses its buffer."""
    told.tell(LAYOUT=layout)
    ring.open()
    seen = read_frames(ring, len(FRAMES), DEADLINE)
    assert contents(seen) == [frame[:192] for frame in FRAMES]
    assert [frame.wire_bytes for frame in seen] == [len(frame) for frame in FRAMES]
    assert {(frame.link_type, frame.stripped_tag) for frame in seen} == {(1, 0)}
    assert read_frames(ring, 1, QUIET) == []
    assert ring.statistics() == (len(FRAMES), 0, 0, 0)
    assert ring.failure() == ""


def test_calls_in_their_order(told: Told, library: str) -> None:
    """Mode, direction and cluster are set before the ring is enabled; nothing is copied, waited for or left open."""
    source = PfRing("zc:fnm3", snaplen=128, cluster=9, cluster_type="round_robin", library=library)
    source.open()
    read_frames(source, 10, DEADLINE)
    source.statistics()
    source.close()
    source.close()
    assert told.calls() == [
        f"open zc:fnm3 128 {PROMISC_TIMESTAMP_RAW}",
        "name fnm-guard 0 0",
        "set_socket_mode - 2 0",
        "set_direction - 1 0",
        "set_cluster - 9 1",
        "enable - 0 0",
        "shutdown - 1 0",
        "close - 0 0",
    ]


def test_not_promiscuous(told: Told, library: str) -> None:
    """Promiscuous mode is asked for only if wanted."""
    source = PfRing("fnm3", promiscuous=False, library=library)
    source.open()
    source.close()
    assert told.calls()[0] == f"open fnm3 192 {PROMISC_TIMESTAMP_RAW - 8}"


@pytest.mark.parametrize(("clock", "nanoseconds"), [("", 777), ("card", 0), ("none", 0)])
def test_timestamps(told: Told, ring: PfRing, clock: str, nanoseconds: int) -> None:
    """Nanoseconds count if they agree with the frame's seconds; a card's own clock, or none, leaves microseconds."""
    told.tell(CLOCK=clock)
    ring.open()
    times = [frame.timestamp_ns for frame in read_frames(ring, len(FRAMES), DEADLINE)]
    assert times == [SECONDS * 10**9 + number * 1000 + nanoseconds for number in range(len(FRAMES))]


def test_drops_are_counted(told: Told, ring: PfRing) -> None:
    """What the module lost is its figure; what was received is what was read; what is queued is neither."""
    told.tell(DROP=50)
    ring.open()
    assert contents(read_frames(ring, 64, DEADLINE)) == [frame[:192] for frame in FRAMES[50:114]]
    assert ring.statistics() == (64, 50, 0, 0)
    assert len(read_frames(ring, 1000, QUIET)) == len(FRAMES) - 114
    ring.close()
    assert ring.statistics() == (len(FRAMES) - 50, 50, 0, 0), "the last figures stay when it is closed"
    ring.open()
    assert ring.statistics() == (0, 0, 0, 0), "opening counts from zero"


@pytest.mark.parametrize("code", [1, 6, 99])
def test_reading_fails(told: Told, ring: PfRing, code: int) -> None:
    """What came before an error is still given; then the source fails, for good, and says why, also when closed."""
    told.tell(FAIL_AFTER=70, FAIL_CODE=code)
    ring.open()
    assert len(read_frames(ring, 1000, DEADLINE)) == 70
    assert read_frames(ring, 1000, DEADLINE) == []
    failure = ring.failure()
    assert failure == f"pf_ring fnm3: {explained_receive(-code)}"
    ring.close()
    assert ring.failure() == failure
    told.tell(FAIL_AFTER=1000)
    ring.open()
    assert (len(read_frames(ring, 300, DEADLINE)), ring.failure()) == (300, "")


def test_capture_file_of_the_library(told: Told, library: str) -> None:
    """A `pcap:` device gives its frames, then ends: that is no failure; it has no descriptor and no figures."""
    source = PfRing(f"pcap:{told.feed(FRAMES)}", library=library)
    source.open()
    assert contents(read_all(source, 1000)) == [frame[:192] for frame in FRAMES]
    assert (source.failure(), source.warnings(), source.statistics()) == ("", (), (len(FRAMES), 0, 0, 0))
    source.close()


@pytest.mark.parametrize("descriptor", ["", "none", "silent", "busy"])
def test_frames_that_come_later(told: Told, ring: PfRing, library: str, descriptor: str) -> None:
    """Frames are found whether the descriptor wakes us, cannot, does not, or always does; a core is not kept busy."""
    told.tell(LATE_MS=300, FD=descriptor)
    ring.open()
    calls = ctypes.CDLL(library).test_pfring_receive_calls
    before = calls()
    assert len(read_frames(ring, len(FRAMES), DEADLINE)) == len(FRAMES)
    assert calls() - before < len(FRAMES) + 1000


def test_no_waiting_without_time(told: Told, ring: PfRing) -> None:
    """A time of zero gives what is there and does not wait."""
    told.tell(LATE_MS=60_000)
    ring.open()
    assert read_all(ring, 10) == []
    assert ring.failure() == ""


def test_a_cluster_shares_the_frames(told: Told, library: str) -> None:
    """Two rings of a cluster are given each frame once between them."""
    rings = [PfRing("fnm3", cluster=7, cluster_type="round_robin", library=library) for _ in range(2)]
    for source in rings:
        source.open()
    halves = [contents(read_frames(source, 150, DEADLINE)) for source in rings]
    for source in rings:
        source.close()
    assert halves == [[frame[:192] for frame in FRAMES[0::2]], [frame[:192] for frame in FRAMES[1::2]]]


def test_read_by_a_thread_and_asked_by_another(told: Told, ring: PfRing) -> None:
    """Figures can be asked for while another thread reads."""
    ring.open()
    seen: list[CapturedFrame] = []
    thread = threading.Thread(target=lambda: seen.extend(read_frames(ring, len(FRAMES), DEADLINE)))
    thread.start()
    figures = [ring.statistics().received for _ in range(200)]
    thread.join()
    assert figures == sorted(figures)
    assert ring.statistics().received == len(seen) == len(FRAMES)


@pytest.mark.parametrize("name", ["set_application_name", "set_socket_mode"])
def test_niceties_may_fail(told: Told, ring: PfRing, name: str) -> None:
    """What is not needed to count right may be refused."""
    told.tell(REFUSE=name)
    ring.open()
    assert (len(read_frames(ring, len(FRAMES), DEADLINE)), ring.warnings()) == (len(FRAMES), ())


def test_direction_refused(told: Told, ring: PfRing) -> None:
    """A device that cannot leave out sent frames is used, and the operator told."""
    told.tell(REFUSE="set_direction")
    ring.open()
    assert ring.warnings() == ("pf_ring fnm3: frames that this machine sends are counted too",)
    assert len(read_frames(ring, 1000, QUIET)) == 2 * len(FRAMES)


def test_cluster_refused(told: Told, library: str) -> None:
    """A cluster that was asked for and cannot be had is an error: each ring would count every frame."""
    told.tell(REFUSE="set_cluster")
    source = PfRing("fnm3", cluster=7, library=library)
    with pytest.raises(OSError, match="pf_ring fnm3: cluster 7 cannot be joined: use one ring"):
        source.open()
    assert told.calls()[-1] == "close - 0 0"
    assert read_frames(source, 1, QUIET) == []


def test_enabling_refused(told: Told, ring: PfRing) -> None:
    """A ring that cannot be enabled is an error with the library's number, and is closed."""
    told.tell(ENABLE=5)
    with pytest.raises(OSError, match=r"pf_ring fnm3: the ring cannot be enabled \(-5\)"):
        ring.open()
    assert told.calls()[-1] == "close - 0 0"


@pytest.mark.netns
@pytest.mark.usefixtures("told")
def test_an_interface_that_was_replaced(library: str, wire: Wire) -> None:
    """A ring whose interface was removed fails although another one has its name: it would be silent for ever."""
    source = PfRing(NEAR, library=library)
    with wire.near.entered():
        source.open()
    assert len(read_frames(source, len(FRAMES), DEADLINE)) == len(FRAMES)
    wire.near.ip("link", "del", "dev", NEAR)
    pair = ("link", "add", "name", NEAR, "index", "4711", "type", "veth", "peer", "name", FAR)
    wire.near.ip(*pair, "netns", wire.far.name)
    wire.near.ip("link", "set", "dev", NEAR, "up")
    source.statistics()
    assert read_frames(source, 1, DEADLINE) == []
    assert source.failure() == f"pf_ring {NEAR}: another interface has its name now"
    with wire.near.entered():
        source.open()
    assert (source.statistics(), source.failure()) == ((0, 0, 0, 0), "")
    source.close()


@pytest.mark.netns
def test_interface_lost(told: Told, library: str, wire: Wire) -> None:
    """A device whose interface goes down fails, as soon as the figures are asked for, with what to do."""
    source = PfRing(NEAR, library=library)
    with wire.near.entered():
        source.open()
    assert len(read_frames(source, len(FRAMES), DEADLINE)) == len(FRAMES)
    assert source.statistics() == (len(FRAMES), 0, 0, 0)
    wire.near.ip("link", "set", "dev", NEAR, "down")
    source.statistics()
    assert read_frames(source, 1, DEADLINE) == []
    assert source.failure() == f"pf_ring {NEAR}: the interface is down: ip link set dev {NEAR} up"
    wire.near.ip("link", "del", "dev", NEAR)
    source.statistics()
    source.close()
    assert source.failure() == f"pf_ring {NEAR}: the interface is gone"
    wire.near.ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR, "netns", wire.far.name)
    with wire.near.entered(), pytest.raises(OSError, match=f"{NEAR}: the interface is down: ip link set dev") as down:
        source.open()
    assert down.value.errno == errno.ENETDOWN
    assert told.calls().count("close - 0 0") == 2
