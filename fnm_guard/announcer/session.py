"""One connection of the bridge put to use: compare, then keep ExaBGP's routes equal to the wanted ones.

    greeted ─► resync ─► settle ─► end of RIB ─► rest ─┐
                           ▲                           │ something is wanted, a session came up, a check is due
                           └───────────────────────────┘

* Resync: what ExaBGP holds is listed; what is not wanted is taken back, all that is wanted is said again (sends nothing
  where ExaBGP has it already, attributes and all).
* End-of-RIB is ours to send (`manual-eor`), once per session that came up and only after everything wanted was said: a
  peer with graceful restart drops what it kept and did not hear again at that moment, and not before.
* A window of commands is without an answer at any time, so that ExaBGP always has the next one at hand; what is asked
  alone (listings, End-of-RIB, probes) is asked when every answer is in.  A ban that comes meanwhile goes out with the
  next free place in the window, behind 800 routes at the most, and behind what its peer was to hear before it.
* Rest is interrupted at once by `want`; nothing here polls.
"""

import asyncio
import time
from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any

import structlog

from fnm_guard.announcer import commands
from fnm_guard.announcer.link import LINES_A_TURN, LinkLostError
from fnm_guard.announcer.listing import listed_neighbors, listed_routes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from netaddr import IPAddress, IPNetwork

    from fnm_guard.announcer.account import Step
    from fnm_guard.announcer.ledger import Ledger
    from fnm_guard.announcer.link import Link, Pending
    from fnm_guard.announcer.peers import PeerBook

__all__ = ["Session"]

WINDOW = 8
"""Commands about routes that may be without an answer."""
PROBE_SECONDS = 5.0
CHECK_SECONDS = 60.0

_log = structlog.get_logger("announcer.session")


class Session:
    """Work over one link until it is lost.

    Args:
        wake: Set by whoever has something to do for the session.
        settled: Set by the session whenever ExaBGP has been told everything.
        on_missing: Told of peers that ExaBGP does not have in its configuration.

    Attributes:
        ready: Whether ExaBGP has been told everything since the link began.
    """

    def __init__(
        self,
        link: "Link",
        ledger: "Ledger",
        book: "PeerBook",
        wake: asyncio.Event,
        settled: asyncio.Event,
        on_missing: "Callable[[tuple[str, ...]], None]",
    ) -> None:
        self._link, self._ledger, self._book = link, ledger, book
        self._wake, self._settled, self._on_missing = wake, settled, on_missing
        self._end_of_rib_due: set[str] = set()
        self._next_probe = self._next_check = 0.0
        self.ready = False

    def hear(self, event: "Mapping[str, Any]") -> None:
        """Take an event of ExaBGP's."""
        name = self._book.hear(event, time.time())
        if name is not None:
            self._end_of_rib_due.add(name)
            self._wake.set()

    async def run(self) -> None:
        """Work until the link is lost.

        Raises:
            LinkLostError: Always, in the end.
        """
        await self._resync()
        now = time.monotonic()
        self._next_probe, self._next_check = now + PROBE_SECONDS, now + CHECK_SECONDS
        while True:
            self._wake.clear()
            await self._settle()
            await self._send_end_of_rib()
            self.ready = True
            self._settled.set()
            await self._rest()

    async def _resync(self) -> None:
        await self._list_neighbors()
        listed = await self._list_routes()
        for account in self._ledger.accounts.values():
            account.start_over(listed.get(account.profile.address, set()))

    async def _list_routes(self) -> "dict[IPAddress, set[IPNetwork]]":
        """Give the prefixes that ExaBGP holds for each neighbor; of thousands some at a time."""
        lines = await self._ask("show adj-rib out")
        routes: defaultdict[IPAddress, set[IPNetwork]] = defaultdict(set)
        for start in range(0, len(lines), LINES_A_TURN):
            for address, prefixes in listed_routes(lines[start : start + LINES_A_TURN]).items():
                routes[address] |= prefixes
            await asyncio.sleep(0)
        return routes

    async def _list_neighbors(self) -> None:
        lines = await self._ask("show neighbor json")
        try:
            neighbors = listed_neighbors(lines)
        except ValueError as error:
            raise LinkLostError(str(error)) from error
        self._end_of_rib_due.update(self._book.listed(neighbors, time.time()))
        for account in self._ledger.accounts.values():
            account.set_listed(account.profile.address in neighbors)
        missing = [n for n, account in self._ledger.accounts.items() if account.profile.address not in neighbors]
        if missing:
            self._on_missing(tuple(missing))

    async def _settle(self) -> None:
        """Say what is to be said until nothing is, a window of steps without an answer."""
        asked: deque[tuple[Step, Pending, float]] = deque()
        count = 0
        while True:
            self._post_steps(asked)
            if not asked:
                break
            step, pending, at = asked.popleft()
            await self._link.answered(pending)
            self._enter(step, pending.done, time.monotonic() - at)
            count += 1
            if count % WINDOW == 0:
                self._book.count(self._ledger.accounts)
        self._book.count(self._ledger.accounts)

    def _post_steps(self, asked: "deque[tuple[Step, Pending, float]]") -> None:
        while len(asked) < WINDOW and (step := self._ledger.next_step()) is not None:
            asked.append((step, self._link.post(step.text), time.monotonic()))

    def _enter(self, step: "Step", done: bool, seconds: float) -> None:
        self._ledger.settle(step, done=done)
        self._book.acknowledged(step.peer, seconds)
        if not done:
            _log.warning("exabgp does not understand a command", peer=step.peer, command=step.text[:200])

    async def _send_end_of_rib(self) -> None:
        due, self._end_of_rib_due = self._end_of_rib_due, set()
        for state in self._book.states():
            if state.name not in due:
                continue
            for version in (4, 6):
                if commands.family(version) in state.families:
                    # `error` when the session is down again; it is due again when it comes back.
                    await self._link.ask(commands.end_of_rib(state.address, version))

    async def _rest(self) -> None:
        """Wait until there is something to do, and do what is due by the clock."""
        due = min(self._next_probe, self._next_check)
        try:
            async with asyncio.timeout(due - time.monotonic()):
                await self._wake.wait()
        except TimeoutError:
            await self._examine(time.monotonic())
        if self._link.lost:
            raise LinkLostError("the bridge hung up")

    async def _examine(self, now: float) -> None:
        self._book.check_silence(time.time())
        if now < self._next_check:
            await self._ask("version")
            self._next_probe = time.monotonic() + PROBE_SECONDS
            return
        await self._list_neighbors()
        listed = await self._list_routes()
        for name, account in self._ledger.accounts.items():
            wrong = account.check(listed.get(account.profile.address, set()))
            if wrong:
                _log.warning("exabgp holds other routes than it was told", peer=name, routes=wrong)
        now = time.monotonic()
        self._next_probe, self._next_check = now + PROBE_SECONDS, now + CHECK_SECONDS

    async def _ask(self, text: str) -> list[str]:
        done, lines = await self._link.ask(text)
        if not done:
            raise LinkLostError(f"exabgp does not understand {text!r}")
        return lines
