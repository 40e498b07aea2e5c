"""The lab for pytest: a network, an upstream and a guard, taken down after each test."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from announcer.peers import Bird, Frr, Neighbour
from lab import topology
from lab.bgp import BgpTap
from lab.guard import Guard, MailSink
from lab.namespaces import Lab
from lab.outpost import Outposts, outpost
from lab.settings import LOCAL_AS, PEER_AS, mirror_settings, router_settings
from lab.watch import RouteWatch, until

Speaker = type[Bird] | type[Frr]


@dataclass(slots=True)
class Site:
    """Everything of one lab that is up."""

    lab: Lab
    network: topology.Network
    upstream: Bird | Frr
    guard: Guard
    tap: BgpTap
    routes: RouteWatch
    sink: MailSink

    def wait_up(self) -> None:
        """Wait for the BGP session."""
        assert until(lambda: self.guard.ask("peers")["peers"][0]["state"] == "up", 30, 0.2), self.guard.log.read_text()


Build = Callable[..., Site]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Build]:
    """Give a function that builds a lab; what it built goes away after the test."""
    if os.geteuid() != 0:
        pytest.skip("needs root: builds network namespaces")
    with ExitStack() as stack:

        def build(speaker: Speaker = Bird, *, on_router: bool = False, **settings: Any) -> Site:
            # Low, because a busy machine sends and forwards only a part of the flood that is asked for.
            thresholds = {"incoming": {"pps": 8_000}, "outgoing": {"pps": 8_000}}
            settings.setdefault("detection", {"thresholds": thresholds})
            lab = stack.enter_context(Lab(tmp_path))
            network = topology.build(lab, mirror=not on_router)
            if on_router:
                ends, home = (topology.UPSTREAM_TO_ROUTER, "198.51.100.130"), network.router
                wanted = router_settings(["up0", "vic0", "nei0"], **settings)
            else:
                ends, home = (topology.UPSTREAM, topology.GUARD), network.guard
                wanted = mirror_settings(**settings)
            upstream = speaker(lab, network.upstream, Neighbour(*ends, PEER_AS, LOCAL_AS))
            upstream.start()
            tap = BgpTap(network.upstream, "rtr0" if on_router else "grd0")
            stack.callback(tap.close)
            routes = RouteWatch(network.upstream)
            stack.callback(routes.close)
            sink = MailSink(lab, home)
            guard = Guard(lab, home, wanted)
            guard.start()
            made = Site(lab, network, upstream, guard, tap, routes, sink)
            made.wait_up()
            return made

        yield build


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Outposts]:
    """Give a function that builds an outpost; it goes away after the test."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(outpost(tmp_path, **settings))
