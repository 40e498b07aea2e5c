"""A guard on one silent wire, for what goes wrong on a machine rather than in a network: no router, no victim.

    sender gen0 ── cap0 guard mgmt0 ── guard0 peer

Nothing crosses the wire but what a test sends, so every packet can be accounted for.
"""

import os
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from announcer.peers import Bird, Neighbour
from bench.blast import build
from lab import topology
from lab.flood import Flood
from lab.guard import Guard
from lab.namespaces import Lab, Namespace
from lab.settings import LOCAL_AS, PEER_AS, mirror_settings
from lab.watch import until

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SPARE", "Outpost", "Outposts", "outpost"]

SPARE = "203.0.113.99"
"""A host of ours that nobody floods."""
MAC = "02:00:00:00:00:99"


@dataclass(slots=True)
class Outpost:
    """Guard, sender and peer, each in its namespace."""

    lab: Lab
    home: Namespace
    sender: Namespace
    guard: Guard
    bird: Bird | None

    def send(self, destination: str, *, pps: int, seconds: float) -> Flood:
        """Send packets to a host or a range, each destination in turn; the run ends by itself."""
        source = "2001:db8:51:1:f::/80" if ":" in destination else "198.18.0.0/16"
        words = ["--interface", "gen0", "--mac", MAC, "--source", source, "--destination", destination]
        command = self.sender.command(build(), *words, "--pps", str(pps), "--seconds", str(seconds))
        return Flood(subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True))

    def line(self, *words: str) -> str:
        """Run a command and give what it prints, standard error included."""
        done = self.guard.call(*words)
        return f"{done.stdout}{done.stderr}"

    def log(self) -> str:
        """Give what the daemon has printed."""
        return self.guard.log.read_text() if self.guard.log.exists() else ""

    def wait_up(self) -> None:
        """Wait for the BGP session."""
        assert until(lambda: self.guard.ask("peers")["peers"][0]["state"] == "up", 60, 0.2), self.log()

    def wait_route(self, host: str) -> None:
        """Wait until the peer has the route of a host."""
        bird = self.bird
        assert bird
        assert until(lambda: f"{host}/32" in bird.routes(), 30, 0.1), self.log()

    def processes(self) -> list[int]:
        """Give the processes that were started with the files of this guard, ExaBGP and bridge among them."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if os.fsencode(self.lab.folder / "run") in entry.read_bytes():
                    found.append(int(entry.parent.name))
        return found

    def traffic(self) -> dict[str, Any]:
        """Give the totals of every direction, and what was received and dropped."""
        return dict(self.guard.ask("top", "--once")["traffic"])


Outposts = Callable[..., Outpost]
"""Builds an outpost with sections of the configuration in place of the usual ones, as `outpost` does."""


@contextmanager
def outpost(folder: Path, *, peer_as: int | None = PEER_AS, **settings: Any) -> "Iterator[Outpost]":
    """Build it; the guard is not started.  All of it goes away at the end.

    Args:
        folder: For everything that is written.
        peer_as: The AS number that BIRD says it is; None: nobody listens at the peer.
        settings: Sections of the configuration in place of the usual ones.
    """
    with ExitStack() as stack:
        lab = stack.enter_context(Lab(folder))
        home, sender, peer = (lab.namespace(name) for name in ("home", "sender", "peer"))
        for namespace in (home, sender):
            namespace.run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        lab.link(home, "cap0", sender, "gen0")
        lab.link(home, "mgmt0", peer, "guard0")
        home.ip("addr", "add", f"{topology.GUARD}/30", "dev", "mgmt0")
        peer.ip("addr", "add", f"{topology.UPSTREAM}/30", "dev", "guard0")
        bird = None
        if peer_as is not None:
            bird = Bird(lab, peer, Neighbour(topology.UPSTREAM, topology.GUARD, peer_as, LOCAL_AS))
            bird.start()
        plain = mirror_settings(capture=[{"source": "af_packet", "interfaces": ["cap0"]}])
        yield Outpost(lab, home, sender, Guard(lab, home, {**plain, **settings}), bird)
