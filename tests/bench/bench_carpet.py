"""Ten thousand hosts attacked at once: how soon are the first and the last of them blackholed in the peer's kernel?

The daemon as it is run, with its limits raised, a mail server, its session to BIRD up.  Ten thousand hosts get
`HOST_PPS` packets a second each, five times their threshold, so that all of them cross within two ticks or three.  Both
times are from the first frame of the attack to a route in the kernel of BIRD's namespace, dated by `ip monitor`.  The
attack goes on for longer than that.  `loop_stall`: the longest time for which the daemon's event loop did nothing else
than one thing, by its own count.

`run_carpet` is one such run from nothing to nothing, for whoever compares; the pieces below serve another guard too.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from announcer.peers import Bird, Neighbour
from bench.blast import build
from bench.figures import Figure, Target
from bench.meters import resident_mib
from bench.priority import put_first
from lab import topology
from lab.flood import Flood, open_flood
from lab.guard import Guard, MailSink
from lab.namespaces import Lab, LabError
from lab.settings import LOCAL_AS, PEER_AS, mirror_settings
from lab.watch import RouteWatch, until

__all__ = ["FIGURES", "HOSTS", "HOST_PPS", "NETWORK", "THRESHOLD", "CarpetRun", "measure", "run_carpet", "start_carpet"]

HOSTS = 10_000
NETWORK, FIRST, LAST = "10.0.0.0/18", "10.0.0.1", "10.0.39.16"
FOREIGN = "198.18.0.0/15"
HOST_PPS, THRESHOLD = 20, 4
LIMIT = 20_000
RUNS = 3
FLOOD_SECONDS = 12.0
PATIENCE_SECONDS = 60.0
SETTLE_SECONDS = 1.5

FIGURES = (
    f"carpet_{HOSTS}_first_seconds",
    f"carpet_{HOSTS}_last_seconds",
    f"carpet_{HOSTS}_loop_stall_seconds",
    f"carpet_{HOSTS}_rss_mib",
)
TARGETS = {FIGURES[0]: Target(0.7, at_most=True), FIGURES[1]: Target(5.0, at_most=True)}
UNITS = dict(zip(FIGURES, ("s", "s", "s", "MiB"), strict=True))


@dataclass(frozen=True, slots=True)
class CarpetRun:
    """One run.

    Attributes:
        first, last: Seconds from the first frame to the first and to the last route in the peer's kernel.
        loop_stall: Longest stall of the event loop so far, in seconds.
        rss_mib: Resident memory of the daemon once all routes are out.
    """

    first: float
    last: float
    loop_stall: float
    rss_mib: float


def measure() -> Iterator[Figure]:
    """Run several times, each with a daemon of its own."""
    runs = [run_carpet() for _ in range(RUNS)]
    samples = zip(*((run.first, run.last, run.loop_stall, run.rss_mib) for run in runs), strict=True)
    for name, of_figure in zip(FIGURES, samples, strict=True):
        yield Figure(name, UNITS[name], tuple(of_figure), TARGETS.get(name))


def run_carpet() -> CarpetRun:
    """Attack all hosts once; everything is made for it and removed after it.

    Raises:
        LabError: If not every host was blackholed in a minute.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fnm-bench-")))
        lab = stack.enter_context(Lab(folder))
        network = topology.build(lab, mirror=False)
        Bird(lab, network.upstream, Neighbour(topology.UPSTREAM, topology.GUARD, PEER_AS, LOCAL_AS)).start()
        MailSink(lab, network.guard)
        guard = Guard(lab, network.guard, _settings())
        guard.start()
        if not until(lambda: all(peer["state"] == "up" for peer in guard.ask("peers")["peers"]), 20, 0.2):
            raise LabError(f"the BGP session did not come up: {guard.call('peers').stdout}")
        put_first([network.guard, network.upstream])
        time.sleep(SETTLE_SECONDS)
        return _attack(network, guard)


def start_carpet(network: topology.Network) -> Flood:
    """Attack all hosts, in turn, on the port that the guard listens on."""
    words = ["--interface", "mir0", "--mac", "02:00:00:00:00:99", "--source", FOREIGN]
    words += ["--destination", f"{FIRST}-{LAST}", "--pps", str(HOSTS * HOST_PPS), "--seconds", str(FLOOD_SECONDS)]
    return open_flood(network.router.command(build(), *words))


def _settings() -> dict[str, Any]:
    thresholds = {"incoming": {"pps": THRESHOLD}, "outgoing": {"pps": THRESHOLD}}
    settings = mirror_settings(
        networks=[NETWORK],
        never_ban=[],
        detection={"thresholds": thresholds},
        ban={"duration": "30m", "limits": {"active": LIMIT}},
    )
    settings["bgp"]["peers"]["upstream"]["max_routes"] = LIMIT
    return settings


def _attack(network: topology.Network, guard: Guard) -> CarpetRun:
    watch = RouteWatch(network.upstream)
    flood = start_carpet(network)
    try:
        done = until(lambda: len(watch.changes) >= HOSTS, PATIENCE_SECONDS, 0.05)
        stopped = time.time()
    finally:
        flood.close()
        watch.close()
    if not done:
        raise LabError(f"{len(watch.changes)} of {HOSTS} routes; the daemon said:\n{guard.log.read_text()[-2000:]}")
    assert guard.process
    times = [at for at, line in watch.changes if line.startswith("blackhole 10.0.") and at <= stopped]
    stall = guard.ask("status")["health"].get("loop_stall_max_us", 0) / 1e6
    first, last = min(times) - flood.first_frame, max(times) - flood.first_frame
    return CarpetRun(first, last, stall, resident_mib(guard.process.pid))
