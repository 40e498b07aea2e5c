"""What a user has without any sensor: tcpdump, and a program that counts through libpcap and does nothing else."""

import re
import signal
import subprocess
import time
from pathlib import Path

from bench.peers.sensors import Process
from bench.peers.stage import Stage
from lab.namespaces import LabError
from lab.watch import until

__all__ = ["CountPcap", "Tcpdump"]

RING_KIB = 262_144
"""As large as FastNetMon's ring."""
SOURCE = Path(__file__).with_name("count_pcap.c")
BUILT = Path(__file__).resolve().parents[3] / "build" / "count_pcap"
ANSWER_SECONDS = 60.0


class _Counter:
    """A program that says how many packets it captured when it gets SIGUSR1."""

    name: str
    ready: str

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._process: Process | None = None
        self._log = stage.lab.folder / f"{self.name}.log"

    @property
    def process(self) -> Process:
        """The running program."""
        assert self._process
        return self._process

    def start(self) -> None:
        """Start it and wait until it captures."""
        self._process = self.stage.lab.start(self.stage.sensor, *self._command(), log=self._log.name)
        if not until(lambda: self.ready in self._log.read_text(), ANSWER_SECONDS, 0.1):
            raise LabError(f"{self.name} did not start:\n{self._log.read_text()}")

    def stop(self) -> None:
        """Stop it."""
        self.stage.lab.stop(self.process)

    def counted(self) -> int:
        """Ask it."""
        answers = self._answers()
        self.process.send_signal(signal.SIGUSR1)
        end = time.monotonic() + ANSWER_SECONDS
        while len(self._answers()) == len(answers):
            if time.monotonic() > end:
                raise LabError(f"{self.name} does not say how many packets it captured")
            time.sleep(0.02)
        return self._answers()[-1]

    def _answers(self) -> list[int]:
        return [int(number) for number in re.findall(r"(\d+) packets captured", self._log.read_text())]

    def _command(self) -> list[str]:
        raise NotImplementedError


class Tcpdump(_Counter):
    """Tcpdump, writing 96 bytes of each packet to nowhere."""

    name, ready = "tcpdump", "listening on"

    def _command(self) -> list[str]:
        return ["tcpdump", "-Z", "root", "-i", "cap0", "-s", "96", "-B", str(RING_KIB), "-w", "/dev/null"]


class CountPcap(_Counter):
    """A loop over libpcap that counts."""

    name, ready = "libpcap", "ready"

    def _command(self) -> list[str]:
        if not BUILT.exists() or BUILT.stat().st_mtime < SOURCE.stat().st_mtime:
            BUILT.parent.mkdir(exist_ok=True)
            subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", BUILT, SOURCE, "-lpcap"], check=True)
        return [str(BUILT), "cap0", str(RING_KIB)]
