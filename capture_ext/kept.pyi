from typing import NamedTuple

class KeptFrame(NamedTuple):
    timestamp_ns: int
    family: int
    source: int
    destination: int
    source_port: int
    destination_port: int
    protocol: int
    ip_bytes: int
    tcp_flags: int
    fragment: bool
    before: bool
    link_type: int
    wire_bytes: int
    frame: bytes
