"""Where one sensor is measured: a generator's wire into it, and BIRD as its BGP peer; all in namespaces of its own.

generator gen0 ── cap0 sensor mgmt0 ── grd0 upstream (BIRD)
"""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from announcer.peers import Bird, Neighbour
from bench.blast import build
from lab.flood import Flood
from lab.namespaces import Lab, Namespace
from lab.settings import LOCAL_AS, PEER_AS
from lab.topology import GUARD, UPSTREAM

__all__ = ["FOREIGN", "Load", "Sent", "Stage", "open_stage"]

FOREIGN = "198.18.0.0/15"
"""Sources of a load (RFC 2544)."""
MAC = "02:00:00:00:00:99"


@dataclass(frozen=True, slots=True)
class Load:
    """What a generator sends: frames of 60 bytes, UDP, random ports.

    Attributes:
        count: Frames, 0: by time alone.
        sources: Distinct sources, evenly out of `source`; 0: any.
        at_random: Destinations are drawn, or else take turns.
        xdp: Whether the kernel makes the frames: for rates above 250,000 a second.
    """

    destination: str
    pps: int
    source: str = FOREIGN
    count: int = 0
    seconds: float = 60
    sources: int = 0
    at_random: bool = True
    xdp: bool = False

    def words(self) -> list[str]:
        """Give the arguments of the generator, its seed aside."""
        words = ["--interface", "gen0", "--mac", MAC, "--source", self.source, "--destination", self.destination]
        words += ["--length", "60", "--pps", str(self.pps), "--count", str(self.count), "--seconds", str(self.seconds)]
        words += ["--sources", str(self.sources)] if self.sources else []
        return [*words, *["--random"] * self.at_random, *["--xdp"] * self.xdp]


@dataclass(frozen=True, slots=True)
class Sent:
    """What a generator sent, and what the sensor's interface had of it."""

    frames: int
    arrived: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Stage:
    """The namespaces around one sensor."""

    lab: Lab
    generator: Namespace
    sensor: Namespace
    upstream: Namespace
    bird: Bird

    def send(self, load: Load, seed: int = 1) -> Sent:
        """Send all of a load and wait for its end."""
        before = self.arrived()
        words = [*load.words(), "--seed", str(seed)]
        text = self.generator.run(build(), *words, timeout=load.seconds + 30)
        end = json.loads(text.splitlines()[-1])
        return Sent(end["sent"], self.arrived() - before, end["seconds"])

    def flood(self, load: Load) -> Flood:
        """Begin a load."""
        command = self.generator.command(build(), *load.words())
        return Flood(subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True))

    def arrived(self) -> int:
        """Give how many frames the sensor's interface has received."""
        return int(self.sensor.run("cat", "/sys/class/net/cap0/statistics/rx_packets"))


@contextmanager
def open_stage(name: str) -> Iterator[Stage]:
    """Build it, with BIRD running."""
    with tempfile.TemporaryDirectory(prefix="fnm-peers-") as folder, Lab(Path(folder)) as lab:
        generator, sensor, upstream = (lab.namespace(f"{name}-{part}") for part in ("gen", "sensor", "peer"))
        for namespace in (generator, sensor):
            namespace.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        lab.link(sensor, "cap0", generator, "gen0")
        sensor.run("ethtool", "-K", "cap0", "gro", "on")  # gives it NAPI; single UDP frames are not merged
        lab.link(sensor, "mgmt0", upstream, "grd0")
        sensor.ip("addr", "add", f"{GUARD}/30", "dev", "mgmt0")
        upstream.ip("addr", "add", f"{UPSTREAM}/30", "dev", "grd0")
        bird = Bird(lab, upstream, Neighbour(UPSTREAM, GUARD, PEER_AS, LOCAL_AS, families="4"))
        bird.start()
        yield Stage(lab, generator, sensor, upstream, bird)
