"""The packet-socket source: a live ring between two namespaces."""

import errno
import socket
import threading
import time
from collections.abc import Callable

import pytest

from capture.frames import Sent
from capture_ext import packet_socket
from capture_ext.afpacket import AfPacket
from capture_ext.reading import read_frames

from .wire import DEADLINE, FAR, MARK, NEAR, QUIET, Wire, number_of, numbered, opened, send_all

SLOW_MS = 100
"""Makes a ring of 64 blocks last for six seconds while frames are sent and nobody reads, however slow the machine."""


def test_a_source_that_was_never_opened() -> None:
    """It says so, counts nothing and can be closed."""
    source = AfPacket("eth3")
    assert source.describe() == "af_packet eth3"
    assert read_frames(source, 1, 0.1) == []
    assert source.failure() == "af_packet eth3: not open"
    assert source.statistics() == (0, 0, 0, 0)
    source.close()


@pytest.mark.netns
def test_every_frame_once_and_whole(wire: Wire) -> None:
    """What the other end sends comes once, in order, byte for byte, with its length and a time of now."""
    frames = [numbered(number, 60 + number % 100) for number in range(5000)]
    before = time.time_ns()
    with opened(wire, AfPacket(NEAR, timeout_ms=SLOW_MS)) as source, wire.sender() as sender:
        send_all(sender, frames)
        seen = read_frames(source, len(frames), DEADLINE)
        assert read_frames(source, 1, QUIET) == []
        assert source.statistics() == (len(frames), 0, 0, 0)
    assert [frame.data for frame in seen] == frames
    assert [frame.wire_bytes for frame in seen] == [len(frame) for frame in frames]
    assert {(frame.link_type, frame.stripped_tag) for frame in seen} == {(1, 0)}
    times = [frame.timestamp_ns for frame in seen]
    assert before <= times[0]
    assert times == sorted(times)
    assert times[-1] <= time.time_ns()


@pytest.mark.netns
@pytest.mark.parametrize(("group", "flag"), [(0, 0), (7, 0x4000), (7, 0)], ids=["alone", "group", "group before 6.2"])
def test_own_frames_are_not_counted(wire: Wire, monkeypatch: pytest.MonkeyPatch, group: int, flag: int) -> None:
    """Ingress only, in a fanout group too, where older kernels do not know the flag for it."""
    monkeypatch.setattr(packet_socket, "_FANOUT_IGNORE_OUTGOING", flag)
    with opened(wire, AfPacket(NEAR, fanout_group=group)) as source, wire.near_sender() as own, wire.sender() as other:
        send_all(own, [numbered(number) for number in range(100)])
        send_all(other, [numbered(1000)])
        assert [number_of(frame) for frame in read_frames(source, 2, QUIET)] == [1000]


@pytest.mark.netns
def test_loopback_counts_once(wire: Wire) -> None:
    """A frame over lo is sent and received there; it is counted as received alone."""
    with wire.near.entered():
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sender, opened(wire, AfPacket("lo")) as source:
        for _ in range(10):
            sender.sendto(MARK, ("127.0.0.1", 9))
        seen = read_frames(source, 100, QUIET)
    assert len([frame for frame in seen if frame.data.endswith(MARK) and frame.data[23] == socket.IPPROTO_UDP]) == 10


@pytest.mark.netns
@pytest.mark.parametrize(
    ("tags", "stripped", "inline"),
    [
        ("8100 0123", 0x8100_0123, ""),
        ("8100 e001", 0x8100_E001, ""),
        ("88a8 2064", 0x88A8_2064, ""),
        ("88a8 0064 8100 0123", 0x88A8_0064, "8100 0123"),
        ("8100 0001 8100 0002 8100 0003", 0x8100_0001, "8100 0002 8100 0003"),
        ("9100 0064", 0, "9100 0064"),
    ],
)
def test_tags(wire: Wire, tags: str, stripped: int, inline: str) -> None:
    """The outer tag, which the kernel takes off, is given beside the frame; inner ones stay in it; both lengths fit."""
    head, rest = numbered(1)[:12], numbered(1)[12:]
    with opened(wire, AfPacket(NEAR)) as source, wire.sender() as sender:
        sender.send(head + bytes.fromhex(tags) + rest)
        (frame,) = read_frames(source, 1, DEADLINE)
    expected = head + bytes.fromhex(inline) + rest
    assert (frame.data, f"{frame.stripped_tag:08x}", frame.wire_bytes) == (expected, f"{stripped:08x}", len(expected))


@pytest.mark.netns
@pytest.mark.parametrize(("snaplen", "length"), [(64, 1514), (192, 1514), (192, 192), (192, 100), (65_535, 1514)])
def test_snaplen(wire: Wire, snaplen: int, length: int) -> None:
    """A longer frame is cut to the snaplen, never its length on the wire."""
    sent = numbered(1, length)
    with opened(wire, AfPacket(NEAR, snaplen=snaplen)) as source, wire.sender() as sender:
        sender.send(sent)
        (frame,) = read_frames(source, 1, DEADLINE)
    assert (frame.data, frame.wire_bytes) == (sent[:snaplen], length)


@pytest.mark.netns
def test_ring_drops_are_counted(wire: Wire) -> None:
    """What does not fit while nobody reads is counted: given + dropped = sent, and what was given is the start."""
    sent = 2000
    with opened(wire, AfPacket(NEAR, block_bytes=4096, blocks=4)) as source, wire.sender() as sender:
        send_all(sender, [numbered(number) for number in range(sent)])
        seen = read_frames(source, sent, QUIET)
        figures = source.statistics()
        assert source.statistics() == figures, "reading the kernel's figure sets it to zero; the sum stays"
        send_all(sender, [numbered(sent)])
        (after,) = read_frames(source, 1, DEADLINE)
    assert 0 < len(seen) < sent
    assert (figures.received, figures.dropped_ring) == (len(seen), sent - len(seen))
    assert [number_of(frame) for frame in seen] == list(range(len(seen)))
    assert number_of(after) == sent
    assert source.statistics() == (len(seen) + 1, sent - len(seen), 0, 0)


@pytest.mark.netns
def test_order_over_many_blocks(wire: Wire) -> None:
    """Through a ring that is used many times over frames keep their order, and none is lost uncounted."""
    sent = 20_000
    frames = [numbered(number) for number in range(sent)]
    with opened(wire, AfPacket(NEAR, block_bytes=8192, blocks=16)) as source, wire.sender() as sender:
        sending = threading.Thread(target=send_all, args=(sender, frames))
        sending.start()
        seen: list[int] = []
        deadline = time.monotonic() + DEADLINE
        while len(seen) + source.statistics().dropped_ring < sent and time.monotonic() < deadline:
            seen += [number_of(frame) for frame in read_frames(source, sent, QUIET)]
        sending.join()
        assert len(seen) + source.statistics().dropped_ring == sent
    assert seen == sorted(set(seen))
    assert len(seen) > 1000


@pytest.mark.netns
def test_fanout_shares_the_frames(wire: Wire) -> None:
    """Two rings of a group are given each frame once between them, whatever is sent while the second joins."""
    sent = 4000
    first, second = (AfPacket(NEAR, fanout_group=11, fanout_mode="lb", timeout_ms=SLOW_MS) for _ in range(2))
    with opened(wire, first), wire.sender() as sender:
        sending = threading.Thread(target=send_all, args=(sender, [numbered(number) for number in range(sent)]))
        sending.start()
        with opened(wire, second):
            sending.join()
            send_all(sender, [numbered(sent + number) for number in range(sent)])
            left = [number_of(frame) for frame in read_frames(first, 2 * sent, 1.0)]
            right = [number_of(frame) for frame in read_frames(second, 2 * sent, 1.0)]
    assert not set(left) & set(right)
    assert set(left) | set(right) >= set(range(sent, 2 * sent))
    assert min(len(left), len(right)) >= sent // 2


@pytest.mark.netns
@pytest.mark.parametrize("mode", ["queue", "cpu", "hash"])
def test_every_mode_gives_each_frame_once(wire: Wire, mode: str) -> None:
    """Two rings of a group are given every frame between them and none twice; by a hash, many flows reach both."""
    sent = [Sent(source_port=number).frame() for number in range(1, 1001)]
    rings = [AfPacket(NEAR, fanout_group=21, fanout_mode=mode) for _ in range(2)]
    with opened(wire, rings[0]), opened(wire, rings[1]), wire.sender() as sender:
        send_all(sender, sent)
        shares = [[frame.data for frame in read_frames(ring, len(sent), QUIET)] for ring in rings]
        assert [ring.statistics().dropped_ring for ring in rings] == [0, 0]
    assert sorted(shares[0] + shares[1]) == sorted(sent)
    if mode == "hash":
        assert min(map(len, shares)) > len(sent) // 4


@pytest.mark.netns
def test_a_full_ring_is_helped_by_the_other(wire: Wire) -> None:
    """Frames of one flow, more than its ring can hold, go to the other ring instead of being lost."""
    sent = [numbered(number) for number in range(600)]
    rings = [AfPacket(NEAR, fanout_group=22, block_bytes=4096, blocks=16, timeout_ms=1000) for _ in range(2)]
    with opened(wire, rings[0]), opened(wire, rings[1]), wire.sender() as sender:
        send_all(sender, sent)
        shares = [len(read_frames(ring, len(sent), 1.5)) for ring in rings]
        assert [ring.statistics().dropped_ring for ring in rings] == [0, 0]
    assert sum(shares) == len(sent)
    assert min(shares) > 0


@pytest.mark.netns
def test_joining_a_fanout_group(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames that arrive after a second ring is bound and before it has joined are given once, by the first."""
    first, second = (AfPacket(NEAR, fanout_group=13) for _ in range(2))
    with opened(wire, first), wire.sender() as sender:

        class Between(dict[str, int]):
            """Sends when the mode is looked up: that is after the bind and before the joining."""

            def __getitem__(self, mode: str) -> int:
                send_all(sender, [numbered(number) for number in range(50)])
                return super().__getitem__(mode)

        monkeypatch.setattr(packet_socket, "FANOUT_MODES", Between(packet_socket.FANOUT_MODES))
        with opened(wire, second):
            assert [number_of(frame) for frame in read_frames(first, 100, QUIET)] == list(range(50))
            assert read_frames(second, 100, QUIET) == []


@pytest.mark.netns
def test_fanout_group_with_another_mode(wire: Wire) -> None:
    """A group has one mode; who comes with another is told."""
    second = AfPacket(NEAR, fanout_group=12, fanout_mode="cpu")
    with opened(wire, AfPacket(NEAR, fanout_group=12)), wire.near.entered():
        with pytest.raises(OSError, match=f"af_packet {NEAR}: fanout group 12 is in use with another mode"):
            second.open()
        assert read_frames(second, 1, 0.1) == []


def take_down(wire: Wire) -> None:
    """Take the interface down."""
    wire.near.ip("link", "set", "dev", NEAR, "down")


def remove(wire: Wire) -> None:
    """Remove the interface."""
    wire.near.ip("link", "del", "dev", NEAR)


def rename_down(wire: Wire) -> None:
    """Rename the interface the old way: down first."""
    take_down(wire)
    wire.near.ip("link", "set", "dev", NEAR, "name", "other0")


def rename_up(wire: Wire) -> None:
    """Rename the interface while it runs."""
    wire.near.ip("link", "set", "dev", NEAR, "name", "other0")


@pytest.mark.netns
@pytest.mark.parametrize(
    ("change", "text"),
    [
        (take_down, "the interface went down: ip link set dev cap0 up"),
        (remove, "the interface is gone"),
        (rename_down, "the interface is now named other0"),
        (rename_up, "the interface is now named other0"),
    ],
)
def test_interface_lost(wire: Wire, change: Callable[[Wire], None], text: str) -> None:
    """A source whose interface is lost gives what had arrived, then fails for good and says what happened."""
    with opened(wire, AfPacket(NEAR, timeout_ms=200)) as source, wire.sender() as sender:
        send_all(sender, [numbered(number) for number in range(100)])
        change(wire)
        assert source.statistics().received == 0
        seen = read_frames(source, 1000, DEADLINE)
        failure = source.failure()
        assert read_frames(source, 1, 0.1) == []
    assert [number_of(frame) for frame in seen] == list(range(100))
    assert failure == source.failure() == f"af_packet {NEAR}: {text}"


@pytest.mark.netns
def test_interface_comes_back(wire: Wire) -> None:
    """Opening names what is wrong while the interface is down or away, and works when it is back."""
    source = AfPacket(NEAR)
    with opened(wire, source):
        take_down(wire)
        assert read_frames(source, 1, DEADLINE) == []
    with wire.near.entered():
        with pytest.raises(
            OSError, match=f"af_packet {NEAR}: the interface is down: ip link set dev {NEAR} up"
        ) as down:
            source.open()
        assert down.value.errno == errno.ENETDOWN
    remove(wire)
    with wire.near.entered():
        with pytest.raises(OSError, match=f"af_packet {NEAR}: no such interface; there are: lo") as gone:
            source.open()
        assert gone.value.errno == errno.ENODEV
    wire.near.ip("link", "add", NEAR, "type", "veth", "peer", "name", FAR, "netns", wire.far.name)
    wire.near.ip("link", "set", "dev", NEAR, "up")
    wire.far.ip("link", "set", "dev", FAR, "up")
    with opened(wire, source), wire.sender() as sender:
        assert source.failure() == ""
        send_all(sender, [numbered(77)])
        assert [number_of(frame) for frame in read_frames(source, 1, DEADLINE)] == [77]
        assert source.statistics() == (1, 0, 0, 0)
