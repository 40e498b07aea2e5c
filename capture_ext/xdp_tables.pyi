from typing import Final

from capture_ext.totals import Totals
from capture_ext.xdp_program import XdpProgram

SAMPLE_EVERY: Final[int]
MISS_LIMIT: Final[int]
RING_BYTES: Final[int]

class MappedArray: ...

class KernelTables:
    program: XdpProgram
    slices: int
    def __init__(self, totals: Totals, action: int, snaplen: int) -> None: ...
    def frames(self) -> int: ...
    def strays(self) -> int: ...

class SliceTotals(Totals):
    def __init__(self, kernel: KernelTables, number: int) -> None: ...

def slices_needed(online: str) -> int: ...
