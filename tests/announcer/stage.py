"""What the tests of a real session say often: the addresses, a profile, a route, an announcer that is up."""

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netaddr import IPAddress, IPNetwork

from fnm_guard.announcer.announcer import Announcer
from fnm_guard.announcer.child import read_record, start_time
from fnm_guard.announcer.settings import AnnouncerSettings
from fnm_guard.core.model import Route
from fnm_guard.core.policy import PeerProfile

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator, Callable

    from fnm_guard.announcer.peers import PeerState
    from lab.namespaces import Lab, Namespace

__all__ = [
    "GUARD",
    "GUARD6",
    "OTHER",
    "OTHER_GUARD",
    "PEER",
    "PEER6",
    "Stage",
    "eventually",
    "profile",
    "route",
    "routes",
]

PEER, PEER6 = "198.51.100.193", "2001:db8:51:3::1"
GUARD, GUARD6 = "198.51.100.194", "2001:db8:51:3::2"
OTHER, OTHER_GUARD = "198.51.100.197", "198.51.100.198"
"""A second peer, and the guard as it sees it."""


def profile(name: str = "upstream", **changes: Any) -> PeerProfile:
    """Give the profile of the peer that the stage has, for both families."""
    plain = PeerProfile(
        name=name,
        address=IPAddress(PEER),
        remote_as=64500,
        local_as=64512,
        router_id=IPAddress("198.51.100.2"),
        next_hop_ipv4=IPAddress("192.0.2.1"),
        next_hop_ipv6=IPAddress("100::1"),
    )
    return replace(plain, **changes)


def route(host: str, *communities: str, large: tuple[str, ...] = ()) -> Route:
    """Give the blackhole route of a host."""
    prefix = IPNetwork(host)
    hop = IPAddress("192.0.2.1" if prefix.version == 4 else "100::1")
    return Route(prefix, hop, communities or ("65535:666", "no-export"), large)


def routes(*hosts: str) -> dict[str, frozenset[Route]]:
    """Give what the peer `upstream` should hear when these hosts are banned."""
    return {"upstream": frozenset(route(host) for host in hosts)}


async def eventually(claim: "Callable[[], object]", what: str = "", seconds: float = 20.0) -> None:
    """Wait until the claim holds, letting the loop run; an AssertionError if it does not in time."""
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, what or "did not happen in time"
        await asyncio.sleep(0.01)


@dataclass(slots=True)
class Stage:
    """Guard and peer, each in its namespace."""

    lab: "Lab"
    guard: "Namespace"
    peer: "Namespace"
    heard: "list[PeerState]" = field(default_factory=list)

    def other(self) -> "Namespace":
        """Make a second peer's namespace."""
        made = self.lab.namespace(f"{self.peer.name.rpartition('-')[2]}o")
        self.lab.link(self.guard, "other0", made, "guard0")
        self.guard.ip("address", "add", f"{OTHER_GUARD}/30", "dev", "other0")
        made.ip("address", "add", f"{OTHER}/30", "dev", "guard0")
        return made

    def daemon(self, *hosts: str) -> "subprocess.Popen[bytes]":
        """Start a daemon of its own in the guard's namespace that wants these hosts blackholed."""
        root = Path(__file__).resolve().parents[2]
        environment = {"PYTHONPATH": f"{root}:{root / 'tests'}"}
        words = [sys.executable, str(Path(__file__).with_name("daemon.py")), str(self.settings().runtime), *hosts]
        return self.lab.start(self.guard, *words, log="daemon.log", environment=environment)

    def exabgp(self) -> int:
        """Give the pid of the ExaBGP that runs; 0 while there is none."""
        record = read_record(self.settings().record)
        return record.pid if record and start_time(record.pid) == record.started else 0

    def bridge(self) -> int:
        """Give the pid of its bridge; 0 while there is none."""
        pid = self.exabgp()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if pid else []
        return int(children[0]) if children else 0

    def watch_kernel(self) -> "Callable[[], list[str]]":
        """Watch the peer's kernel; what is given tells which routes it has removed since."""
        self.lab.start(self.peer, "ip", "monitor", "route", log="monitor.log")
        log = self.lab.folder / "monitor.log"
        return lambda: [line for line in log.read_text().splitlines() if line.startswith("Deleted")]

    def settings(self, **changes: Any) -> AnnouncerSettings:
        """Give settings with a runtime folder of this stage's own."""
        return replace(AnnouncerSettings(runtime=self.lab.folder / "run"), **changes)

    @contextlib.asynccontextmanager
    async def announcer(self, *peers: PeerProfile, **changes: Any) -> "AsyncIterator[Announcer]":
        """Run an announcer for these peers, and stop it with its ExaBGP."""
        made = Announcer(self.settings(**changes), peers or (profile(),), self.heard.append)
        await made.start()
        try:
            yield made
        finally:
            await made.close()
