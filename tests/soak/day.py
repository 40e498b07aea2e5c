"""Hours of traffic through engine, guard and pipeline on the capture's clock, and what memory that takes.

    python tests/soak/day.py [HOURS]        # 24 if nothing is said; one line of JSON for each hour

An hour has sixty stories of 15 seconds each, and is silent from then on, but for its last second.  A story has a flood
of another host, in turn of IPv4 and of IPv6, in and out, that crosses, is audited, banned and over; a scan of our IPv6
network, which pushes hosts out of their table; packets of new addresses and ports, each a new flow; and frames that
nobody can read.  Bans last ten minutes, and each falls due.  Now and then the capture's clock is set back or forth.

The first hour begins with a flood of new flows, so that all of the tables of flows and of samples lies in memory:
what is touched later is no growth.
"""

import json
import struct
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import IO, TYPE_CHECKING, NamedTuple

from netaddr import IPNetwork, IPSet

from fnm_guard.capture.model import AuditSpec
from fnm_guard.capture.replay import Replay
from fnm_guard.core.guard import Guard
from fnm_guard.core.model import Thresholds
from fnm_guard.core.policy import AttackPolicy, BanPolicy, DetectionPolicy
from fnm_guard.pipeline import PULSE_SECONDS, Pipeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fnm_guard.core.events import Event
    from fnm_guard.core.life import Attack
    from fnm_guard.core.model import Audit

HOURS = 24
START = 1_700_000_000
SECOND = 10**9
STORIES, STORY, HOUR = 60, 15 * SECOND, 3600 * SECOND
IPV4, IPV6 = IPNetwork("198.51.100.0/24"), IPNetwork("2001:db8:100::/48")
OURS4, OURS6 = int(IPV4.first), int(IPV6.first)
STRANGERS4, STRANGERS6 = int(IPNetwork("192.0.2.0/24").first), int(IPNetwork("2001:db8::/48").first)
FLOOD_PACKETS, FLOOD_SECONDS, THRESHOLD_PPS = 120, 1, 60
SCANNED, STRAY, GARBAGE = 60, 40, 4
FLOWS_AT_FIRST = 100_000
JUMPS = {20: 3 * SECOND, 40: -7 * SECOND}  # story of the hour: how far the capture's clock is set
ETHERNET = bytes(12)

Frames = list[tuple[int, bytes]]


def packet4(source: int, destination: int, port: int) -> bytes:
    """Give a UDP packet."""
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 28, 1, 0, 64, 17, 0, source, destination)
    return ETHERNET + b"\x08\x00" + ip + struct.pack("!HHHH", port, 53, 8, 0)


def packet6(source: int, destination: int, port: int) -> bytes:
    """Give a UDP packet over IPv6."""
    ip = struct.pack("!IHBB", 6 << 28, 8, 17, 64) + source.to_bytes(16) + destination.to_bytes(16)
    return ETHERNET + b"\x86\xdd" + ip + struct.pack("!HHHH", port, 53, 8, 0)


def flood(story: int, begin: int) -> Frames:
    """Give the flood of a story: every second one IPv6, every third one outgoing."""
    build, ours, strangers = (packet6, OURS6, STRANGERS6) if story % 2 else (packet4, OURS4, STRANGERS4)
    ends = [strangers + 9, ours + story % STORIES]
    source, destination = reversed(ends) if story % 3 == 0 else ends
    step = FLOOD_SECONDS * SECOND // FLOOD_PACKETS
    return [(begin + step * number, build(source, destination, 1024 + number)) for number in range(FLOOD_PACKETS)]


def story_of(story: int, begin: int, random: Random) -> Frames:
    """Give the frames of a story, in order."""
    frames = flood(story, begin)
    for number in range(SCANNED):
        host = OURS6 + random.getrandbits(80)
        frames.append((begin + number * STORY // SCANNED, packet6(STRANGERS6 + 1, host, 1)))
    for number in range(STRAY):
        ends = STRANGERS4 + random.getrandbits(8), OURS4 + random.getrandbits(8)
        frames.append((begin + number * STORY // STRAY, packet4(*ends, random.getrandbits(16))))
    frames += [(begin + number * SECOND, random.randbytes(20)) for number in range(GARBAGE)]
    return sorted(frames)


def all_flows(begin: int) -> Frames:
    """Give one packet of each of many flows."""
    ends = [(STRANGERS4 + number % 251, OURS4 + number % 256) for number in range(FLOWS_AT_FIRST)]
    return [(begin, packet4(*pair, number >> 4)) for number, pair in enumerate(ends)]


def write(file: IO[bytes], frames: Frames) -> None:
    """Append frames to a capture."""
    for at, frame in frames:
        file.write(struct.pack("<IIII", at // SECOND, at % SECOND, len(frame), len(frame)) + frame)


def hours(count: int, folder: Path) -> Iterator[Path]:
    """Write one capture an hour; the one before is gone by then."""
    random, path, shift = Random(20140704), folder / "hour.pcap", START * SECOND
    for hour in range(count):
        with path.open("wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
            if hour == 0:
                write(file, all_flows(shift))
            for story in range(STORIES):
                shift += JUMPS.get(story, 0)
                write(file, story_of(hour * STORIES + story, shift + hour * HOUR + story * STORY, random))
            write(file, [(shift + hour * HOUR + HOUR - SECOND, packet4(STRANGERS4, OURS4, 1))])
        yield path


class Ledger:
    """A sink that counts what it hears and keeps nothing."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def record(self, event: "Event") -> None:
        self.counts[type(event).__name__] += 1

    def record_update(self, attack: "Attack", at: float) -> None:
        self.counts["updates"] += 1

    def record_audit(self, attack: int, audit: "Audit") -> None:
        self.counts["audits"] += audit.full


def announce(_events: "Sequence[Event]") -> None:
    """Tell no peer."""


class Hour(NamedTuple):
    """What stands at the end of an hour; all but the memory as counted since the start."""

    resident_kib: int
    attacks: int
    attacks_over: int
    audits: int
    bans: int
    bans_over: int
    ipv6_evicted: int
    unparsed: int
    frames: int
    clock_shifts: int
    seconds: int


def resident_kib() -> int:
    """Give what this process holds in memory."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def play(count: int) -> Iterator[Hour]:
    """Play hours; tell what each left behind."""
    thresholds = Thresholds(pps=THRESHOLD_PPS)
    policy = DetectionPolicy((IPV4, IPV6), incoming=thresholds, outgoing=thresholds, ipv6_hosts=256)
    engine = Replay(policy, AuditSpec(packets=20, hosts=4))
    bans = BanPolicy(networks=IPSet([IPV4, IPV6]), duration_seconds=600)
    ledger = Ledger()
    pipeline = Pipeline(engine, Guard(AttackPolicy(), bans), announce, (ledger,))
    pulse_due = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for file in hours(count, Path(folder)):
            for now in engine.run([file]):
                pipeline.drain(now)
                if now >= pulse_due:
                    pipeline.pulse(now)
                    pulse_due = now + PULSE_SECONDS
            yield hour_of(engine, ledger, now)


def hour_of(engine: Replay, ledger: Ledger, now: float) -> Hour:
    """Give what there is to tell after an hour."""
    if engine.failures:
        raise RuntimeError(engine.failures[0])
    traffic, health = engine.traffic(), engine.health()
    return Hour(
        resident_kib=resident_kib(),
        attacks=ledger.counts["AttackStarted"],
        attacks_over=ledger.counts["AttackEnded"],
        audits=ledger.counts["audits"],
        bans=ledger.counts["BanAdded"],
        bans_over=ledger.counts["BanRemoved"],
        ipv6_evicted=health.ipv6_evicted,
        unparsed=sum(traffic.unparsed.values()),
        frames=traffic.frames,
        clock_shifts=engine.clock_notes[1],
        seconds=round(now) - START,
    )


def main(arguments: list[str]) -> None:
    """Play, and write one line an hour."""
    for hour in play(int(arguments[0]) if arguments else HOURS):
        sys.stdout.write(json.dumps(hour._asdict()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
