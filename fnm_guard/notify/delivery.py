"""One channel's way through the outbox.

Whatever is first of its key and due is handed to the channel, a batch at a time.  A message is in one of three states:
waiting in the outbox, on its way (its key is then taken), or settled.  A channel that is down pauses as a whole, longer
each time, and gives up only the messages whose time has passed.

Runs in the event loop; nothing here blocks.
"""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import structlog

from fnm_guard.notify.model import Pace
from fnm_guard.notify.outcome import ChannelDownError, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fnm_guard.notify.model import Message, Outbox
    from fnm_guard.notify.outcome import Channel

__all__ = ["Delivery"]

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fnm_guard.notify")


class Delivery:
    """Sends what waits on one channel.

    Args:
        now: Seconds since the epoch.

    Attributes:
        counters: `sent`, `failed` (given up), `tries` (tries that failed).
        trouble: Why the channel is down, "" when it is not.
    """

    def __init__(self, channel: "Channel", outbox: "Outbox", now: "Callable[[], float]", pace: Pace) -> None:
        self._channel = channel
        self._outbox = outbox
        self._now = now
        self._pace = pace
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._busy: set[str] = set()
        self._downs = 0
        self._paused_until = 0.0
        self.counters: Counter[str] = Counter()
        self.trouble = ""

    def start(self) -> None:
        """Begin, with what an earlier process left."""
        self._loop = asyncio.create_task(self._run(), name=f"notify-{self._channel.name}")

    def wake(self) -> None:
        """Say that a message was put."""
        self._wake.set()

    async def close(self, seconds: float) -> None:
        """Let what is on its way arrive, for some time, and end.  Safe to call twice."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        loop.cancel()
        await asyncio.wait([loop])
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)
        self._channel.close()
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            pause = self._dispatch()
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _dispatch(self) -> float | None:
        """Send what is due and give the seconds until more may be; None: until something is put or arrives."""
        now = self._now()
        if now < self._paused_until:
            return self._paused_until - now
        free = self._channel.lanes - len(self._running)
        size = self._channel.batch
        if free > 0:
            heads = [head for head in self._outbox.due(self._channel.name, now) if head.key not in self._busy]
            for start in range(0, min(len(heads), free * size), size):
                self._send(heads[start : start + size])
        if len(self._running) >= self._channel.lanes:
            return None
        later = self._outbox.next_due(self._channel.name)
        # What is due already and still there is on its way; its arrival wakes us.
        return None if later is None or later <= now else later - now

    def _send(self, batch: "Sequence[Message]") -> None:
        self._busy.update(message.key for message in batch)
        task = asyncio.create_task(self._deliver(batch))
        self._running.add(task)
        task.add_done_callback(self._arrived)

    def _arrived(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        self._wake.set()

    async def _deliver(self, batch: "Sequence[Message]") -> None:
        try:
            await self._channel.deliver(batch, self._settle)
        except ChannelDownError as error:
            self._down(str(error))
        except Exception as error:  # noqa: BLE001  # a fault in one batch must not end the channel; it comes again
            _log.exception("channel failed", channel=self._channel.name)
            self._down(f"{type(error).__name__}: {error}")
        finally:
            self._busy.difference_update(message.key for message in batch)

    def _settle(self, message: "Message", outcome: Outcome) -> None:
        self._downs, self.trouble, self._paused_until = 0, "", 0.0
        if outcome.result is Result.SENT:
            self.counters["sent"] += 1
            self._outbox.done(message.id)
            return
        self.counters["tries"] += 1
        late = self._now() - message.created >= self._channel.retry_seconds
        if outcome.result is Result.NEVER or late:
            self._give_up(message, outcome.text, outcome.silent)
            return
        attempt = message.attempts + 1
        self._outbox.retry(message.id, self._now() + self._pace.pause(attempt), outcome.text)
        if _is_worth_a_line(attempt):
            _log.warning(
                "message not taken, tried again later",
                channel=self._channel.name,
                message=message.key,
                reason=outcome.text,
                attempt=attempt,
            )

    def _down(self, reason: str) -> None:
        self._downs += 1
        self.trouble = reason
        self.counters["tries"] += 1
        self._paused_until = self._now() + self._pace.pause(self._downs)
        self._expire(reason)
        if _is_worth_a_line(self._downs):
            _log.error(
                "channel is down, what waits is tried again",
                channel=self._channel.name,
                reason=reason,
                attempt=self._downs,
                waiting=self._outbox.pending().get(self._channel.name, 0),
            )

    def _expire(self, reason: str) -> None:
        """Give up all messages whose time has passed, those behind the first of a key too."""
        now = self._now()
        while True:
            heads = self._outbox.due(self._channel.name, float("inf"))
            over = [head for head in heads if now - head.created >= self._channel.retry_seconds]
            for message in over:
                self._give_up(message, reason)
            if not over:
                return

    def _give_up(self, message: "Message", reason: str, silent: bool = False) -> None:
        self.counters["failed"] += 1
        self._outbox.failed(message.id, reason)
        if not silent:
            _log.error("message given up", channel=self._channel.name, message=message.key, reason=reason)


def _is_worth_a_line(attempt: int) -> bool:
    """Choose the 1st, 2nd, 4th, 8th ... time."""
    return attempt & (attempt - 1) == 0
