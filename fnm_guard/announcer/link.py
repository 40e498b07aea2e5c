"""A connection of the bridge: asking one thing after the other.

One connection is one `Link`.  Commands are numbered; the bridge answers in their order.  A link ends when the bridge
hangs up, says what no bridge says, or does not answer in time; what was outstanding then is unknown, and the next link
starts with a full comparison.  Only the asyncio thread touches any of it.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from fnm_guard.announcer.protocol import Answer, Event, Hello, Output, ProtocolError, command, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ANSWER_SECONDS", "Link", "LinkLostError", "Pending"]

ANSWER_SECONDS = 5.0
"""How long ExaBGP may say nothing while an answer is due."""
LINES_A_TURN = 200
"""How many lines are read before the loop serves others; a listing has one a route."""


class LinkLostError(Exception):
    """The bridge is gone, or ExaBGP does not answer; `silent` tells the second."""

    def __init__(self, text: str, *, silent: bool = False) -> None:
        super().__init__(text)
        self.silent = silent


class Pending:
    """A command that was written, and its answer once it is there."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lines: list[str] = []
        self.answered = self.done = False


class Link:
    """One greeted connection of a bridge.

    Attributes:
        on_event: Told of ExaBGP's events.
        on_lost: Told once when the link ends.
    """

    def __init__(self, hello: Hello, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hello = hello
        self.on_event: Callable[[dict[str, Any]], None] = lambda _: None
        self.on_lost: Callable[[], None] = lambda: None
        self._reader, self._writer = reader, writer
        self._number = 0
        self._pending: deque[Pending] = deque()
        self._progress = asyncio.Event()
        self._lost: str | None = None

    @property
    def lost(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._lost is not None

    async def read(self) -> None:
        """Take what the bridge says until the connection ends."""
        try:
            number = 0
            while line := await self._reader.readline():
                self._take(line)
                number += 1
                if number % LINES_A_TURN == 0:  # a line that is there already is no reason to wait: others go between
                    await asyncio.sleep(0)
            self._end("the bridge hung up")
        except (OSError, ProtocolError, ValueError) as error:
            self._end(str(error))

    async def ask(self, text: str) -> tuple[bool, list[str]]:
        """Ask one thing alone; give whether ExaBGP understood it, and what it printed.

        Raises:
            LinkLostError: If there is no answer.
        """
        pending = self.post(text)
        await self.answered(pending)
        return pending.done, pending.lines

    def post(self, text: str) -> Pending:
        """Write a command; its answer comes after those of the commands before it.

        Raises:
            LinkLostError: If the link has ended.
        """
        self._raise_if_lost()
        self._number += 1
        pending = Pending(self._number)
        self._pending.append(pending)
        self._writer.write(command(self._number, text))
        return pending

    async def answered(self, pending: Pending) -> None:
        """Wait until a command has its answer.

        Raises:
            LinkLostError: If it gets none.
        """
        while not pending.answered:
            self._progress.clear()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._progress.wait()
            except TimeoutError:
                self._end(f"no answer within {ANSWER_SECONDS:.0f} s")
                raise LinkLostError("exabgp does not answer", silent=True) from None
            self._raise_if_lost()

    def close(self) -> None:
        """Hang up; safe to call twice."""
        self._end("closed by us")

    def _raise_if_lost(self) -> None:
        if self._lost is not None:
            raise LinkLostError(self._lost)

    def _take(self, line: bytes) -> None:
        match parse(line):
            case Event(event):
                self.on_event(event)
            case Output(number, text) if self._is_due(number):
                self._pending[0].lines.append(text)
                self._progress.set()
            case Answer(number, done) if self._is_due(number):
                pending = self._pending.popleft()
                pending.answered, pending.done = True, done
                self._progress.set()
            case Output() | Answer() | Hello():
                raise ProtocolError(f"the bridge said {line[:80]!r} out of turn")

    def _is_due(self, number: int) -> bool:
        return bool(self._pending) and self._pending[0].number == number

    def _end(self, why: str) -> None:
        if self._lost is None:
            self._lost = why
            self._writer.close()
            self._progress.set()
            self.on_lost()
