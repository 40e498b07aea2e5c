from collections.abc import Sequence

from capture_ext.source import FrameSource

class MemoryFrames(FrameSource):
    def __init__(
        self,
        frames: Sequence[tuple[int, bytes]],
        *,
        link_type: int = ...,
        stripped_tag: int = ...,
        rounds: int = ...,
        stride: int = ...,
        failure: str = ...,
    ) -> None: ...
