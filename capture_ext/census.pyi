from collections.abc import Iterator
from typing import NamedTuple

from capture_ext.engine import Engine
from capture_ext.reports import Host

class SideReport(NamedTuple):
    packets: tuple[int, int, int, int, int, int]
    bytes: int

class CourseReport(NamedTuple):
    packets: int
    bytes: int
    pps: float
    bps: float

class HealthReport(NamedTuple):
    windows: int
    windows_refused: int
    crossings_postponed: int
    crossings_windowless: int
    audits: int
    audits_refused: int
    ipv6_entered: int
    ipv6_evicted: int
    ipv6_refused: int
    flows_missed: int
    tunnels_opened: int
    tunnels_unread: int
    tunnels_too_deep: int
    clock_stopped: int
    lateness_ns: int
    ticks_late_5ms: int
    ticks_late_50ms: int
    ticks_late_500ms: int

def top(engine: Engine, column: int, outgoing: bool, count: int) -> list[Host]: ...
def hosts(engine: Engine) -> Iterator[tuple[Host, SideReport, SideReport]]: ...
def courses(engine: Engine) -> list[CourseReport]: ...
def frames(engine: Engine) -> tuple[int, dict[str, int]]: ...
def internal_destinations(engine: Engine, count: int) -> list[tuple[Host, int]]: ...
def health(engine: Engine) -> HealthReport: ...
