import os

from capture_ext.source import FrameSource

FAULTS: tuple[str, ...]

class PcapFile(FrameSource):
    def __init__(self, path: str | os.PathLike[str]) -> None: ...
