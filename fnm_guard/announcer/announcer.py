"""The announcer: what each peer should hear goes in, and ExaBGP's routes follow.

It alone knows what is announced.  Start-up, a lost session, a bridge or an ExaBGP that died, another configuration and
a new ban all take the same way: what is wanted is compared with what is announced, and the difference is sent.
Everything here runs on the asyncio thread.
"""

import asyncio
import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

import structlog

from fnm_guard.announcer.door import Door
from fnm_guard.announcer.errors import AnnouncerError
from fnm_guard.announcer.ledger import Ledger
from fnm_guard.announcer.link import Link, LinkLostError
from fnm_guard.announcer.peers import PeerBook, PeerState
from fnm_guard.announcer.runtime import prepare_runtime
from fnm_guard.announcer.session import Session
from fnm_guard.announcer.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from netaddr import IPNetwork

    from fnm_guard.announcer.settings import AnnouncerSettings
    from fnm_guard.core.model import Route
    from fnm_guard.core.policy import PeerProfile
    from fnm_guard.core.wanted import Change

__all__ = ["Announcer"]

DRAIN_SECONDS = 5.0
"""How long a stop waits for the withdrawals to be acknowledged."""
SENT_SECONDS = 1.0
"""How long it then waits for them to reach the peers: an acknowledgement comes before the UPDATE."""
RETRY_SECONDS = 5.0
SILENCES = 2
"""Links in a row that ended without an answer before ExaBGP is replaced."""

_log = structlog.get_logger("announcer")


class Announcer:
    """Keeps ExaBGP's routes equal to the wanted ones.

    Args:
        settings: Where and how.
        peers: Whom to tell.
        on_change: Told of every change of a peer's state, on the asyncio thread; must not block.
    """

    def __init__(
        self,
        settings: "AnnouncerSettings",
        peers: "Sequence[PeerProfile]",
        on_change: "Callable[[PeerState], None]",
    ) -> None:
        self._settings = settings
        self._wanted: dict[str, dict[IPNetwork, Route]] = {}
        self._ledger = Ledger(peers)
        self._book = PeerBook(peers, on_change, time.time())
        self._supervisor = Supervisor(settings, peers, self._lose_exabgp)
        self._door = Door(settings.socket, settings.user, self._supervisor.admit, self._greet)
        self._wake, self._settled = asyncio.Event(), asyncio.Event()
        self._link: Link | None = None
        self._silences = 0
        self._lock = -1
        self._main: asyncio.Task[None] | None = None
        self._work: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin; gives at once.  What goes wrong is told by the peers' states and tried again."""
        if self._main is None:
            self._main = asyncio.create_task(self._run(), name="announcer")

    async def close(self) -> None:
        """Stop, as `on_stop` says; safe to call twice."""
        main, self._main = self._main, None
        if main is None:
            return
        if self._settings.on_stop == "withdraw":
            await self._drain(self._ledger.accounts)
        await self._door.close()
        await _end(main, *self._work)
        if self._settings.on_stop == "withdraw" and self._settings.managed:
            await self._supervisor.stop()
        else:
            self._supervisor.leave()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def want(self, routes: "Mapping[str, Iterable[Route]]") -> None:
        """Take all that each peer should hear from now on, by the peer's name.  Never blocks; the latest word counts.

        For a start and another configuration; what changes in between is told by `change`.
        """
        self._wanted = {name: {route.prefix: route for route in of_peer} for name, of_peer in routes.items()}
        self._ledger.want(routes)
        self._wake.set()
        self._book.count(self._ledger.accounts)

    def change(self, changes: "Mapping[str, Change]") -> None:
        """Take what each peer should hear too, and what no longer.  Never blocks, and costs what has changed."""
        for name, change in changes.items():
            wanted = self._wanted.setdefault(name, {})
            for route in change.removed:
                wanted.pop(route.prefix, None)
            wanted.update((route.prefix, route) for route in change.added)
        self._ledger.change(changes)
        self._wake.set()
        self._book.count(self._ledger.accounts)

    def peers(self) -> tuple[PeerState, ...]:
        """Give how each peer is, in the order of the configuration."""
        return self._book.states()

    def announced(self) -> "Mapping[str, frozenset[Route]]":
        """Give what ExaBGP holds for each peer because we said so, by the peer's name."""
        return {name: account.told for name, account in self._ledger.accounts.items()}

    def holds(self, prefix: "IPNetwork") -> tuple[str, ...]:
        """Name the peers for which ExaBGP holds that prefix because we said so."""
        return tuple(name for name, account in self._ledger.accounts.items() if account.holds(prefix))

    def take_changes(self, limit: int) -> "list[tuple[str, IPNetwork, bool]]":
        """Give up to `limit` prefixes that became told (true) or untold since the last call, with the peer's name."""
        return self._ledger.take_changes(limit)

    async def reconfigure(self, peers: "Sequence[PeerProfile]") -> None:
        """Take other peers; routes of those that go, or that become another session, are taken back first.

        Raises:
            AnnouncerError: If ExaBGP does not take that configuration; the old one stays.
        """
        replace = await self._supervisor.check(peers)
        new = {peer.name: peer for peer in peers}
        accounts = self._ledger.accounts.items()
        await self._drain(
            [name for name, old in accounts if name not in new or _identity(new[name]) != _identity(old.profile)]
        )
        self._ledger.replace_peers(peers)
        self._book.replace_peers(peers, time.time())
        self._ledger.want({name: of_peer.values() for name, of_peer in self._wanted.items()})
        self._supervisor.reconfigure(peers, replace=replace)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            try:
                prepare_runtime(self._settings)
                self._take_lock()
                await self._door.open()
                break
            except (AnnouncerError, OSError) as error:
                self._lose_exabgp(str(error))
                await asyncio.sleep(RETRY_SECONDS)
        await self._supervisor.run()

    def _take_lock(self) -> None:
        """Make sure that no other daemon uses the folder: two would take each other's routes back."""
        if self._lock >= 0:
            return
        path = self._settings.runtime / "announcer.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise AnnouncerError(
                f"{path} is held by another fnm-guard: stop it, or give this one its own folder"
            ) from None
        self._lock = descriptor

    def _greet(self, link: Link) -> None:
        """A bridge of our ExaBGP has connected; one that was here before is of no use any more."""
        old, self._link = self._link, link
        if old is not None:
            old.close()
        session = Session(link, self._ledger, self._book, self._wake, self._settled, self._miss)
        link.on_event, link.on_lost = session.hear, self._wake.set
        self._supervisor.set_linked(True)
        task = asyncio.create_task(self._serve(link, session), name="announcer-session")
        self._work.add(task)
        task.add_done_callback(self._end_session)

    async def _serve(self, link: Link, session: Session) -> None:
        try:
            await session.run()
        except LinkLostError as error:
            if self._main is not None:
                _log.warning("bridge lost", reason=str(error))
            self._count_silence(error.silent, session.ready)
        finally:
            link.close()
            if self._link is link:
                self._link = None
                self._supervisor.set_linked(False)

    def _end_session(self, task: "asyncio.Task[None]") -> None:
        self._work.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the session failed; the next one starts over", exc_info=error)

    def _count_silence(self, silent: bool, ready: bool) -> None:
        self._silences = (0 if ready else self._silences) + silent
        if self._silences >= SILENCES:
            self._silences = 0
            self._supervisor.replace("exabgp does not answer")

    def _miss(self, names: tuple[str, ...]) -> None:
        """ExaBGP has not all peers: it runs with another configuration, or gave one up after losing its helper."""
        if self._settings.managed:
            self._supervisor.replace(f"exabgp has no peer {', '.join(names)}")

    def _lose_exabgp(self, reason: str) -> None:
        self._ledger.forget()
        self._book.all_down(reason, time.time())
        self._book.count(self._ledger.accounts)

    async def _drain(self, names: "Iterable[str]") -> None:
        """Take back all routes of these peers, what is on its way to them too, and wait until that has been sent."""
        accounts = [self._ledger.accounts[name] for name in names]
        for account in accounts:
            account.want(())
        if not accounts or (self._link is None and not any(account.told_count for account in accounts)):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._settle()
                while any(account.told_count for account in accounts):
                    await self._settle()
        left = sum(account.told_count for account in accounts)
        if left:
            _log.error("routes could not be withdrawn: no answer from exabgp", routes=left)
        await asyncio.sleep(SENT_SECONDS)

    async def _settle(self) -> None:
        """Wait until ExaBGP has been told everything that is wanted now."""
        self._settled.clear()
        self._wake.set()
        await self._settled.wait()


def _identity(peer: "PeerProfile") -> tuple[object, ...]:
    """Give what makes a session another one: ExaBGP drops the routes of the old, its peer may keep them."""
    return (peer.address, peer.remote_as, peer.local_as, peer.router_id, peer.local_address)


async def _end(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
