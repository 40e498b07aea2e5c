"""The golden files: frames in a pcap, and beside it a json that says what has to come out of each."""

import json
import struct
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from frames.oracle import Fields

FOLDER = Path(__file__).parent.parent / "golden" / "frames"
TUNNELS = FOLDER.with_name("tunnels")
CLASSES = ("tcp", "udp", "icmp", "other")
FILE_HEADER = "<IHHiIII"
RECORD_HEADER = "<IIII"


class Golden(NamedTuple):
    """One frame of a golden file, and its line of the json."""

    link_type: int
    frame: bytes
    line: dict[str, object]


def endpoint(family: int, address: int, port: int | None) -> str:
    """Write one end of a packet as people do."""
    text = str(ip_address(address.to_bytes(4 if family == 4 else 16)))
    if port is None:
        return text
    return f"{text}:{port}" if family == 4 else f"[{text}]:{port}"


def line(what: str, fields: Fields) -> dict[str, object]:
    """Give the line of the json for a frame that was read."""
    reason, family, protocol, kind, fragment, syn, ports, flags, ip_bytes, source, destination = fields
    if reason:
        return {"frame": what, "reason": reason}
    source_port, destination_port = ports or (None, None)
    return {
        "frame": what,
        "from": endpoint(family, source, source_port),
        "to": endpoint(family, destination, destination_port),
        "class": CLASSES[kind],
        "protocol": protocol,
        "ip_bytes": ip_bytes,
        "fragment": fragment,
        "syn": syn,
        "tcp_flags": flags,
    }


def pcap(link_type: int, frames: list[bytes]) -> bytes:
    """Give the file that holds the frames, a microsecond apart."""
    content = struct.pack(FILE_HEADER, 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    for number, frame in enumerate(frames):
        content += struct.pack(RECORD_HEADER, 1404482394, number, len(frame), len(frame)) + frame
    return content


def load(path: Path) -> list[Golden]:
    """Read a golden pcap and the json beside it."""
    lines = json.loads(path.with_suffix(".json").read_text())
    content = path.read_bytes()
    link_type = struct.unpack_from(FILE_HEADER, content)[-1]
    position = struct.calcsize(FILE_HEADER)
    frames = []
    while position < len(content):
        size = struct.unpack_from(RECORD_HEADER, content, position)[2]
        position += struct.calcsize(RECORD_HEADER)
        frames.append(content[position : position + size])
        position += size
    return [Golden(link_type, frame, expected) for frame, expected in zip(frames, lines, strict=True)]


def load_all() -> list[Golden]:
    """Read every golden file without tunnels: nothing is to be decapsulated."""
    return [golden for path in sorted(FOLDER.glob("*.pcap")) for golden in load(path)]


def load_tunnels() -> list[Golden]:
    """Read every golden file with tunnels: everything is to be decapsulated."""
    return [golden for path in sorted(TUNNELS.glob("*.pcap")) for golden in load(path)]
