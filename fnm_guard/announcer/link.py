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
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = ["ANSWER_SECONDS", "Link", "LinkLostError"]

ANSWER_SECONDS = 5.0
"""How long ExaBGP may say nothing while an answer is due."""


class LinkLostError(Exception):
    """The bridge is gone, or ExaBGP does not answer; `silent` tells the second."""

    def __init__(self, text: str, *, silent: bool = False) -> None:
        super().__init__(text)
        self.silent = silent


class _Pending:
    """A command whose answer is due."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lines: list[str] = []
        self.done = False


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
        self._pending: deque[_Pending] = deque()
        self._progress = asyncio.Event()
        self._lost: str | None = None

    @property
    def lost(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._lost is not None

    async def read(self) -> None:
        """Take what the bridge says until the connection ends."""
        try:
            while line := await self._reader.readline():
                self._take(line)
            self._end("the bridge hung up")
        except (OSError, ProtocolError, ValueError) as error:
            self._end(str(error))

    async def ask(self, text: str) -> tuple[bool, list[str]]:
        """Ask one thing alone; give whether ExaBGP understood it, and what it printed.

        Raises:
            LinkLostError: If there is no answer.
        """
        ((done, lines),) = await self.ask_all([text])
        return done, lines

    async def ask_all(self, texts: "Sequence[str]") -> list[tuple[bool, list[str]]]:
        """Write all commands at once and wait for all answers.

        Raises:
            LinkLostError: If one answer does not come.
        """
        asked = [self._write(text) for text in texts]
        while self._pending:
            self._progress.clear()
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._progress.wait()
            except TimeoutError:
                self._end(f"no answer within {ANSWER_SECONDS:.0f} s")
                raise LinkLostError("exabgp does not answer", silent=True) from None
            self._raise_if_lost()
        return [(pending.done, pending.lines) for pending in asked]

    def close(self) -> None:
        """Hang up; safe to call twice."""
        self._end("closed by us")

    def _write(self, text: str) -> _Pending:
        self._raise_if_lost()
        self._number += 1
        pending = _Pending(self._number)
        self._pending.append(pending)
        self._writer.write(command(self._number, text))
        return pending

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
                pending.done = done
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
