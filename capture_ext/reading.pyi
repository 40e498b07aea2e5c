from typing import NamedTuple

from capture_ext.source import FrameSource

class SeenFrame(NamedTuple):
    data: bytes
    wire_bytes: int
    stripped_tag: int
    link_type: int
    timestamp_ns: int

class Drained(NamedTuple):
    frames: int
    bytes: int
    cpu_ns: int
    outcome: int

def read_frames(source: FrameSource, limit: int, seconds: float) -> list[SeenFrame]: ...
def drain(source: FrameSource, limit: int, seconds: float) -> Drained: ...
