"""A bounded flood in the lab."""

import json
import subprocess
from typing import TYPE_CHECKING

from bench.blast import build
from lab import topology

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.namespaces import Namespace

__all__ = ["Flood", "open_flood", "start_flood"]


class Flood:
    """Packets that are being sent until the flood is closed or its time is over; it ends by itself.

    Attributes:
        first_frame: Wall time of its first frame, in seconds.
    """

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert process.stdout
        self.first_frame = json.loads(process.stdout.readline())["wall_ns"] / 1e9

    def wait(self) -> int:
        """Let it run to its end and give how many frames it sent."""
        output, _ = self._process.communicate(timeout=60)
        return int(json.loads(output.splitlines()[-1])["sent"])

    def stop(self) -> int:
        """End it now and give how many frames it sent."""
        self._process.terminate()
        return self.wait()

    def running(self) -> bool:
        """Tell whether it goes on."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it, if it has not ended; safe to call twice."""
        if self._process.poll() is None:
            self._process.terminate()
        if self._process.stdout and not self._process.stdout.closed:
            self._process.communicate(timeout=10)


def start_flood(
    network: topology.Network,
    destination: str,
    *,
    pps: int,
    seconds: float,
    source: str = "",
    sender: "Namespace | None" = None,
    protocol: str = "udp",
) -> Flood:
    """Flood `destination` from the attacker with random sources, or with those of the range `source`."""
    source = source or ("2001:db8:51:1:f::/80" if ":" in destination else "198.18.0.0/16")
    words = {
        "--interface": "att0",
        "--mac": network.next_hop_mac(),
        "--source": source,
        "--destination": destination,
        "--pps": str(pps),
        "--seconds": str(seconds),
        "--protocol": protocol,
    }
    command = (sender or network.attacker).command(build(), *(word for pair in words.items() for word in pair))
    return open_flood(command)


def open_flood(command: "Sequence[str]") -> Flood:
    """Start the generator with this command line."""
    return Flood(subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True))
