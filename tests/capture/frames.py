"""Frames made from what matters to the counters."""

import struct
from dataclasses import dataclass

from netaddr import IPAddress

TCP, UDP, ICMP, GRE, ICMPV6 = 6, 17, 1, 47, 58
SYN = 0x02
ACK = 0x10


@dataclass(frozen=True)
class Sent:
    """One packet as a test means it."""

    source: str = "192.0.2.1"
    destination: str = "203.0.113.7"
    protocol: int = UDP
    source_port: int = 1000
    destination_port: int = 2000
    ip_bytes: int = 46
    tcp_flags: int = ACK
    fragment: bool = False

    @property
    def family(self) -> int:
        return IPAddress(self.source).version

    def frame(self) -> bytes:
        """Give the Ethernet frame; what is behind the upper header is cut."""
        ip = self._ipv4() if self.family == 4 else self._ipv6()
        ethertype = 0x0800 if self.family == 4 else 0x86DD
        return bytes.fromhex("02005e000001 02005e000002") + struct.pack("!H", ethertype) + ip + self._upper()

    def _ipv4(self) -> bytes:
        more_fragments = 0x2000 if self.fragment else 0
        addresses = IPAddress(self.source).packed + IPAddress(self.destination).packed
        return struct.pack("!BBHHHBBH", 0x45, 0, self.ip_bytes, 1, more_fragments, 64, self.protocol, 0) + addresses

    def _ipv6(self) -> bytes:
        addresses = IPAddress(self.source).packed + IPAddress(self.destination).packed
        return struct.pack("!IHBB", 6 << 28, self.ip_bytes - 40, self.protocol, 64) + addresses

    def _upper(self) -> bytes:
        ports = struct.pack("!HH", self.source_port, self.destination_port)
        if self.protocol == TCP:
            return ports + struct.pack("!IIBBHHH", 0, 0, 0x50, self.tcp_flags, 0, 0, 0)
        return ports + bytes(4)


def pcap(frames: "list[tuple[int, bytes]]") -> bytes:
    """Give a nanosecond pcap of (time, Ethernet frame)."""
    records = [struct.pack("<IIII", at // 10**9, at % 10**9, len(frame), len(frame)) + frame for at, frame in frames]
    return struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1) + b"".join(records)
