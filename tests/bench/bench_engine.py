"""How fast one capture thread counts frames that stand in memory, and how long a tick then takes.

Each case runs in a process of its own: 1,048,576 frames of 60 bytes, 64 apart in memory, so that each is one cache
line out of DRAM; random foreign sources and ports, random hosts of ours, TCP, UDP and ICMP mixed (IPv6: 62 bytes, UDP
and ICMP, as a TCP header would not fit into the line).  A round gives all of them once and is followed by a tick, as
50 ms of a flood would be; with flows on, by a whole window, so that every packet is a new flow.  The figures are CPU
time of the thread.  The first round, in which the kernel gives the tables their pages, is left out.
"""

import json
import random
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

from bench.figures import Figure, Target
from capture_ext.engine import Engine, EngineSizes
from capture_ext.limits import Limits
from capture_ext.memory import MemoryFrames

__all__ = ["FIGURES", "measure"]

FRAMES = 1 << 20
ROUNDS = 12
SECOND_NS = 10**9
TICK_NS = 50 * 10**6
WINDOW_TICKS = 20
FIRST_ADDRESS = 10 << 24
FIRST_ADDRESS_6 = 0x20010DB8 << 96
HOSTS = (256, 32_768, 65_536, 100_000, 1_048_576)
HOSTS_6 = (256, 32_768)
UPPER = {6: bytes(8) + b"\x50\x02" + bytes(6), 17: bytes(4), 1: b"", 58: bytes(4)}
OUT_OF_REACH = [(0, 1e12)]
TARGETS = {
    "engine_mpps_65536_flows_off": Target(30, at_most=False),
    "engine_mpps_1048576_flows_off": Target(25, at_most=False),
    "tick_ms_100000_flows_off": Target(5, at_most=True),
}

CASES = tuple((4, hosts, flows) for hosts in HOSTS for flows in ("off", "on"))
CASES += tuple((6, hosts, flows) for hosts in HOSTS_6 for flows in ("off", "on"))


def rate_name(family: int, hosts: int, flows: str) -> str:
    """Give the name of the packets a second of a case."""
    return f"engine_mpps_{'ipv6_' if family == 6 else ''}{hosts}_flows_{flows}"


def tick_name(family: int, hosts: int, flows: str) -> str:
    """Give the name of the milliseconds of a tick of a case."""
    return f"tick_ms_{'ipv6_' if family == 6 else ''}{hosts}_flows_{flows}"


FIGURES = tuple(name(*case) for case in CASES for name in (rate_name, tick_name))


def measure() -> Iterator[Figure]:
    """Measure every number of hosts, flows off and on."""
    for case in CASES:
        command = [sys.executable, "-m", "bench.bench_engine", *map(str, case)]
        rates, ticks = json.loads(subprocess.check_output(command))
        for name, unit, samples in ((rate_name(*case), "M packets/s", rates), (tick_name(*case), "ms", ticks)):
            yield Figure(name, unit, tuple(samples), TARGETS.get(name))


def make_frames(family: int, hosts: int) -> list[tuple[int, bytes]]:
    """Give the frames, dated 1 ns apart."""
    chance = random.Random(1)
    header = header_4 if family == 4 else header_6
    protocols = (6, 6, 17, 17, 1) if family == 4 else (17, 17, 17, 17, 58)
    frames = []
    for number in range(FRAMES):
        protocol = chance.choice(protocols)
        head = header(chance, protocol, chance.randrange(hosts))
        frames.append((number, (bytes(12) + head + chance.randbytes(4) + UPPER[protocol]).ljust(60, b"\0")))
    return frames


def header_4(chance: random.Random, protocol: int, host: int) -> bytes:
    """Give EtherType and IPv4 header from anywhere to a host of ours."""
    source = 0xC0000000 | chance.getrandbits(28)
    return b"\x08\x00" + struct.pack("!BBHHHBBHII", 0x45, 0, 46, 0, 0, 64, protocol, 0, source, FIRST_ADDRESS + host)


def header_6(chance: random.Random, protocol: int, host: int) -> bytes:
    """Give EtherType and IPv6 header from anywhere to a host of ours."""
    source = (0x2A << 120 | chance.getrandbits(120)).to_bytes(16, "big")
    return (
        b"\x86\xdd"
        + struct.pack("!IHBB", 6 << 28, 8, protocol, 64)
        + source
        + (FIRST_ADDRESS_6 + host).to_bytes(16, "big")
    )


def make_engine(family: int, hosts: int, *, flows: bool) -> Engine:
    """Give an engine with so many hosts; their thresholds are on and out of reach."""
    prefix = (4, FIRST_ADDRESS, 32 - (hosts - 1).bit_length()) if family == 4 else (6, FIRST_ADDRESS_6, 48)
    limits = Limits(SECOND_NS, [(OUT_OF_REACH, OUT_OF_REACH)], [])
    sizes = EngineSizes(flows=1 << 20 if flows else 0)
    return Engine([prefix], limits, SECOND_NS, TICK_NS, sizes, bytes(range(24)))


def measure_case(family: int, hosts: int, *, flows: bool) -> tuple[list[float], list[float]]:
    """Give the rates of the rounds, in millions a second, and the milliseconds of the tick after each."""
    source = MemoryFrames(make_frames(family, hosts))
    engine = make_engine(family, hosts, flows=flows)
    worker = engine.add_worker(source, count_internal=False)
    now = 0
    engine.begin(now)
    counting, ticking = [], []
    for _ in range(1 + ROUNDS):
        source.open()
        counting.append(_thread_ns(worker.run))
        now += TICK_NS
        ticking.append(_thread_ns(partial(engine.tick, now)))
        for _ in range(WINDOW_TICKS if flows else 0):
            now += TICK_NS
            engine.tick(now)
    return [FRAMES * 1e3 / spent for spent in counting[1:]], [spent / 1e6 for spent in ticking[1:]]


def _thread_ns(act: Callable[[], object]) -> int:
    begin = time.thread_time_ns()
    act()
    return time.thread_time_ns() - begin


if __name__ == "__main__":
    print(json.dumps(measure_case(int(sys.argv[1]), int(sys.argv[2]), flows=sys.argv[3] == "on")))  # noqa: T201  the result
