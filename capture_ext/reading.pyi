from typing import NamedTuple

from capture_ext.source import CapturedFrame, FrameSource

class Drained(NamedTuple):
    frames: int
    bytes: int
    cpu_ns: int
    outcome: int

def read_frames(source: FrameSource, limit: int, seconds: float) -> list[CapturedFrame]: ...
def drain(source: FrameSource, limit: int, seconds: float) -> Drained: ...
