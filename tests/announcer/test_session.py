"""One link put to use, with an ExaBGP that does what the test says."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from netaddr import IPAddress

from announcer.fake import FakeBridge, FakeExabgp
from announcer.stage import OTHER, PEER, eventually, profile, route, routes
from fnm_guard.announcer.door import Door
from fnm_guard.announcer.ledger import Ledger
from fnm_guard.announcer.link import Link, LinkLostError
from fnm_guard.announcer.peers import PeerBook
from fnm_guard.announcer.session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HOST, NEXT = "203.0.113.7/32", "203.0.113.8/32"
EOR4, EOR6 = (f"neighbor {PEER} announce eor ipv{version} unicast" for version in (4, 6))


class Work:
    """A session and all it works with."""

    def __init__(self, folder: "Path") -> None:
        peers = (profile(),)
        self.exabgp = FakeExabgp()
        self.bridge = FakeBridge(self.exabgp)
        self.ledger = Ledger(peers)
        self.book = PeerBook(peers, lambda _: None, 0.0)
        self.wake, self.settled = asyncio.Event(), asyncio.Event()
        self.missed: list[tuple[str, ...]] = []
        self.links: list[Link] = []
        self.path = folder / "bridge.sock"
        self.door = Door(self.path, "", lambda _: True, self._greet)
        self.session: Session | None = None
        self.task: asyncio.Task[None] | None = None

    def _greet(self, link: Link) -> None:
        self.session = Session(link, self.ledger, self.book, self.wake, self.settled, self.missed.append)
        link.on_event, link.on_lost = self.session.hear, self.wake.set
        self.task = asyncio.create_task(self.session.run())

    def want(self, *hosts: str) -> None:
        """Want these hosts blackholed."""
        self.ledger.want(routes(*hosts))
        self.settled.clear()
        self.wake.set()

    async def begin(self, **hello: Any) -> None:
        """Connect, and wait until ExaBGP was told everything."""
        self.settled.clear()
        await self.bridge.connect(self.path, **hello)
        await asyncio.wait_for(self.settled.wait(), 10)

    async def done(self) -> None:
        """Wait until ExaBGP was told everything."""
        await asyncio.wait_for(self.settled.wait(), 10)

    async def outcome(self) -> BaseException | None:
        """Wait until the session has ended, and give how."""
        await eventually(lambda: self.task is not None and self.task.done())
        return self.task.exception() if self.task else None


@pytest.fixture
async def work(tmp_path: "Path") -> "AsyncIterator[Work]":
    """Everything but the connection."""
    made = Work(tmp_path)
    await made.door.open()
    yield made
    await made.bridge.close()
    await made.door.close()
    if made.task is not None:
        await asyncio.gather(made.task, return_exceptions=True)


async def test_a_link_begins_with_a_comparison(work: Work) -> None:
    """What is wanted is said, what a daemon before us left is taken back, and only then End-of-RIB goes out."""
    work.exabgp.routes = {PEER: {NEXT: "old"}}
    work.want(HOST)
    await work.begin()
    assert work.exabgp.asked[:2] == ["show neighbor json", "show adj-rib out"]
    assert [text.split()[2:5] for text in work.exabgp.routing()] == [
        ["announce", "route", HOST],
        ["withdraw", "route", NEXT],
        ["announce", "eor", "ipv4"],
        ["announce", "eor", "ipv6"],
    ]
    assert work.session is not None
    assert work.session.ready
    assert set(work.exabgp.routes[PEER]) == {HOST}


async def test_what_is_there_already_is_said_again(work: Work) -> None:
    """The listing tells no attributes: those of a route that is there may be others."""
    work.exabgp.routes = {PEER: {HOST: "next-hop 192.0.2.9"}}
    work.want(HOST)
    await work.begin()
    assert "192.0.2.1" in work.exabgp.routes[PEER][HOST]


async def test_a_session_that_is_down_gets_no_end_of_rib(work: Work) -> None:
    """End-of-RIB is said when a session comes up, once, after the routes."""
    work.exabgp.up[PEER] = False
    work.want(HOST)
    await work.begin()
    assert EOR4 not in work.exabgp.asked
    work.exabgp.up[PEER] = True
    work.settled.clear()
    work.bridge.say(
        {
            "type": "event",
            "text": f'{{"type": "negotiated", "neighbor": {{"address": {{"peer": "{PEER}"}},'
            ' "negotiated": {"families": ["ipv4 unicast"]}}}',
        }
    )
    work.bridge.tell(state="up")
    await work.done()
    assert work.exabgp.asked.count(EOR4) == 1
    assert EOR6 not in work.exabgp.asked


async def test_a_want_is_carried_out_at_once(work: Work) -> None:
    """Nothing is waited for between a want and the command."""
    await work.begin()
    work.want(HOST)
    await work.done()
    assert set(work.exabgp.routes[PEER]) == {HOST}
    work.want()
    await work.done()
    assert work.exabgp.routes[PEER] == {}
    assert work.book.states()[0].last_ack_seconds is not None


async def test_a_route_that_exabgp_does_not_take(work: Work) -> None:
    """The others are announced."""
    work.exabgp.refused = {NEXT}
    work.want(HOST, NEXT, "203.0.113.9/32")
    await work.begin()
    assert set(work.exabgp.routes[PEER]) == {HOST, "203.0.113.9/32"}
    state = work.book.states()[0]
    assert (state.wanted, state.announced) == (3, 2)


async def test_the_probe(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that rests asks from time to time whether ExaBGP is there."""
    monkeypatch.setattr("fnm_guard.announcer.session.PROBE_SECONDS", 0.02)
    await work.begin()
    await eventually(lambda: work.exabgp.asked.count("version") >= 3)


async def test_the_check(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that rests compares from time to time, and repairs: routes, and states whose events were lost."""
    monkeypatch.setattr("fnm_guard.announcer.session.CHECK_SECONDS", 0.05)
    work.want(HOST)
    await work.begin()
    work.exabgp.routes[PEER] = {NEXT: "x"}
    await eventually(lambda: set(work.exabgp.routes[PEER]) == {HOST})
    work.exabgp.up[PEER] = False
    await eventually(lambda: work.book.states()[0].state == "down")


async def test_a_peer_that_exabgp_has_not(work: Work) -> None:
    """It is told of, and nothing is asked for it; the others are served."""
    work.ledger.replace_peers((profile(), profile("second", address=IPAddress(OTHER))))
    work.book.replace_peers((profile(), profile("second", address=IPAddress(OTHER))), 0.0)
    work.ledger.want({"second": frozenset({route(HOST)}), **routes(HOST)})
    await work.begin()
    assert work.missed == [("second",)]
    assert list(work.exabgp.routes) == [PEER]


@pytest.mark.parametrize("word", ["version", "json", "adj-rib"])
async def test_an_exabgp_that_does_not_understand(work: Work, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    """What every ExaBGP understands is refused: the link is given up."""
    monkeypatch.setattr("fnm_guard.announcer.session.PROBE_SECONDS", 0.02)
    work.exabgp.refused = {word}
    await work.bridge.connect(work.path)
    assert "does not understand" in str(await work.outcome())


async def test_a_listing_of_another_form(work: Work) -> None:
    """A listing that is not understood ends the link; it does not empty the books."""
    work.exabgp.neighbors_text = "[1]"
    await work.bridge.connect(work.path)
    assert isinstance(await work.outcome(), LinkLostError)


async def test_a_bridge_that_hangs_up_while_nothing_is_due(work: Work) -> None:
    """The session ends at once."""
    await work.begin()
    await work.bridge.close()
    assert isinstance(await work.outcome(), LinkLostError)


async def test_wants_while_commands_are_out(work: Work) -> None:
    """The latest word counts, whatever was on its way."""
    many = [f"10.0.{n >> 8}.{n & 255}/32" for n in range(2000)]
    await work.begin()
    work.want(*many)
    await asyncio.sleep(0.01)
    work.want(HOST)
    await eventually(lambda: set(work.exabgp.routes.get(PEER, {})) == {HOST})
    await work.done()
    assert work.ledger.accounts["upstream"].told == routes(HOST)["upstream"]
