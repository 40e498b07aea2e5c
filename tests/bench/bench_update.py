"""How long it takes from the first frame of an attack to the UPDATE at the peer.

The network of tests/lab: the attacker floods a host behind the router, the daemon sees it on the mirror port and tells
ExaBGP, and the UPDATE is dated where it reaches BIRD's namespace.  The threshold is 20,000 packets/s.  The session
stays up; every run takes another host.  Its neighbour entry on the router leads nowhere, so that no machine of the lab
spends time on answers.  `crossing`: when the engine saw it.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from announcer.peers import Bird, Neighbour
from bench.figures import Figure, Target
from bench.priority import put_first
from lab import topology
from lab.bgp import BgpTap
from lab.flood import start_flood
from lab.guard import Guard, MailSink
from lab.namespaces import Lab, LabError
from lab.settings import LOCAL_AS, PEER_AS, mirror_settings
from lab.watch import until

__all__ = ["FIGURES", "measure"]

THRESHOLD = 20_000
RUNS = {5.0: 20, 1.25: 6}
TARGETS = {5.0: Target(0.28, at_most=True), 1.25: Target(0.9, at_most=True)}
VICTIMS = {f"203.0.113.{number}": "vic0" for number in range(2, 31)}
VICTIMS |= {f"203.0.113.{number}": "nei0" for number in range(34, 62)}
NOWHERE = "02:00:00:00:00:66"
FLOOD_WINDOWS = 3.0
"""Length of a flood, in times of what brings the window to the threshold."""
PATIENCE_SECONDS = 5.0
QUIET_SECONDS = 1.3
"""Between two runs: longer than the window."""
FLOOD_SHARE = 0.9
"""A flood that was slower than this part of what it should be is measured again."""

FIGURES = tuple(f"{name}_seconds_{times:g}x" for times in RUNS for name in ("update", "crossing"))


@dataclass(frozen=True, slots=True)
class Site:
    """What a run needs."""

    network: topology.Network
    guard: Guard
    tap: BgpTap


@dataclass(frozen=True, slots=True)
class Run:
    """One attack; wall times in seconds."""

    host: str
    first_frame: float
    update: float


def measure() -> Iterator[Figure]:
    """Time attacks of 5 and of 1.25 times the threshold."""
    victims = iter(VICTIMS)
    with _site() as site:
        for times, count in RUNS.items():
            runs = [_attack(site, victims, times) for _ in range(count)]
            detected = _crossings(site.guard)
            updates = tuple(run.update - run.first_frame for run in runs)
            crossings = tuple(detected[run.host] - run.first_frame for run in runs)
            yield Figure(f"update_seconds_{times:g}x", "s", updates, TARGETS[times])
            yield Figure(f"crossing_seconds_{times:g}x", "s", crossings)


@contextmanager
def _site() -> Iterator[Site]:
    """Give the lab with its session up."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fnm-bench-")))
        lab = stack.enter_context(Lab(folder))
        network = topology.build(lab)
        for host, interface in VICTIMS.items():
            network.router.ip("neigh", "replace", host, "lladdr", NOWHERE, "dev", interface, "nud", "permanent")
        Bird(lab, network.upstream, Neighbour(topology.UPSTREAM, topology.GUARD, PEER_AS, LOCAL_AS)).start()
        tap = BgpTap(network.upstream, "grd0")
        stack.callback(tap.close)
        MailSink(lab, network.guard)
        guard = Guard(lab, network.guard, _settings())
        guard.start()
        if not until(lambda: all(peer["state"] == "up" for peer in guard.ask("peers")["peers"]), 20, 0.2):
            raise LabError(f"the BGP session did not come up: {guard.call('peers').stdout}")
        put_first([network.guard, network.upstream])
        yield Site(network, guard, tap)


def _settings() -> dict[str, Any]:
    thresholds = {"incoming": {"pps": THRESHOLD}, "outgoing": {"pps": THRESHOLD}}
    return mirror_settings(detection={"thresholds": thresholds})


def _attack(site: Site, victims: Iterator[str], times: float) -> Run:
    """Flood the next victim; a flood that the machine could not send as it should is told and not used."""
    for host in victims:
        time.sleep(QUIET_SECONDS + random.random() * 0.1)  # any phase of tick and block
        run, share = _flood(site, host, times)
        if share >= FLOOD_SHARE:
            return run
        print(f"    {host}: the flood reached {share:.0%} of its rate, not used")  # noqa: T201
    raise LabError("too many floods were slower than they should be; is the machine busy?")


def _flood(site: Site, host: str, times: float) -> tuple[Run, float]:
    """Give a run, and which part of its rate the flood reached."""
    pps, seconds = int(THRESHOLD * times), FLOOD_WINDOWS / times
    flood = start_flood(site.network, host, pps=pps, seconds=seconds)
    try:
        update = site.tap.wait(host, announced=True, after=flood.first_frame, seconds=PATIENCE_SECONDS)
        sent = flood.wait()
    finally:
        flood.close()
    if update is None:
        raise LabError(f"no UPDATE for {host}; the daemon said:\n{site.guard.log.read_text()[-2000:]}")
    return Run(host, flood.first_frame, update.at), sent / (pps * seconds)


def _crossings(guard: Guard) -> dict[str, float]:
    """Give the wall time at which each host was seen to be attacked."""
    attacks = guard.ask("attacks", "--limit", "100")["attacks"]
    return {attack["host"]: datetime.fromisoformat(attack["detected"]).timestamp() for attack in attacks}
