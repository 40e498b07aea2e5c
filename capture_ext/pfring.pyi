from capture_ext.pfring_device import available
from capture_ext.source import FrameSource

__all__ = ["PfRing", "available"]

class PfRing(FrameSource):
    def __init__(
        self,
        device: str,
        *,
        snaplen: int = 192,
        promiscuous: bool = True,
        cluster: int = 0,
        cluster_type: str = "per_flow",
        library: str | None = None,
    ) -> None: ...
    def warnings(self) -> tuple[str, ...]: ...
