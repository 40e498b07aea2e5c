from capture_ext.source import FrameSource

class AfPacket(FrameSource):
    def __init__(
        self,
        interface: str,
        *,
        snaplen: int = 192,
        block_bytes: int = ...,
        blocks: int = 64,
        timeout_ms: int = 8,
        promiscuous: bool = True,
        fanout_group: int = 0,
        fanout_mode: str = "queue",
    ) -> None: ...
