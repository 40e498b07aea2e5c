"""A replay decides on the capture's own clock."""

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from netaddr import IPAddress, IPNetwork

from capture.frames import SYN, TCP, Sent, pcap
from fnm_guard.capture.model import AuditSpec, Decapsulation, SideTotals
from fnm_guard.capture.replay import Replay
from fnm_guard.core.model import Audit, Crossing, Direction, Thresholds
from fnm_guard.core.policy import DetectionPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable

START = 1_700_000_000 * 10**9
MS = 10**6
HOST = IPAddress("203.0.113.7")
POLICY = DetectionPolicy(networks=(IPNetwork("203.0.113.0/24"), IPNetwork("2001:db8:100::/48")))


def write(path: Path, sent: "Iterable[tuple[float, Sent]]") -> Path:
    """Write packets at milliseconds after START to a file."""
    path.write_bytes(pcap([(START + round(at * MS), packet.frame()) for at, packet in sent]))
    return path


def flood(pps: int, seconds: float, begin_ms: float = 0, **fields: object) -> "list[tuple[float, Sent]]":
    """Give evenly spaced packets."""
    packet = Sent(**fields)  # type: ignore[arg-type]  # whatever the test sets
    return [(begin_ms + i * 1000 / pps, packet) for i in range(round(pps * seconds))]


def play(replay: Replay, *files: Path) -> "tuple[list[Crossing], list[Audit], list[float]]":
    """Run a replay and take everything."""
    crossings: list[Crossing] = []
    audits: list[Audit] = []
    times: list[float] = []
    for now in replay.run(files):
        times.append(now)
        crossings += replay.crossings()
        audits += replay.audits()
    return crossings, audits, times


def test_flood_crosses_after_its_share_of_the_window(tmp_path: Path) -> None:
    """A flood of k times the threshold crosses at the first tick after 1/k of the window."""
    file = write(tmp_path / "flood.pcap", flood(10_000, 1.0))
    crossings, audits, _ = play(Replay(DetectionPolicy(POLICY.networks, incoming=Thresholds(pps=2000))), file)
    (crossing,) = crossings
    assert (crossing.host, crossing.direction) == (HOST, Direction.INCOMING)
    assert crossing.at == pytest.approx(START / 1e9 + 0.25)  # at 0.2 s exactly the threshold has been counted
    assert crossing.rate == 2500
    assert crossing.power == pytest.approx(10_000)
    assert crossing.started == pytest.approx(START / 1e9)
    (audit,) = audits
    assert len([packet for packet in audit.packets if not packet.before]) == 100
    assert all(packet.destination == HOST for packet in audit.packets)


def test_totals_by_host_and_direction(tmp_path: Path) -> None:
    """Every packet counts once, under its protocol; a fragment and a SYN also as such."""
    file = write(
        tmp_path / "mixed.pcap",
        [
            (0, Sent(protocol=TCP, tcp_flags=SYN, ip_bytes=40)),
            (1, Sent(fragment=True, ip_bytes=1500)),
            (2, Sent(source="203.0.113.7", destination="192.0.2.1", protocol=1, ip_bytes=84)),
            (3, Sent(source="203.0.113.8", destination="203.0.113.7", ip_bytes=100)),
            (4, Sent(source="192.0.2.1", destination="192.0.2.2", ip_bytes=100)),
        ],
    )
    replay = Replay(POLICY)
    play(replay, file)
    (totals,) = replay.hosts()
    assert totals.incoming == SideTotals(packets=2, bytes=1540, tcp=1, syn=1, udp=1, fragments=1)
    assert totals.outgoing == SideTotals(packets=1, bytes=84, icmp=1)
    traffic = replay.traffic()
    figures = {direction: (total.packets, total.bytes) for direction, total in traffic.directions.items()}
    assert figures == {
        Direction.INCOMING: (2, 1540),
        Direction.OUTGOING: (1, 84),
        Direction.INTERNAL: (1, 100),
        Direction.OTHER: (1, 100),
    }
    assert traffic.frames == 5


def test_internal_counts_at_both_ends_when_asked(tmp_path: Path) -> None:
    """With count_internal a packet between two of our hosts is incoming at one and outgoing at the other."""
    packet = Sent(source="203.0.113.8", destination="203.0.113.7", ip_bytes=100)
    replay = Replay(POLICY, count_internal=True)
    play(replay, write(tmp_path / "internal.pcap", [(0, packet)]))
    totals = {str(total.host): total for total in replay.hosts()}
    assert totals["203.0.113.7"].incoming.packets == totals["203.0.113.8"].outgoing.packets == 1
    assert replay.traffic().directions[Direction.INTERNAL].packets == 1


def test_a_replay_looks_into_tunnels_when_told(tmp_path: Path) -> None:
    """The same file: the tunnel's end is counted, or the host behind it."""
    inner = Sent(ip_bytes=28).frame()[14:]
    outer = struct.pack("!BBHHHBBH", 0x45, 0, 48, 1, 0, 64, 4, 0) + IPAddress("192.0.2.1").packed
    file = tmp_path / "tunnel.pcap"
    file.write_bytes(pcap([(START, Sent().frame()[:14] + outer + IPAddress("203.0.113.1").packed + inner)]))
    closed, opened = Replay(POLICY), Replay(POLICY, decapsulation=Decapsulation(("ipip",)))
    for replay in (closed, opened):
        play(replay, file)
    assert [(str(total.host), total.incoming.bytes) for total in closed.hosts()] == [("203.0.113.1", 48)]
    assert [(str(total.host), total.incoming.bytes) for total in opened.hosts()] == [("203.0.113.7", 28)]
    assert (closed.health().tunnels_opened, opened.health().tunnels_opened) == (0, 1)


def test_ipv6_flood(tmp_path: Path) -> None:
    """An IPv6 host crosses like any other."""
    file = write(
        tmp_path / "six.pcap",
        flood(5000, 0.5, source="2001:db8::1", destination="2001:db8:100::5", ip_bytes=60, protocol=TCP, tcp_flags=SYN),
    )
    crossings, _, _ = play(Replay(DetectionPolicy(POLICY.networks, incoming=Thresholds(syn_pps=1000))), file)
    assert [(str(crossing.host), crossing.metric) for crossing in crossings] == [("2001:db8:100::5", "syn_pps")]


def test_years_of_silence_cost_steps_not_ticks(tmp_path: Path) -> None:
    """A pause of ten years is a bounded number of pulses, and a flood after it is seen as any other."""
    pause_ms = 10 * 365 * 86_400 * 1000
    replay = Replay(DetectionPolicy(POLICY.networks, incoming=Thresholds(pps=2000)))
    file = write(tmp_path / "pause.pcap", [(0, Sent()), *flood(10_000, 0.5, pause_ms)])
    crossings, _, times = play(replay, file)
    assert len(times) < 200_000
    assert times == sorted(times)
    assert crossings[0].at == pytest.approx(START / 1e9 + pause_ms / 1000 + 0.25, abs=0.051)
    assert crossings[0].power == pytest.approx(10_000, rel=0.3)


def test_clock_set_back_is_closed(tmp_path: Path) -> None:
    """A file that is older than the one before goes on where time stood; a small step back is clamped."""
    replay = Replay(POLICY)
    first = write(tmp_path / "first.pcap", flood(1000, 2))
    second = write(tmp_path / "second.pcap", flood(1000, 2, begin_ms=-3_600_000))
    third = write(tmp_path / "third.pcap", [(-3_600_000 + at, Sent()) for at in (2000, 2100, 2020, 2110)])
    _, _, times = play(replay, first, second, third)
    assert times == sorted(times)
    assert times[-1] - START / 1e9 == pytest.approx(4.1, abs=0.2)
    backwards, shifts = replay.clock_notes
    assert shifts == 1
    assert backwards == 1
    assert replay.traffic().directions[Direction.INCOMING].packets == 4004


def test_broken_files_are_named(tmp_path: Path) -> None:
    """A file that is cut gives its frames up to there; one that is none gives a line and nothing else."""
    whole = write(tmp_path / "whole.pcap", flood(1000, 0.1))
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(whole.read_bytes()[:-5])
    garbage = tmp_path / "garbage.pcap"
    garbage.write_bytes(b"no capture at all, only text")
    replay = Replay(POLICY)
    play(replay, cut, garbage, tmp_path / "missing.pcap")
    assert replay.traffic().frames == 99
    assert [line.split(":")[0] for line in replay.failures] == [str(cut), str(garbage), str(tmp_path / "missing.pcap")]


def test_watched_hosts_are_read_in_silence(tmp_path: Path) -> None:
    """After its crossing a host has readings until it is released, and crosses again only then."""
    sent = [*flood(10_000, 0.5), *flood(10_000, 0.5, 5000), (8000, Sent())]
    replay = Replay(DetectionPolicy(POLICY.networks, incoming=Thresholds(pps=2000)), AuditSpec(packets=10, before=0))
    found: list[Crossing] = []
    packets: list[int] = []
    for now in replay.run([write(tmp_path / "twice.pcap", sent)]):
        found += replay.crossings()
        readings = replay.readings(now)
        packets += [sum(reading.packets[:4]) for reading in readings]
        assert all(reading.peak == pytest.approx(10_000) for reading in readings)
        if now > START / 1e9 + 7:
            replay.release(HOST, Direction.INCOMING)
            assert replay.readings(now) == []
    assert len(found) == 1
    assert packets == sorted(packets)
    assert packets[-1] == 7500  # all but the 2500 from before the crossing
