"""The notifications as the daemon sees them: told at once, sent in their own time.

Telling only appends to a bounded queue.  A task renders what was told and puts it into the durable outbox; one delivery
a channel takes it from there.

When full: `NOTICE_LIMIT` notices wait to be rendered, or the outbox takes no more of a channel.  Details give way
first, at half of either, so that in a storm of attacks bans and unbans are still told.  What found no room is counted.

Everything here runs in the event loop.
"""

import asyncio
from collections import Counter, deque
from functools import partial
from typing import TYPE_CHECKING

import structlog

from fnm_guard.core.events import Refusal
from fnm_guard.notify.delivery import Delivery
from fnm_guard.notify.mail import MailChannel
from fnm_guard.notify.model import ChannelReport, Kind, NotifierStatus, Pace
from fnm_guard.notify.outcome import ChannelDownError
from fnm_guard.notify.preparer import Preparer
from fnm_guard.notify.script import ScriptChannel
from fnm_guard.notify.templates import check_templates

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from fnm_guard.core.events import BanRefused
    from fnm_guard.notify.model import MailSettings, Notice, NotifyPolicy, Outbox, ScriptSettings

__all__ = ["Notifier"]

NOTICE_LIMIT = 8_192
"""Notices that wait to be rendered."""
REFUSALS_LIMIT = 10
"""Mails about hosts that were not blocked, in `REFUSALS_SECONDS`."""
REFUSALS_SECONDS = 60.0
CLOSE_SECONDS = 5.0
"""How long closing waits for what is on its way."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fnm_guard.notify")


class Notifier:
    """Tells people and programs about bans.

    Args:
        mail, script: The channels; None: not wanted.
        outbox: Keeps what waits; no other notifier may use it at the same time.
        wall: Core seconds to UTC; the core's seconds are those of the event loop.
        pace: How soon a mail is tried again.
    """

    def __init__(
        self,
        policy: "NotifyPolicy",
        mail: "MailSettings | None",
        script: "ScriptSettings | None",
        outbox: "Outbox",
        wall: "Callable[[float], datetime]",
        pace: Pace | None = None,
    ) -> None:
        self._outbox = outbox
        self._wall = wall
        self._pace = pace or Pace()
        self._jobs: deque[Callable[[], None]] = deque()
        self._told = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._refusals: deque[float] = deque()
        self._counters: Counter[str] = Counter()
        self._build(policy, mail, script)

    def start(self) -> None:
        """Begin, with what an earlier process left; say what is wrong with templates and script."""
        if self._policy.templates is not None:
            for line in check_templates(self._policy.templates):
                _log.warning("template of notifications", problem=line)
        if self._script is not None and (problem := self._script.problem()):
            _log.error("script of notifications", problem=problem)
        for delivery in self._deliveries.values():
            delivery.start()
        self._task = asyncio.create_task(self._run(), name="notify-render")

    async def close(self) -> None:
        """Put what was told into the outbox, let what is on its way arrive for some seconds, and end.

        Safe to call twice.
        """
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait([task])
        while self._jobs:
            self._render_next()
        await asyncio.gather(*(delivery.close(CLOSE_SECONDS) for delivery in self._deliveries.values()))

    async def configure(
        self, policy: "NotifyPolicy", mail: "MailSettings | None", script: "ScriptSettings | None"
    ) -> None:
        """Go on with other settings; what waits goes out by the new ones."""
        await self.close()
        self._counters = self._count()
        self._build(policy, mail, script)
        self.start()

    def banned(self, notice: "Notice") -> None:
        """Tell that a ban began."""
        self._queue(partial(self._tell, notice, Kind.BANNED))

    def detailed(self, notice: "Notice") -> None:
        """Tell the details of an attack that led to a ban or joined one; a ban by hand alone has none."""
        if notice.attack is not None:
            self._queue(partial(self._tell, notice, Kind.DETAILED), spare=True)

    def unbanned(self, notice: "Notice") -> None:
        """Tell that a ban ended."""
        self._queue(partial(self._tell, notice, Kind.UNBANNED))

    def refused(self, event: "BanRefused") -> None:
        """Tell that an attacked host was not banned; an operator's own order was answered already."""
        if event.attack is None or event.refusal is Refusal.ALREADY:
            return
        while self._refusals and self._refusals[0] <= event.at - REFUSALS_SECONDS:
            self._refusals.popleft()
        if len(self._refusals) >= REFUSALS_LIMIT:
            self._counters["refusals_untold"] += 1
            return
        self._refusals.append(event.at)
        self._queue(lambda: self._preparer.refuse(event))

    async def test(self) -> list[ChannelReport]:
        """Send a test message on every channel, past the outbox, and say what became of each."""
        now = asyncio.get_running_loop().time()
        mail, call = self._preparer.test_mail(now), self._preparer.test_call(now)
        reports = []
        if self._mail is not None and mail is not None:
            reports.append(await _report("mail", self._mail.test(mail)))
        if self._script is not None and call is not None:
            reports.append(await _report("script", self._script.test(call)))
        return reports

    def status(self) -> NotifierStatus:
        """Say how the notifications are."""
        trouble = "; ".join(delivery.trouble for delivery in self._deliveries.values() if delivery.trouble)
        waiting = len(self._jobs) + sum(self._outbox.pending().values())
        return NotifierStatus("failing" if trouble else "running", trouble, waiting, dict(self._count()))

    def _build(self, policy: "NotifyPolicy", mail: "MailSettings | None", script: "ScriptSettings | None") -> None:
        self._policy = policy
        self._preparer = Preparer(policy, mail, script, self._outbox, self._wall, self._now)
        self._mail = None if mail is None else MailChannel(mail, self._preparer.repeat)
        self._script = None if script is None else ScriptChannel(script)
        channels = [channel for channel in (self._mail, self._script) if channel is not None]
        self._deliveries = {
            channel.name: Delivery(channel, self._outbox, self._now, self._pace) for channel in channels
        }

    def _now(self) -> float:
        return self._wall(asyncio.get_running_loop().time()).timestamp()

    def _count(self) -> Counter[str]:
        counters = self._counters + self._preparer.counters
        counters["template_fallbacks"] += self._preparer.fallbacks
        for name, delivery in self._deliveries.items():
            counters.update({f"{name}_{what}": count for what, count in delivery.counters.items()})
        return counters

    def _queue(self, job: "Callable[[], None]", spare: bool = False) -> None:
        if len(self._jobs) >= (NOTICE_LIMIT // 2 if spare else NOTICE_LIMIT):
            self._counters["notices_dropped"] += 1
            return
        self._jobs.append(job)
        self._told.set()

    async def _run(self) -> None:
        while True:
            await self._told.wait()
            if self._jobs:
                self._render_next()
                await asyncio.sleep(0)  # one at a time: crossings and orders go between
            else:
                self._told.clear()

    def _render_next(self) -> None:
        try:
            self._jobs.popleft()()
        except Exception as error:  # noqa: BLE001  # one notice that cannot be rendered must not silence the others
            self._counters["notices_failed"] += 1
            _log.exception("notice not rendered", reason=str(error))
        for delivery in self._deliveries.values():
            delivery.wake()

    def _tell(self, notice: "Notice", kind: Kind) -> None:
        self._preparer.tell(notice, kind)


async def _report(channel: str, sending: "Awaitable[str]") -> ChannelReport:
    try:
        return ChannelReport(channel, True, await sending)
    except ChannelDownError as error:
        return ChannelReport(channel, False, str(error))
