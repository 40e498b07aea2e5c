"""A ban falls due: it goes on while its attack is seen, and ends when it is over."""

import time
from typing import TYPE_CHECKING

import pytest

from lab import topology
from lab.flood import start_flood
from lab.watch import until

if TYPE_CHECKING:
    from lab.conftest import Build, Site

pytestmark = [pytest.mark.netns, pytest.mark.timeout(180)]

BEFORE_THE_DROP = [{"source": "af_packet", "interfaces": ["mgmt0"]}]
SHORT = {"ban": {"duration": "3s"}, "detection": {"thresholds": {"incoming": {"pps": 1_000}}, "hold": "2s"}}
PPS = 20_000


def mirror_before_the_drop(up: "Site") -> None:
    """Copy what arrives at the upstream, before it looks at its routes, onto the guard's own link."""
    upstream = up.network.upstream
    upstream.run("tc", "qdisc", "add", "dev", "att1", "clsact")
    words = "tc filter add dev att1 ingress protocol all u32 match u32 0 0 action mirred egress mirror dev grd0"
    upstream.run(*words.split())


def extensions(up: "Site") -> int:
    """Give how often a ban was extended."""
    return up.guard.log.read_text().count("ban extended")


def test_a_ban_goes_on_while_its_attack_is_seen(site: "Build") -> None:
    """Seen before the drop, a flood keeps its route over several ban times without a gap; after it the route goes."""
    up = site(capture=BEFORE_THE_DROP, **SHORT)
    mirror_before_the_drop(up)
    flood = start_flood(up.network, topology.VICTIM, pps=PPS, seconds=100)
    try:
        announced = up.routes.wait(topology.VICTIM, present=True, after=flood.first_frame, seconds=30)
        assert announced
        assert until(lambda: extensions(up) >= 2, 40, 0.1)
    finally:
        over = time.time()
        flood.close()
    withdrawn = up.routes.wait(topology.VICTIM, present=False, after=announced, seconds=40)
    assert withdrawn is not None
    assert withdrawn > over, "the route went while the flood was there"
    assert until(lambda: up.guard.ask("bans")["bans"] == [], 30, 0.2)
    assert until(lambda: up.guard.ask("attacks")["attacks"][0]["ended"] is not None, 30, 0.2)
    assert len(up.guard.ask("attacks")["attacks"]) == 1


def test_a_ban_ends_when_due_if_its_attack_is_not_seen(site: "Build") -> None:
    """Behind the drop a blackholed flood is silence: the ban ends while the flood goes on, which brings the next."""
    up = site(**SHORT)
    flood = start_flood(up.network, topology.VICTIM, pps=PPS, seconds=100)
    try:
        first = up.routes.wait(topology.VICTIM, present=True, after=flood.first_frame, seconds=30)
        assert first
        gone = up.routes.wait(topology.VICTIM, present=False, after=first, seconds=40)
        assert gone
        assert up.routes.wait(topology.VICTIM, present=True, after=gone, seconds=30)
        assert flood.running()
    finally:
        flood.close()
    assert until(lambda: topology.VICTIM not in up.routes.blackholes(), 40, 0.2)
