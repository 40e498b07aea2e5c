"""What a stop leaves behind, and what it waits for."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from announcer.fake import FakeBridge, FakeExabgp
from announcer.stage import PEER, eventually, profile, routes
from fnm_guard.announcer.announcer import Announcer
from fnm_guard.announcer.settings import AnnouncerSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HOST = "203.0.113.7/32"


class Site:
    """An announcer whose ExaBGP is a service that does what the test says."""

    def __init__(self, folder: "Path") -> None:
        self.exabgp = FakeExabgp()
        self.bridge = FakeBridge(self.exabgp)
        self.settings = AnnouncerSettings(runtime=folder / "run", managed=False)
        self.announcer = Announcer(self.settings, (profile(),), lambda _: None)

    async def begin(self) -> None:
        """Start, and be linked."""
        await self.announcer.start()
        await eventually(self.settings.socket.exists)
        await self.bridge.connect(self.settings.socket)
        await eventually(lambda: self.announcer.peers()[0].state == "up")

    def held(self) -> set[str]:
        """Give what ExaBGP holds for the peer."""
        return set(self.exabgp.routes.get(PEER, {}))


@pytest.fixture
async def site(tmp_path: "Path", monkeypatch: pytest.MonkeyPatch) -> "AsyncIterator[Site]":
    """An announcer that is linked."""
    monkeypatch.setattr("fnm_guard.announcer.announcer.SENT_SECONDS", 0.0)
    made = Site(tmp_path)
    await made.begin()
    yield made
    await made.announcer.close()
    await made.bridge.close()


async def test_a_stop_withdraws(site: Site) -> None:
    """Nothing is left at ExaBGP; a second stop is no harm."""
    site.announcer.want(routes(HOST))
    await eventually(lambda: site.announcer.announced() == routes(HOST))
    await site.announcer.close()
    await site.announcer.close()
    assert site.held() == set()
    assert not site.settings.socket.exists()


async def test_a_stop_takes_back_what_is_on_its_way(site: Site) -> None:
    """A ban that ExaBGP has and has not acknowledged is withdrawn too: its peer would keep it for minutes."""
    site.exabgp.delay = 0.1
    site.announcer.want(routes(HOST))
    await eventually(lambda: site.held() == {HOST})
    assert site.announcer.announced() == {"upstream": frozenset()}
    await site.announcer.close()
    assert site.held() == set()


async def test_a_stop_does_not_wait_for_ever(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ExaBGP that answers nothing holds up no stop."""
    monkeypatch.setattr("fnm_guard.announcer.announcer.DRAIN_SECONDS", 0.1)
    monkeypatch.setattr("fnm_guard.announcer.link.ANSWER_SECONDS", 1000.0)
    site.announcer.want(routes(HOST))
    await eventually(lambda: site.announcer.announced() == routes(HOST))
    site.exabgp.silent = True
    async with asyncio.timeout(30):
        await site.announcer.close()


async def test_a_stop_without_a_start(tmp_path: "Path") -> None:
    """Nothing was begun, nothing is done."""
    announcer = Announcer(AnnouncerSettings(runtime=tmp_path / "run"), (profile(),), lambda _: None)
    announcer.want(routes(HOST))
    await announcer.close()
    assert not (tmp_path / "run").exists()


async def test_a_fault_in_a_session(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that fails for a reason of ours ends its link; the next one starts over."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr("fnm_guard.announcer.ledger.Ledger.settle", broken)
        site.announcer.want(routes(HOST))
        await eventually(lambda: site.bridge.hung_up)
    await site.bridge.close()
    site.bridge = FakeBridge(site.exabgp)
    await site.bridge.connect(site.settings.socket)
    await eventually(lambda: site.announcer.announced() == routes(HOST))


async def test_the_latest_bridge_counts(site: Site) -> None:
    """A second greeting of the same ExaBGP is of a bridge that took the place of the first."""
    second = FakeBridge(site.exabgp)
    await second.connect(site.settings.socket)
    await eventually(lambda: site.bridge.hung_up)
    site.announcer.want(routes(HOST))
    await eventually(lambda: site.held() == {HOST})
    assert not second.hung_up
    await asyncio.sleep(0)
    await second.close()
