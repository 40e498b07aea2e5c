"""What a running daemon consists of."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from fnm_guard.core.wanted import WantedBook
from fnm_guard.daemon.timing import ClockWatch, LoopWatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fnm_guard.announcer.announcer import Announcer
    from fnm_guard.config.settings import Settings
    from fnm_guard.core.events import Event
    from fnm_guard.core.guard import Guard
    from fnm_guard.daemon.clock import LiveClock
    from fnm_guard.daemon.log import Log
    from fnm_guard.daemon.sensor import Sensor
    from fnm_guard.notify import Notifier
    from fnm_guard.pipeline import Pipeline
    from fnm_guard.reports import Reports
    from fnm_guard.store import Store

__all__ = ["Parts"]

_log = structlog.get_logger("fnm_guard")


@dataclass(slots=True)
class Parts:
    """The parts, put together by `app.py`; a reload replaces some of them.

    Attributes:
        version: Of this program.
        instance: Name of this guard, as ExaBGP and the mails know it.
        started: When the daemon started.
        left_out: How many bans each peer cannot hear of because of its `max_routes`.
        wanted: What each peer should hear; None before the first `announce`.
        checked: How many of the bans `check_wanted` has come to in this turn.
        is_hurried: Whether the next slice is on its way.
        warnings: One line each, for what an operator should look at now; by subject.
    """

    version: str
    instance: str
    started: float
    settings: "Settings"
    clock: "LiveClock"
    log: "Log"
    sensor: "Sensor"
    guard: "Guard"
    pipeline: "Pipeline"
    reports: "Reports"
    announcer: "Announcer"
    notifier: "Notifier"
    store: "Store"
    left_out: dict[str, int] = field(default_factory=dict)
    loop_watch: LoopWatch = field(default_factory=LoopWatch)
    clock_watch: ClockWatch = field(default_factory=ClockWatch)
    wanted: WantedBook | None = None
    checked: int = 0
    is_hurried: bool = False
    warnings: dict[str, str] = field(default_factory=dict)

    def drain(self) -> None:
        """Take what the sensor has found."""
        self.pipeline.drain(self.clock.now())

    def hurry(self) -> None:
        """Let the pipeline do its next slice when the loop has served everybody else."""
        if not self.is_hurried:
            self.is_hurried = True
            asyncio.get_running_loop().call_soon(self._step)

    def _step(self) -> None:
        """One slice.  After a fault, which is logged with its place, the next pulse goes on."""
        self.is_hurried = False
        try:
            if self.pipeline.step(self.clock.now()):
                self.hurry()
        except Exception:  # noqa: BLE001  # whatever it is, the next pulse must find everything in place
            _log.exception("step failed")

    def listen_to_sensor(self) -> None:
        """Let the sensor wake the loop."""
        asyncio.get_running_loop().add_reader(self.sensor.fd, self.drain)

    def ignore_sensor(self) -> None:
        """Let it wake the loop no more; safe to call twice, and before it was started."""
        if self.sensor.fd >= 0:
            asyncio.get_running_loop().remove_reader(self.sensor.fd)

    def announce(self) -> None:
        """Make the wanted routes from all bans that stand, and hand them to the announcer."""
        settings = self.settings
        self.wanted = WantedBook(self.guard.bans(), settings.peer_profiles(), settings.ban_policy())
        self.announcer.want(self.wanted.routes())
        self._count_left_out(self.wanted)

    def follow(self, events: "Sequence[Event]") -> None:
        """Let the wanted routes follow what happened to bans, and hand what that changes to the announcer."""
        if self.wanted is None:
            self.announce()
            return
        changes = self.wanted.follow(events)
        if changes:
            self.announcer.change(changes)
        self._count_left_out(self.wanted)

    def check_wanted(self, count: int) -> None:
        """Compare the wanted routes of the next `count` bans, in turn, with the definition; mend and log if need be."""
        if self.wanted is None:
            return
        bans = self.guard.bans()
        start = self.checked if self.checked < len(bans) else 0
        self.checked = start + count
        wrong = self.wanted.count_wrong(bans[start : self.checked], len(bans))
        if wrong:
            _log.error("wanted routes were wrong", bans=wrong)
            self.announce()

    def _count_left_out(self, wanted: WantedBook) -> None:
        for name, count in wanted.left_out().items():
            if count > self.left_out.get(name, 0):
                _log.error("peer full", peer=name, left_out=count, why="max_routes reached")
            self.left_out[name] = count

    def warn(self, subject: str, text: str, *, is_logged: bool = False) -> None:
        """Show a warning until it is taken back with an empty text; log it when it is new, if nobody else has."""
        if not text:
            self.warnings.pop(subject, None)
        elif self.warnings.get(subject) != text:
            self.warnings[subject] = text
            if is_logged:
                return
            _log.warning("operator should look", subject=subject, why=text)
