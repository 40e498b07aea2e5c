from collections.abc import Iterable, Sequence
from typing import TypeAlias

_Side: TypeAlias = Sequence[tuple[int, float]]

GROUP_LIMIT: int

def limit_in_window(column: int, threshold: float, window_ns: int) -> float: ...

class Limits:
    def __init__(
        self,
        window_ns: int,
        groups: Sequence[tuple[_Side, _Side]],
        ranges: Iterable[tuple[int, int, int, int]],
    ) -> None: ...
    def find(self, family: int, address: int) -> int: ...
