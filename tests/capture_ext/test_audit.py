"""The frames that are kept of a crossing."""

import threading

import pytest

from capture.frames import SYN, TCP, Sent
from capture.lane import Lane, host
from capture_ext import census, reports
from capture_ext.audit import Audits
from capture_ext.engine import EngineSizes
from capture_ext.memory import MemoryFrames

HOST = host("203.0.113.7")
SIZES = EngineSizes(audits=2, audit_packets=20, audit_before=5)


def crossed(lane: Lane, packet: Sent, count: int = 200) -> None:
    """Make a host cross."""
    lane.repeat(packet, count)
    assert len(lane.tick()) == 1


def test_the_first_frames_after_the_crossing() -> None:
    """Exactly as many frames as asked for are kept, the first of the host and of nobody else, in their order."""
    lane = Lane(incoming=[(0, 100)], sizes=EngineSizes(audit_packets=20, audit_before=0))
    crossed(lane, Sent())
    packets = [Sent(destination=f"203.0.113.{7 + number % 3}", source_port=number) for number in range(200)]
    lane.send(packets, stamp=5000)
    lane.tick()
    (report,) = reports.full_audits(lane.engine)
    assert (report.host, report.outgoing, report.full) == (HOST, False, True)
    assert [frame.source_port for frame in report.frames] == list(range(0, 60, 3))
    assert [frame.timestamp_ns for frame in report.frames] == [5000 + number for number in range(0, 60, 3)]
    assert [frame.frame for frame in report.frames] == [packets[number].frame() for number in range(0, 60, 3)]
    assert reports.full_audits(lane.engine) == []
    assert reports.audit(lane.engine, HOST, False).frames == []


def test_fields_of_a_kept_frame() -> None:
    """A kept frame tells what its headers say."""
    lane = Lane(outgoing=[(0, 100)])
    packet = Sent("203.0.113.7", "192.0.2.1", TCP, 80, 443, 1400, SYN, fragment=True)
    crossed(lane, packet)
    lane.send([packet], stamp=77)
    report = reports.audit(lane.engine, HOST, True)
    assert not report.full
    frame = report.frames[-1]
    assert (frame.family, frame.source, frame.destination) == (4, HOST[1], host("192.0.2.1")[1])
    assert (frame.source_port, frame.destination_port, frame.protocol) == (80, 443, TCP)
    assert (frame.ip_bytes, frame.tcp_flags, frame.fragment, frame.before) == (1400, SYN, True, False)
    assert (frame.link_type, frame.wire_bytes, frame.timestamp_ns) == (1, len(packet.frame()), 77)


def test_frames_from_before() -> None:
    """Up to as many sampled frames as asked for come first: the latest of the host from before the crossing."""
    lane = Lane(incoming=[(0, 1500)], sizes=SIZES)
    lane.send([Sent(destination=f"203.0.113.{7 + number % 2}", source_port=number) for number in range(4000)])
    assert len(lane.tick()) == 2
    report = reports.audit(lane.engine, HOST, False)
    ports = [frame.source_port for frame in report.frames]
    assert all(frame.before and frame.destination == HOST[1] for frame in report.frames)
    assert len(ports) == 5
    assert ports == sorted(ports)
    lane = Lane(incoming=[(0, 1500)], sizes=SIZES)
    lane.send([Sent(source_port=number) for number in range(4000)])
    lane.tick()
    ports = [frame.source_port for frame in reports.audit(lane.engine, HOST, False).frames]
    assert [port // 64 for port in ports] == [57, 58, 59, 60, 61]  # one in 64, the latest whole ones


def test_frames_from_long_before_tell_nothing() -> None:
    """Samples of a host that are older than 10 s when its flood begins are left out."""
    lane = Lane(incoming=[(0, 1500)], sizes=SIZES)
    lane.send(Sent(source_port=1) for _ in range(1000))
    for _ in range(20):
        lane.tick()
    lane.send((Sent(source_port=2) for _ in range(1600)), stamp=11 * 10**9)
    lane.tick()
    frames = reports.audit(lane.engine, HOST, False).frames
    assert {frame.source_port for frame in frames} == {2}
    lane = Lane(incoming=[(0, 1500)], sizes=EngineSizes(audit_before=100))
    lane.send(Sent(source_port=1) for _ in range(1000))
    lane.send((Sent(source_port=2) for _ in range(1000)), stamp=11 * 10**9)
    lane.tick()
    frames = reports.audit(lane.engine, HOST, False).frames
    assert {frame.source_port for frame in frames} == {2}


def test_long_frames_are_cut() -> None:
    """No more of a frame is kept than was asked for; its length on the wire is told."""
    lane = Lane(incoming=[(0, 100)], sizes=EngineSizes(frame_bytes=64))
    crossed(lane, Sent())
    frame = Sent().frame() + bytes(1000)
    lane.play(lane.workers[0], [(0, frame)])
    kept = reports.audit(lane.engine, HOST, False).frames[-1]
    assert kept.frame == frame[:64]
    assert kept.wire_bytes == len(frame)


@pytest.mark.parametrize(("tag", "ethertype"), [(0x81000ABC, b"\x81\x00"), (0x88A80064, b"\x88\xa8")])
def test_a_stripped_tag_is_put_back(tag: int, ethertype: bytes) -> None:
    """A tag that the kernel took off stands in the kept frame where it was on the wire."""
    lane = Lane(incoming=[(0, 100)])
    crossed(lane, Sent())
    frame = Sent().frame()
    lane.play(lane.workers[0], [(0, frame)], stripped_tag=tag)
    kept = reports.audit(lane.engine, HOST, False).frames[-1]
    assert kept.frame == frame[:12] + ethertype + (tag & 0xFFFF).to_bytes(2, "big") + frame[12:]
    assert kept.wire_bytes == len(frame) + 4


def test_a_full_pool_holds_no_crossing_up() -> None:
    """With all audits in use a crossing is told all the same, counted; a slot that is given back serves the next."""
    lane = Lane(incoming=[(0, 100)], sizes=SIZES)
    for number in (7, 8, 9):
        crossed(lane, Sent(destination=f"203.0.113.{number}"))
    health = census.health(lane.engine)
    assert (health.audits, health.audits_refused) == (2, 1)
    for _ in range(20):
        lane.tick()
    lane.engine.release(*HOST, False)
    assert census.health(lane.engine).audits == 1
    crossed(lane, Sent(destination="203.0.113.10"))
    lane.repeat(Sent(destination="203.0.113.10"), 50)
    lane.tick()
    assert [report.host for report in reports.full_audits(lane.engine)] == [host("203.0.113.10")]


def test_release_ends_an_audit() -> None:
    """A released host's frames are kept no more, and a new crossing begins a new audit."""
    lane = Lane(incoming=[(0, 100)], sizes=SIZES)
    crossed(lane, Sent())
    lane.repeat(Sent(source_port=1), 10)
    lane.engine.release(*HOST, False)
    assert reports.audit(lane.engine, HOST, False).frames == []
    assert len(lane.tick()) == 1
    lane.repeat(Sent(source_port=2), 20)
    lane.tick()
    (report,) = reports.full_audits(lane.engine)
    assert {frame.source_port for frame in report.frames if not frame.before} == {2}


def test_several_threads_fill_one_audit() -> None:
    """Threads that keep frames of one host at the same time fill its audit exactly, each place once."""
    lane = Lane(incoming=[(0, 100)], workers=4, sizes=EngineSizes(audit_packets=1000, audit_before=0))
    crossed(lane, Sent())
    threads = []
    for number, worker in enumerate(lane.workers):
        frames = [(number * 10_000 + i, Sent(source_port=number * 10_000 + i).frame()) for i in range(600)]
        worker.source = MemoryFrames(frames)
        threads.append(threading.Thread(target=worker.run))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lane.tick()
    (report,) = reports.full_audits(lane.engine)
    ports = [frame.source_port for frame in report.frames]
    assert len(ports) == len(set(ports)) == 1000
    assert all(frame.timestamp_ns == frame.source_port for frame in report.frames)


@pytest.mark.parametrize(
    "arguments",
    [(10, -1, 10, 1, 128), (10, 65_535, 10, 1, 128), (10, 1, 0, 1, 128), (10, 1, 1, -1, 128), (10, 1, 1, 1, 8)],
)
def test_arguments_out_of_range(arguments: "tuple[int, int, int, int, int]") -> None:
    """Sizes out of range are refused."""
    with pytest.raises(ValueError, match=r"audits|bytes of a frame"):
        Audits(*arguments)
