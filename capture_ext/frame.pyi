from typing import NamedTuple

REASONS: tuple[str, ...]
LINK_TYPES: str

class ParsedPacket(NamedTuple):
    reason: str
    family: int
    protocol: int
    protocol_class: int
    fragment: bool
    syn: bool
    ports: tuple[int, int] | None
    tcp_flags: int
    ip_bytes: int
    source: int
    destination: int

def parse_frames(
    frames: list[bytes],
    link_type: int,
    stripped_tag: int = 0,
    decapsulate: tuple[str, ...] = (),
    vxlan_port: int = 4789,
) -> list[ParsedPacket]: ...
def parse(frame: bytes, link_type: int, stripped_tag: int = 0, decapsulate: tuple[str, ...] = ()) -> ParsedPacket: ...
