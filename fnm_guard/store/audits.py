"""Kept packets as one compressed value per attack: a flood's frames are alike, and are only ever read together."""

import zlib
from typing import TYPE_CHECKING, Any

import msgspec
from netaddr import IPAddress

from fnm_guard.core.model import Audit, AuditPacket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fnm_guard.core.model import Direction

__all__ = ["pack", "unpack"]

_LEVEL = 1
"""Of zlib: 100 SYNs go from about 12 kB to about 2 kB; higher levels save little more."""
_FORMAT = 1


def pack(packets: "Sequence[AuditPacket]") -> bytes:
    """Give packets as bytes for the file."""
    rows = [
        (
            packet.timestamp_ns,
            str(packet.source),
            str(packet.destination),
            packet.source_port,
            packet.destination_port,
            packet.protocol,
            packet.ip_bytes,
            packet.tcp_flags,
            packet.fragment,
            packet.before,
            packet.link_type,
            packet.frame_bytes,
            packet.frame,
        )
        for packet in packets
    ]
    return zlib.compress(msgspec.msgpack.encode((_FORMAT, rows)), _LEVEL)


def unpack(stored: bytes, host: IPAddress, direction: "Direction", full: bool) -> Audit:
    """Give what `pack` was given, as the audit of a host.

    Raises:
        ValueError: If the bytes are not of this format.
    """
    try:
        version, rows = msgspec.msgpack.decode(zlib.decompress(stored), type=tuple[int, list[tuple[Any, ...]]])
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(f"audit of {host}: not readable: {error}") from error
    if version != _FORMAT:
        raise ValueError(f"audit of {host}: format {version}, known is {_FORMAT}")
    return Audit(host, direction, tuple(_packet(row) for row in rows), full)


def _packet(row: tuple[Any, ...]) -> AuditPacket:
    timestamp_ns, source, destination, *rest = row
    return AuditPacket(timestamp_ns, IPAddress(source), IPAddress(destination), *rest)
