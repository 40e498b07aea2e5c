"""What a running daemon consists of."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from fnm_guard.core.routes import wanted_routes

if TYPE_CHECKING:
    from fnm_guard.announcer.announcer import Announcer
    from fnm_guard.config.settings import Settings
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
    warnings: dict[str, str] = field(default_factory=dict)

    def drain(self) -> None:
        """Take what the sensor has found."""
        self.pipeline.drain(self.clock.now())

    def listen_to_sensor(self) -> None:
        """Let the sensor wake the loop."""
        asyncio.get_running_loop().add_reader(self.sensor.fd, self.drain)

    def ignore_sensor(self) -> None:
        """Let it wake the loop no more; safe to call twice, and before it was started."""
        if self.sensor.fd >= 0:
            asyncio.get_running_loop().remove_reader(self.sensor.fd)

    def announce(self) -> None:
        """Make the wanted routes from the bans that stand, and hand them to the announcer."""
        settings = self.settings
        wanted = wanted_routes(self.guard.bans(), settings.peer_profiles(), settings.ban_policy())
        self.announcer.want({name: item.routes for name, item in wanted.items()})
        for name, item in wanted.items():
            if len(item.left_out) > self.left_out.get(name, 0):
                _log.error("peer full", peer=name, left_out=len(item.left_out), why="max_routes reached")
            self.left_out[name] = len(item.left_out)

    def warn(self, subject: str, text: str, *, is_logged: bool = False) -> None:
        """Show a warning until it is taken back with an empty text; log it when it is new, if nobody else has."""
        if not text:
            self.warnings.pop(subject, None)
        elif self.warnings.get(subject) != text:
            self.warnings[subject] = text
            if is_logged:
                return
            _log.warning("operator should look", subject=subject, why=text)
