import os

from capture_ext.source import FrameSource

class PcapFile(FrameSource):
    def __init__(self, path: str | os.PathLike[str], *, follow: bool = False) -> None: ...
