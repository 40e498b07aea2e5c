from typing import NamedTuple

class SourceStatistics(NamedTuple):
    received: int
    dropped_ring: int
    dropped_interface: int

class CapturedFrame(NamedTuple):
    data: bytes
    timestamp_ns: int
    link_type: int
    wire_bytes: int
    stripped_tag: int

class FrameSource:
    def open(self) -> None: ...
    def close(self) -> None: ...
    def statistics(self) -> SourceStatistics: ...
    def describe(self) -> str: ...
    def failure(self) -> str: ...

def read_all(source: FrameSource, limit: int) -> list[CapturedFrame]: ...
