"""Write docs/examples/flood.pcap: six seconds of a web server, from the second to the fourth with a SYN flood on it.

Every run gives the same bytes.  Checksums are right, so that other programs read it without complaint.
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from frames.capture_files import pcap

__all__ = ["TARGET", "capture"]

TARGET = Path(__file__).resolve().parents[2] / "docs" / "examples" / "flood.pcap"

_START = 1_404_482_392  # 2014-07-04 13:59:52 UTC
_SECONDS = 6
_FLOOD = range(2_000_000, 3_500_000, 1_000)  # microseconds: 1,000 packets/s for 1.5 s
_VICTIM, _NEIGHBOUR = "198.51.100.7", "198.51.100.8"


def capture() -> bytes:
    """Give the whole file."""
    chance = random.Random(7)
    frames = sorted([*_visitors(chance), *_flood(chance)], key=lambda one: one[0])
    return pcap([(_START + at // 1_000_000, at % 1_000_000, frame) for at, frame in frames])


def _visitors(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """Give some pages read from both hosts: requests in, answers out."""
    for at in range(0, _SECONDS * 1_000_000, 40_000):
        host, visitor = chance.choice((_VICTIM, _NEIGHBOUR)), f"203.0.113.{chance.randrange(1, 255)}"
        port = chance.randrange(32_768, 61_000)
        yield at, _frame(visitor, host, TCP(sport=port, dport=443, flags="PA", seq=1, ack=1) / (b"?" * 40))
        yield at + 900, _frame(host, visitor, TCP(sport=443, dport=port, flags="PA", seq=1, ack=41) / (b"!" * 200))


def _flood(chance: random.Random) -> Iterator[tuple[int, bytes]]:
    """Give SYN from everywhere to one port."""
    for at in _FLOOD:
        source = f"192.0.2.{chance.randrange(1, 255)}"
        segment = TCP(sport=chance.randrange(1_024, 65_536), dport=80, flags="S", seq=chance.randrange(1 << 32))
        yield at + 300, _frame(source, _VICTIM, segment)


def _frame(source: str, destination: str, segment: TCP) -> bytes:
    ethernet = Ether(src="02:00:5e:00:53:01", dst="02:00:5e:00:53:02")
    return bytes(ethernet / IP(src=source, dst=destination, ttl=58, id=1) / segment)


if __name__ == "__main__":
    TARGET.write_bytes(capture())
    sys.stdout.write(f"wrote {TARGET}\n")
