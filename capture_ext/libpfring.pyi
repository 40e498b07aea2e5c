from typing import Final

MODULE_MISSING: Final[str]

class LibPfring:
    name: str
    def __init__(self, library: str | None = None) -> None: ...
    def probe_module(self) -> str: ...

def module_version() -> str: ...
