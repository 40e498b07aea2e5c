"""Another configuration while the announcer runs, and an ExaBGP that is a service of its own."""

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from netaddr import IPAddress

from announcer.peers import Bird, Neighbour
from announcer.stage import GUARD, OTHER, OTHER_GUARD, PEER, eventually, profile, routes
from fnm_guard.announcer.configuration import build_environment
from fnm_guard.announcer.errors import AnnouncerError

if TYPE_CHECKING:
    import subprocess

    from announcer.stage import Stage

pytestmark = pytest.mark.netns

HOST, HOST6 = "203.0.113.7/32", "2001:db8:113::7/128"
SECOND = profile("second", address=IPAddress(OTHER), remote_as=64501)


def _birds(stage: "Stage") -> tuple[Bird, Bird]:
    birds = (
        Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD)),
        Bird(stage.lab, stage.other(), Neighbour(OTHER, OTHER_GUARD, local_as=64501)),
    )
    for bird in birds:
        bird.start()
    return birds


async def test_a_peer_comes_and_another_goes(stage: "Stage") -> None:
    """A new peer hears what is wanted of it; one that goes has its routes taken back, graceful restart or not."""
    first, second = _birds(stage)
    wanted = {**routes(HOST, HOST6), "second": routes(HOST)["upstream"]}
    async with stage.announcer() as announcer:
        announcer.want(wanted)
        await eventually(lambda: first.kernel_routes() == {HOST, HOST6})
        await eventually(lambda: announcer.peers()[0].state == "up")
        removed = stage.watch_kernel()
        await announcer.reconfigure((profile(), SECOND))
        await eventually(lambda: second.kernel_routes() == {HOST})
        await eventually(lambda: announcer.peers()[0].state == "up")
        assert not removed(), "graceful restart leaves no hole"
        assert [state.name for state in announcer.peers()] == ["upstream", "second"]
        await eventually(lambda: announcer.announced() == wanted)
        await announcer.reconfigure((SECOND,))
        await eventually(lambda: first.kernel_routes() == set())
        await eventually(lambda: announcer.announced() == {"second": wanted["second"]})
        assert second.kernel_routes() == {HOST}


async def test_all_peers_go_and_come(stage: "Stage") -> None:
    """Without peers there is nothing to announce, and nobody has a route; with them again, all is as before."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer() as announcer:
        announcer.want(routes(HOST))
        await eventually(lambda: bird.kernel_routes() == {HOST})
        await announcer.reconfigure(())
        await eventually(lambda: bird.kernel_routes() == set())
        assert announcer.peers() == ()
        await announcer.reconfigure((profile(),))
        await eventually(lambda: bird.kernel_routes() == {HOST})


async def test_what_exabgp_need_not_know_costs_no_session(stage: "Stage") -> None:
    """Communities and limits are ours alone: ExaBGP runs on."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer() as announcer:
        announcer.want(routes(HOST))
        await eventually(lambda: bird.kernel_routes() == {HOST})
        exabgp = stage.exabgp()
        await announcer.reconfigure((profile(communities=("65535:666", "64500:9"), max_routes=10),))
        announcer.want(routes(HOST, HOST6))
        await eventually(lambda: bird.kernel_routes() == {HOST, HOST6})
        assert stage.exabgp() == exabgp


async def test_a_configuration_that_exabgp_refuses(stage: "Stage") -> None:
    """The old configuration stays, with its session and its routes, and the error names what is wrong."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer() as announcer:
        announcer.want(routes(HOST))
        await eventually(lambda: bird.kernel_routes() == {HOST} and announcer.peers()[0].state == "up")
        with pytest.raises(AnnouncerError, match="does not take its configuration: holdtime must be"):
            await announcer.reconfigure((profile(hold_seconds=2),))
        with pytest.raises(AnnouncerError, match="without quotes"):
            await announcer.reconfigure((profile(password="it's"),))
        announcer.want(routes(HOST, HOST6))
        await eventually(lambda: bird.kernel_routes() == {HOST, HOST6})
        assert announcer.peers()[0].state == "up"


async def test_a_peer_says_why_it_leaves(stage: "Stage") -> None:
    """The text that a peer gives with its shutdown (RFC 9003) stands in the reason."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer() as announcer:
        await eventually(lambda: announcer.peers()[0].state == "up")
        bird.ask("disable", "guard", '"back at six"')
        await eventually(lambda: announcer.peers()[0].state == "down")
        await asyncio.sleep(2)  # it is tried again meanwhile, and refused without a word
        reason = announcer.peers()[0].reason
        assert "administratively shut down" in reason
        assert "back at six" in reason
        bird.ask("enable", "guard")
        await eventually(lambda: announcer.peers()[0].state == "up")
        assert announcer.peers()[0].reason == ""


def _service(stage: "Stage") -> "subprocess.Popen[bytes]":
    settings = stage.settings(managed=False)
    program = Path(sys.executable).with_name("exabgp")
    environment = build_environment(settings, dict(os.environ))
    return stage.lab.start(stage.guard, program, settings.configuration, log="service.log", environment=environment)


async def test_exabgp_as_a_service(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """An ExaBGP that others run is told its routes, is missed when it is gone, and survives our stop without routes."""
    monkeypatch.setattr("fnm_guard.announcer.supervisor.RETURN_SECONDS", 0.3)
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer(managed=False) as announcer:
        announcer.want(routes(HOST))
        await eventually(lambda: announcer.peers()[0].reason.startswith("no bridge"))
        service = _service(stage)
        await eventually(lambda: bird.kernel_routes() == {HOST})
        service.kill()
        service.wait()
        await eventually(lambda: announcer.peers()[0].reason.startswith("no bridge"))
        assert announcer.announced() == {"upstream": frozenset()}
        service = _service(stage)
        await eventually(lambda: announcer.announced() == routes(HOST) and announcer.peers()[0].state == "up")
    await eventually(lambda: bird.kernel_routes() == set())
    assert service.poll() is None
