"""An engine that counts in the kernel, and frames put through the program by hand, without an interface."""

from capture.lane import Lane
from capture_ext.engine import EngineSizes
from capture_ext.xdp import Xdp
from capture_ext.xdp_links import XdpLinks
from capture_ext.xdp_worker import XdpWorker, add_xdp

SHORTEST = 14
ROUND = 64


class KernelLane(Lane):
    """A lane with the program beside its workers."""

    def __init__(
        self,
        *networks: str,
        count_internal: bool = False,
        sizes: EngineSizes | None = None,
        role: str = "mirror",
        snaplen: int = 256,
        incoming: "tuple[tuple[int, float], ...]" = (),
    ) -> None:
        super().__init__(*networks, incoming=incoming, sizes=sizes, workers=0)
        self.source = Xdp("nowhere0", XdpLinks(), role=role, snaplen=snaplen)
        self.worker: XdpWorker = add_xdp(self.engine, self.source, count_internal)
        self.actions: set[int] = set()

    def put(self, frames: "list[bytes]") -> None:
        """Count frames of 14 bytes and more in the kernel, on one CPU, with a look at the ring in between."""
        program = self.worker.tables().program
        for number, frame in enumerate(frames):
            self.actions.add(program.run(frame))
            if number % ROUND == 0:
                self.worker.drain()
        self.worker.drain()
