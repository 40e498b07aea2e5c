"""What offloads do to packet counts: packets counted, in percent of those on the wire.

A packet socket sees frames after GRO (receive side) has merged them, and on virtual wires also segments that TSO (send
side) has not cut yet; a merged frame counts as one packet with all its bytes.  One TCP stream, one UDP stream, and a
flood with random sources, which nothing can merge.  LRO does in the card what GRO does in the kernel.  The number on
the wire is what the sender's TCP says it sent, or the number of datagrams.
"""

import socket
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netaddr import IPNetwork

from bench.blast import build
from bench.figures import Figure
from fnm_guard.capture.live import Capture
from fnm_guard.capture.model import SourceKind, SourceSpec
from fnm_guard.core.model import Direction, Thresholds
from fnm_guard.core.policy import DetectionPolicy
from lab.namespaces import Lab, LabError, Namespace

__all__ = ["FIGURES", "measure"]

ROUNDS = 3
NEAR, FAR, PORT = "198.51.100.1", "198.51.100.2", 5001
STREAM_BYTES = 40 << 20
DATAGRAMS, DATAGRAM_BYTES, TOGETHER = 60_000, 1000, 20
UDP_SEGMENT = 103
"""The sender's kernel cuts what it is given into datagrams (include/uapi/linux/udp.h), as for QUIC."""
FLOOD_FRAMES = 300_000
HEADER_BYTES = 52
"""IPv4, TCP and its timestamps."""
SEGMENTS_OUT = 136
"""Where tcpi_segs_out stands in struct tcp_info (include/uapi/linux/tcp.h)."""
OUT_OF_REACH = Thresholds(pps=1e9)
PATIENCE_SECONDS = 5.0

ON = {
    "gro_off": ("gro off rx-udp-gro-forwarding off", "tso off gso off tx-udp-segmentation off"),
    "gro_on": ("gro on rx-udp-gro-forwarding on", "tso off gso off tx-udp-segmentation off"),
    "tso_on": ("gro off rx-udp-gro-forwarding off", "tso on gso on tx-udp-segmentation on"),
}
CASES = (
    *(("tcp", switches) for switches in ON),
    *(("udp", switches) for switches in ("gro_off", "gro_on")),
    *(("flood", switches) for switches in ("gro_off", "gro_on")),
)
FIGURES = (
    *(f"counted_percent_{traffic}_{switches}" for traffic, switches in CASES),
    *(f"counted_bytes_percent_tcp_{switches}" for switches in ON),
)


@dataclass(frozen=True, slots=True)
class Amount:
    """Packets, and their bytes at the IP layer if they are known."""

    packets: int
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Wire:
    """A receiver with a capture on it, and a sender."""

    near: Namespace
    far: Namespace

    def switch(self, switches: str) -> None:
        """Set the offloads of both ends."""
        for namespace, interface, words in zip((self.near, self.far), ("cap0", "gen0"), ON[switches], strict=True):
            namespace.run("ethtool", "-K", interface, *words.split())

    def send(self, traffic: str) -> Amount:
        """Send it and give what was on the wire."""
        return {"tcp": self._stream, "udp": self._datagrams, "flood": self._flood}[traffic]()

    def _stream(self) -> Amount:
        with self.near.entered():
            listener = socket.create_server((NEAR, PORT))
        reader = threading.Thread(target=_swallow, args=(listener,))
        reader.start()
        with self.far.entered():
            sender = socket.create_connection((NEAR, PORT))
        with sender:
            sender.sendall(bytes(STREAM_BYTES))
            sender.shutdown(socket.SHUT_WR)
            sender.recv(1)  # the other end has read all of it
            facts = sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
        (segments,) = struct.unpack_from("I", facts, SEGMENTS_OUT)
        reader.join()
        listener.close()
        return Amount(segments, STREAM_BYTES + segments * HEADER_BYTES)

    def _datagrams(self) -> Amount:
        with self.near.entered():
            sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with self.far.entered():
            sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sink, sender:
            sink.bind((NEAR, PORT))
            sender.connect((NEAR, PORT))
            sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, DATAGRAM_BYTES)
            for _ in range(DATAGRAMS // TOGETHER):
                sender.send(bytes(TOGETHER * DATAGRAM_BYTES))
        return Amount(DATAGRAMS)

    def _flood(self) -> Amount:
        words = ["--interface", "gen0", "--mac", "02:00:00:00:00:99", "--source", "198.18.0.0/15"]
        words += ["--destination", NEAR, "--count", str(FLOOD_FRAMES), "--pps", "200000", "--seconds", "60"]
        self.far.run(build(), *words, timeout=90)
        return Amount(FLOOD_FRAMES)


def measure() -> Iterator[Figure]:
    """Send each kind of traffic with each setting, and compare."""
    with tempfile.TemporaryDirectory() as folder, Lab(Path(folder)) as lab:
        near, far = lab.namespace("near"), lab.namespace("far")
        for namespace in (near, far):
            namespace.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        lab.link(near, "cap0", far, "gen0")
        near.ip("addr", "add", f"{NEAR}/24", "dev", "cap0")
        far.ip("addr", "add", f"{FAR}/24", "dev", "gen0")
        wire = Wire(near, far)
        of_bytes: list[Figure] = []
        for traffic, switches in CASES:
            wire.switch(switches)
            shares = [_shares(wire, traffic) for _ in range(ROUNDS)]
            yield Figure(f"counted_percent_{traffic}_{switches}", "%", tuple(share[0] for share in shares))
            if traffic == "tcp":
                name = f"counted_bytes_percent_tcp_{switches}"
                of_bytes.append(Figure(name, "%", tuple(share[1] for share in shares)))
        yield from of_bytes


def _shares(wire: Wire, traffic: str) -> tuple[float, float]:
    """Give what was counted of one sending, in percent: packets and bytes."""
    policy = DetectionPolicy(networks=(IPNetwork(NEAR),), incoming=OUT_OF_REACH, outgoing=OUT_OF_REACH)
    capture = Capture(policy, [SourceSpec("cap0", kind=SourceKind.AF_PACKET, ring_bytes=512 << 20)])
    with wire.near.entered():
        capture.start()
    try:
        sent = wire.send(traffic)
        counted = _settled(capture)
        if any(source.dropped_ring for source in capture.sources()):
            raise LabError("the ring was full: the figures would be of that")
    finally:
        capture.close()
    return counted.packets / sent.packets * 100, counted.bytes / max(sent.bytes, 1) * 100


def _settled(capture: Capture) -> Amount:
    """Give what was counted to our host, when it stands still."""
    end = time.monotonic() + PATIENCE_SECONDS
    last = Amount(-1)
    while time.monotonic() < end:
        totals = capture.traffic().directions[Direction.INCOMING]
        now = Amount(totals.packets, totals.bytes)
        if now == last:
            break
        last = now
        time.sleep(0.3)
    return last


def _swallow(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        while connection.recv(1 << 20):
            pass
