from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from capture_ext.engine import Engine
from capture_ext.kept import KeptFrame

Host: TypeAlias = tuple[int, int]

class CrossingReport(NamedTuple):
    host: Host
    outgoing: bool
    column: int
    rate: float
    threshold: float
    power: float
    group: int
    started_ns: int
    at_ns: int
    rates: tuple[float, ...]

class WatchReport(NamedTuple):
    host: Host
    outgoing: bool
    rates: tuple[float, ...]
    group: int
    peak: float
    packets: tuple[int, int, int, int, int, int]
    at_ns: int

class AuditReport(NamedTuple):
    host: Host
    outgoing: bool
    frames: list[KeptFrame]
    full: bool

class Watched:
    def __init__(self, engine: Engine) -> None: ...
    def __iter__(self) -> Iterator[WatchReport]: ...
    def __next__(self) -> WatchReport: ...

def crossings(engine: Engine) -> list[CrossingReport]: ...
def watched(engine: Engine) -> list[WatchReport]: ...
def full_audits(engine: Engine, limit: int = ...) -> list[AuditReport]: ...
def audit(engine: Engine, host: Host, outgoing: bool) -> AuditReport: ...
def rates(engine: Engine, host: Host, outgoing: bool) -> tuple[float, ...] | None: ...
