"""Take over the ExaBGP that a daemon before us left: the routes it holds must neither be lost nor fought over.

A record in the runtime folder names the ExaBGP that runs.  A new daemon looks there first: the process of that pid and
start time is adopted when its bridge greets with our instance and the digest of the configuration we would start it
with; otherwise it is ended before another is started.  The record is written before the start, with pid 0, and again
after it, so a daemon killed in between leaves a hint: the next one waits a moment for a greeting.  Records can be lost,
so a glance is taken without one too.  Once we have an ExaBGP, a bridge of ours that belongs to another can only be of
such a leftover, and that one is ended.
"""

import asyncio
from typing import TYPE_CHECKING

import structlog

from fnm_guard.announcer.child import Child, Record, read_record, write_record

if TYPE_CHECKING:
    from fnm_guard.announcer.protocol import Hello
    from fnm_guard.announcer.settings import AnnouncerSettings

__all__ = ["RETURN_SECONDS", "Adoption"]

RETURN_SECONDS = 5.0
"""How long a bridge may stay away: it tries every 0.1 s, and needs ExaBGP's answer to one question before it greets."""
HINT_SECONDS = 2.0
"""How long a greeting is waited for when an ExaBGP may have been started whose pid is not known."""
GLANCE_SECONDS = 0.3
"""How long a greeting is waited for without any sign of an ExaBGP: three tries of a bridge."""

_log = structlog.get_logger("announcer.adopt")


class Adoption:
    """What is left of a daemon before us.

    Attributes:
        leftover: Its ExaBGP while it is not yet known what to do with it.
    """

    def __init__(self, settings: "AnnouncerSettings") -> None:
        self._settings = settings
        self._over = False
        self._greeted: asyncio.Queue[Hello] = asyncio.Queue(1)
        self._endings: set[asyncio.Task[None]] = set()
        self.leftover: Child | None = None

    def meet(self, hello: "Hello") -> None:
        """Take the greeting of a bridge that came before we had an ExaBGP."""
        if not self._over and self._greeted.empty():
            self._greeted.put_nowait(hello)

    async def find(self, digest: str) -> Child | None:
        """Give the ExaBGP that was left, if it is the one that we would start, and end it if it is not; only once."""
        if self._over:
            return None
        child = await self._adopt(read_record(self._settings.record), digest)
        self._over, self.leftover = True, None
        return child

    def end_stranger(self, hello: "Hello") -> None:
        """End an ExaBGP whose bridge is ours but which is not the one we watch."""
        stranger = Child.adopt(hello.exabgp, hello.exabgp_started)
        if stranger is not None:
            _log.warning("an exabgp of ours that nobody watches is ended", pid=stranger.pid)
            task = asyncio.create_task(stranger.stop())
            self._endings.add(task)
            task.add_done_callback(self._endings.discard)

    async def _adopt(self, record: Record | None, digest: str) -> Child | None:
        seconds = GLANCE_SECONDS
        if record is not None and record.pid:
            self.leftover = Child.adopt(record.pid, record.started)
            seconds = RETURN_SECONDS if self.leftover is not None else GLANCE_SECONDS
        elif record is not None:
            seconds = HINT_SECONDS
        hello = await self._await_greeting(seconds)
        if self.leftover is None and hello is not None:
            self.leftover = Child.adopt(hello.exabgp, hello.exabgp_started)
        if self.leftover is None:
            return None
        if hello is not None and hello.digest == digest and hello.exabgp == self.leftover.pid:
            _log.info("exabgp adopted", pid=self.leftover.pid)
            write_record(self._settings.record, Record(self.leftover.pid, self.leftover.started, digest))
            return self.leftover
        _log.warning("exabgp of another configuration, or without a bridge, is replaced", pid=self.leftover.pid)
        await self.leftover.stop()
        return None

    async def _await_greeting(self, seconds: float) -> "Hello | None":
        try:
            async with asyncio.timeout(seconds):
                return await self._greeted.get()
        except TimeoutError:
            return None
