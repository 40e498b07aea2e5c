"""Read BGP UPDATE messages off a wire: which /32 and /128 were announced or withdrawn, and when.

Enough of RFC 4271 (section 4.3) and RFC 4760 (sections 3 and 4) for host routes; not a BGP speaker.
"""

import socket
import struct
import threading
import time
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lab.namespaces import Namespace

__all__ = ["BgpTap", "Update", "host_routes"]

_MARKER = b"\xff" * 16
_UPDATE = 2
_MP_REACH, _MP_UNREACH = 14, 15
_PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1)  # nanoseconds, Ethernet


@dataclass(frozen=True, slots=True)
class Update:
    """One host route in one UPDATE; `at` is wall time in seconds, `source` the speaker."""

    at: float
    source: str
    host: str
    announced: bool


class BgpTap:
    """Listens on one interface of a namespace, keeps every host route it sees, and may record the session."""

    def __init__(self, namespace: "Namespace", interface: str, pcap: Path | None = None) -> None:
        self.updates: list[Update] = []
        self._stopping = threading.Event()
        with namespace.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self._socket.bind((interface, 0))
        self._socket.settimeout(0.1)
        self._pcap = pcap.open("wb") if pcap else None
        if self._pcap:
            self._pcap.write(_PCAP_HEADER)
        self._thread = threading.Thread(target=self._listen, name="bgp-tap")
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._stopping.set()
        self._thread.join()
        self._socket.close()
        if self._pcap:
            self._pcap.close()

    def wait(self, host: str, *, announced: bool, after: float = 0.0, seconds: float = 10.0) -> Update | None:
        """Wait for the first word about `host` seen after the wall time `after`; None if it does not come."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for update in list(self.updates):
                if update.host == host and update.announced == announced and update.at >= after:
                    return update
            time.sleep(0.005)
        return None

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                frame = self._socket.recv(65_535)
            except TimeoutError:
                continue
            now = time.time()
            segment = _bgp_segment(frame)
            if segment is None:
                continue
            self._record(frame, now)
            source, payload = segment
            for host, announced in host_routes(payload):
                self.updates.append(Update(now, source, host, announced))

    def _record(self, frame: bytes, now: float) -> None:
        if self._pcap:
            seconds, nanoseconds = divmod(int(now * 1e9), 1_000_000_000)
            self._pcap.write(struct.pack("<IIII", seconds, nanoseconds, len(frame), len(frame)) + frame)
            self._pcap.flush()


def _bgp_segment(frame: bytes) -> tuple[str, bytes] | None:
    """Give source address and TCP payload of a segment to or from port 179."""
    kind = int.from_bytes(frame[12:14])
    if kind == 0x0800 and frame[23] == socket.IPPROTO_TCP:
        start, source = 14 + (frame[14] & 15) * 4, frame[26:30]
        end = 14 + int.from_bytes(frame[16:18])
    elif kind == 0x86DD and frame[20] == socket.IPPROTO_TCP:
        start, source = 54, frame[22:38]
        end = 54 + int.from_bytes(frame[18:20])
    else:
        return None
    ports = struct.unpack_from("!HH", frame, start)
    if 179 not in ports:
        return None
    return str(ip_address(source)), frame[start + (frame[start + 12] >> 4) * 4 : end]


def host_routes(payload: bytes) -> "Iterator[tuple[str, bool]]":
    """Give (host, announced) for every host route of the UPDATE messages in a TCP payload."""
    at = payload.find(_MARKER)
    while at >= 0 and at + 19 <= len(payload):
        length, kind = struct.unpack_from("!HB", payload, at + 16)
        if kind == _UPDATE:
            yield from _update(payload[at + 19 : at + length])
        at = payload.find(_MARKER, at + max(length, 19))


def _update(body: bytes) -> "Iterator[tuple[str, bool]]":
    withdrawn = int.from_bytes(body[:2])
    yield from _prefixes(body[2 : 2 + withdrawn], 4, announced=False)
    start = 2 + withdrawn
    size = int.from_bytes(body[start : start + 2])
    yield from _attributes(body[start + 2 : start + 2 + size])
    yield from _prefixes(body[start + 2 + size :], 4, announced=True)


def _attributes(data: bytes) -> "Iterator[tuple[str, bool]]":
    while len(data) >= 3:
        wide = bool(data[0] & 0x10)
        size = int.from_bytes(data[2 : 4 if wide else 3])
        value = data[4 if wide else 3 :][:size]
        if data[1] == _MP_REACH and value[:3] == b"\x00\x02\x01":
            yield from _prefixes(value[5 + value[3] :], 16, announced=True)
        elif data[1] == _MP_UNREACH and value[:3] == b"\x00\x02\x01":
            yield from _prefixes(value[3:], 16, announced=False)
        data = data[(4 if wide else 3) + size :]


def _prefixes(data: bytes, address_bytes: int, *, announced: bool) -> "Iterator[tuple[str, bool]]":
    while data:
        size = (data[0] + 7) // 8
        if data[0] == address_bytes * 8:
            yield str(ip_address(data[1 : 1 + size])), announced
        data = data[1 + size :]
