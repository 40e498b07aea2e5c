from collections.abc import Mapping
from pathlib import Path
from typing import Final

from capture_ext.libbpf import LibBpf

DROP: Final[int]
PASS: Final[int]
NATIVE: Final[int]
GENERIC: Final[int]
OBJECT: Final[Path]
CAPABILITIES: Final[str]
OLDEST: Final[str]

class XdpProgram:
    fd: int
    def __init__(self, library: LibBpf, entries: Mapping[str, int], constants: Mapping[str, int]) -> None: ...
    def attach(self, interface: int, mode: int) -> int: ...
    def take_over(self, link: int) -> None: ...
    def run(self, frame: bytes) -> int: ...

def load_error(number: int, entries: int, log: str, release: str | None = None) -> OSError: ...
