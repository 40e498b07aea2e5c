"""Whatever dies in the middle, the routes at the peer end up right."""

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest

from announcer.peers import Bird, Frr, Neighbour
from announcer.stage import GUARD, PEER, eventually, profile, routes

if TYPE_CHECKING:
    from announcer.stage import Stage

pytestmark = pytest.mark.netns

OLD, NEW, HOST6 = "203.0.113.7/32", "203.0.113.8/32", "2001:db8:113::7/128"


@pytest.mark.parametrize("speaker", [Bird, Frr])
async def test_exabgp_is_killed(stage: "Stage", speaker: "type[Bird | Frr]") -> None:
    """ExaBGP dies: with graceful restart no route leaves the peer's kernel but the one that is not wanted any more."""
    peer = speaker(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    peer.start()
    async with stage.announcer() as announcer:
        announcer.want(routes(OLD, NEW, HOST6))
        await eventually(lambda: peer.kernel_routes() == {OLD, NEW, HOST6})
        await eventually(lambda: peer.established() and announcer.peers()[0].state == "up")
        removed = stage.watch_kernel()
        killed = stage.exabgp()
        os.kill(killed, signal.SIGKILL)
        announcer.want(routes(NEW, HOST6))
        await eventually(lambda: announcer.peers()[0].state == "down", "the state tells that there is no exabgp")
        assert "exabgp ended" in announcer.peers()[0].reason
        await eventually(lambda: peer.kernel_routes() == {NEW, HOST6})
        await eventually(lambda: announcer.peers()[0].state == "up" and stage.exabgp() not in (0, killed))
        assert [line.split()[2] for line in removed()] == [OLD.removesuffix("/32")]


async def test_exabgp_is_killed_without_graceful_restart(stage: "Stage") -> None:
    """ExaBGP dies and the peer keeps nothing: all that is wanted is announced again."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer(profile(graceful_restart_seconds=0)) as announcer:
        announcer.want(routes(OLD, HOST6))
        await eventually(lambda: bird.kernel_routes() == {OLD, HOST6})
        os.kill(stage.exabgp(), signal.SIGKILL)
        await eventually(lambda: bird.kernel_routes() == set())
        await eventually(lambda: bird.kernel_routes() == {OLD, HOST6})


@pytest.mark.parametrize("wanted", [OLD, NEW])
async def test_exabgp_hangs(stage: "Stage", monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    """ExaBGP is there and says nothing, with something to say or without: it is replaced, and the routes are right."""
    monkeypatch.setattr("fnm_guard.announcer.link.ANSWER_SECONDS", 0.5)
    monkeypatch.setattr("fnm_guard.announcer.session.PROBE_SECONDS", 0.5)
    monkeypatch.setattr("fnm_guard.announcer.supervisor.RETURN_SECONDS", 0.5)
    monkeypatch.setattr("fnm_guard.announcer.child.TERMINATE_SECONDS", 0.5)
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer() as announcer:
        announcer.want(routes(OLD))
        await eventually(lambda: bird.kernel_routes() == {OLD})
        stopped = stage.exabgp()
        os.kill(stopped, signal.SIGSTOP)
        announcer.want(routes(wanted))
        await eventually(lambda: stage.exabgp() not in (0, stopped))
        await eventually(lambda: bird.kernel_routes() == {wanted} and announcer.announced() == routes(wanted))


async def test_bridge_is_killed(stage: "Stage") -> None:
    """The bridge dies: ExaBGP starts another, no session is lost, and what was wanted meanwhile is announced."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer() as announcer:
        announcer.want(routes(OLD, HOST6))
        await eventually(lambda: bird.kernel_routes() == {OLD, HOST6})
        await eventually(lambda: announcer.peers()[0].state == "up")
        stage.heard.clear()
        exabgp, bridge = stage.exabgp(), stage.bridge()
        os.kill(bridge, signal.SIGKILL)
        announcer.want(routes(NEW, HOST6))
        await eventually(lambda: bird.kernel_routes() == {NEW, HOST6})
        assert stage.exabgp() == exabgp
        assert stage.bridge() != bridge
        assert all(state.state == "up" for state in stage.heard)


async def test_bridge_is_killed_while_much_is_asked(stage: "Stage") -> None:
    """Answers to a bridge that is dead are never taken for answers to the next one."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    hosts = [f"10.0.{number >> 8}.{number & 255}/32" for number in range(1000)]
    async with stage.announcer() as announcer:
        await eventually(lambda: announcer.peers()[0].state == "up")
        announcer.want(routes(*hosts))
        await eventually(lambda: len(announcer.announced()["upstream"]) > 0 or announcer.peers()[0].announced > 0)
        os.kill(stage.bridge(), signal.SIGKILL)
        await eventually(lambda: len(bird.kernel_routes()) == 1000)
        await eventually(lambda: announcer.announced() == routes(*hosts))
        announcer.want(routes(*hosts[500:]))
        await eventually(lambda: bird.kernel_routes() == set(hosts[500:]))


async def test_daemon_is_killed(stage: "Stage") -> None:
    """The daemon dies: its routes stay; the next one adopts the same ExaBGP and takes back what is wanted no more."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    daemon = stage.daemon(OLD, HOST6)
    await eventually(lambda: bird.kernel_routes() == {OLD, HOST6})
    daemon.kill()
    daemon.wait()
    exabgp = stage.exabgp()
    assert exabgp
    removed = stage.watch_kernel()
    await asyncio.sleep(0.5)
    assert bird.kernel_routes() == {OLD, HOST6}
    async with stage.announcer() as announcer:
        announcer.want(routes(NEW, HOST6))
        await eventually(lambda: bird.kernel_routes() == {NEW, HOST6})
        await eventually(lambda: announcer.peers()[0].state == "up")
        assert stage.exabgp() == exabgp, "the same ExaBGP goes on"
        assert len(removed()) == 1
    await eventually(lambda: bird.kernel_routes() == set())
    assert stage.exabgp() == 0


async def test_daemon_is_killed_and_the_configuration_changes(stage: "Stage") -> None:
    """An ExaBGP of another configuration is ended before ours is started; with graceful restart without a hole."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    daemon = stage.daemon(OLD, HOST6)
    await eventually(lambda: bird.kernel_routes() == {OLD, HOST6})
    await eventually(bird.established)
    daemon.kill()
    daemon.wait()
    exabgp = stage.exabgp()
    removed = stage.watch_kernel()
    async with stage.announcer(profile(hold_seconds=30)) as announcer:
        announcer.want(routes(OLD, HOST6))
        await eventually(lambda: announcer.announced() == routes(OLD, HOST6) and announcer.peers()[0].state == "up")
        assert stage.exabgp() not in (0, exabgp)
        assert not removed()


async def test_daemon_was_killed_before_it_knew_the_pid(stage: "Stage") -> None:
    """A record that says only that a start was tried is enough to find the ExaBGP that was started."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    daemon = stage.daemon(OLD)
    await eventually(lambda: bird.kernel_routes() == {OLD})
    daemon.kill()
    daemon.wait()
    exabgp = stage.exabgp()
    stage.settings().record.write_text('{"pid": 0, "started": 0, "digest": ""}')
    async with stage.announcer() as announcer:
        announcer.want(routes(OLD, NEW))
        await eventually(lambda: bird.kernel_routes() == {OLD, NEW})
        assert stage.exabgp() == exabgp


async def test_stop_may_keep_the_routes(stage: "Stage") -> None:
    """`on_stop: keep` leaves ExaBGP and its routes; the next daemon goes on with both."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer(on_stop="keep") as announcer:
        announcer.want(routes(OLD))
        await eventually(lambda: bird.kernel_routes() == {OLD})
        exabgp = stage.exabgp()
    removed = stage.watch_kernel()
    async with stage.announcer() as announcer:
        announcer.want(routes(OLD))
        await eventually(lambda: announcer.announced() == routes(OLD))
        assert stage.exabgp() == exabgp
        assert not removed()
