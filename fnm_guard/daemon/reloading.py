"""Reload: the new configuration as a whole, or the old one with the reason.

What can fail comes first (reading the file, opening the sources, ExaBGP's check of the peers) and is undone when a
later step fails; what cannot fail comes last.  A reload that has begun is carried through: neither a client that hangs
up nor a stop leaves half of it behind.
"""

import asyncio
from typing import TYPE_CHECKING

import structlog

from fnm_guard.announcer.errors import AnnouncerError
from fnm_guard.api.desk import OrderRefusedError
from fnm_guard.capture.model import CaptureError
from fnm_guard.config import ConfigError, load
from fnm_guard.daemon import systemd

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from fnm_guard.capture.live import Capture
    from fnm_guard.config.settings import Settings
    from fnm_guard.daemon.parts import Parts
    from fnm_guard.notify import Notifier

__all__ = ["Reloader", "needs_new_engine"]

FIXED = ("paths", "api")
"""Sections that only a restart changes."""
STAYS = "the old configuration stays"

_log = structlog.get_logger("fnm_guard")


class Reloader:
    """Swaps the configuration of the running parts.

    Args:
        parts: The running parts.
        path: The configuration file.
        make_capture: Builds sources and engine from settings.
        configure_notifier: Gives the notifier other settings.
    """

    def __init__(
        self,
        parts: "Parts",
        path: "Path",
        make_capture: "Callable[[Settings], Capture]",
        configure_notifier: "Callable[[Notifier, str, Settings], Awaitable[None]]",
    ) -> None:
        self._parts = parts
        self._path = path
        self._make_capture = make_capture
        self._configure_notifier = configure_notifier
        self._busy = asyncio.Lock()
        self._running: set[asyncio.Task[Sequence[str]]] = set()

    async def reload(self, by: str) -> "Sequence[str]":
        """Read the file again and apply it; give what changed, a line each.

        Raises:
            OrderRefusedError: With every reason; the old configuration stays.
        """
        task = asyncio.create_task(self._reload(by), name="reload")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """Wait for the reloads that have begun."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _reload(self, by: str) -> "Sequence[str]":
        async with self._busy:
            systemd.reloading()
            try:
                changes = await self._apply()
            except OrderRefusedError as error:
                _log.error("configuration refused", by=by, why=error.text, details=list(error.details))
                raise
            finally:
                systemd.notify("READY=1")
            _log.info("configuration loaded", by=by, changes=changes)
            return changes

    async def _apply(self) -> "Sequence[str]":
        old = self._parts.settings
        try:
            new = await asyncio.to_thread(load, self._path)
        except ConfigError as error:
            raise OrderRefusedError(f"the configuration has errors; {STAYS}", str(error).splitlines()) from None
        changes = [name for name in type(new).model_fields if getattr(new, name) != getattr(old, name)]
        _refuse_fixed(old, new, changes)
        capture = await self._new_capture(old, new)
        try:
            await self._change_peers(old, new)
        except AnnouncerError as error:
            await self._undo(old, capture)
            raise OrderRefusedError(f"{error}; {STAYS}") from None
        await self._change_rest(new, capture)
        return [f"{name} changed" for name in changes] + self._failures(capture) or ["nothing changed"]

    def _failures(self, capture: "Capture | None") -> "list[str]":
        """Tell of new sources that could not be opened and are being tried again."""
        if capture is None:
            return []
        return [f"warning: {source.failure}" for source in capture.sources() if source.state == "failed"]

    async def _new_capture(self, old: "Settings", new: "Settings") -> "Capture | None":
        """Put the new thresholds in place; or, if the engine must be another one, open its sources beside the old."""
        try:
            if not needs_new_engine(old, new):
                self._parts.sensor.set_policy(new.detection_policy())
                return None
            capture = self._make_capture(new)
            await asyncio.to_thread(capture.start)
        except (CaptureError, ValueError) as error:
            raise OrderRefusedError(f"{error}; {STAYS}") from None
        return capture

    async def _undo(self, old: "Settings", capture: "Capture | None") -> None:
        if capture is None:
            self._parts.sensor.set_policy(old.detection_policy())
        else:
            await asyncio.to_thread(capture.close)

    async def _change_peers(self, old: "Settings", new: "Settings") -> None:
        if new.peer_profiles() == old.peer_profiles():
            return
        await self._parts.announcer.reconfigure(new.peer_profiles())
        await self._parts.announcer.start()

    async def _change_rest(self, new: "Settings", capture: "Capture | None") -> None:
        parts = self._parts
        renewed = new.notify != parts.settings.notify
        parts.settings = new
        parts.log.configure(new.log.level, new.log.format)
        if capture is not None:
            await self._swap(capture)
        if renewed:
            await self._configure_notifier(parts.notifier, parts.instance, new)
        parts.reports.attach(parts.sensor, parts.notifier, new.notify.audit_deadline)
        events = parts.guard.reconfigure(new.attack_policy(), new.ban_policy(), parts.clock.now())
        parts.announce()
        parts.pipeline.publish(events)

    async def _swap(self, capture: "Capture") -> None:
        """Go on with the new engine; the hosts under attack are watched there from now on."""
        parts = self._parts
        parts.ignore_sensor()
        await asyncio.to_thread(parts.sensor.retire, capture)
        parts.drain()
        watched = [(attack.host, attack.direction) for attack in parts.guard.attacks()]
        parts.sensor.succeed(capture, watched, parts.clock.now())
        parts.listen_to_sensor()
        parts.drain()


def _refuse_fixed(old: "Settings", new: "Settings", changes: "Sequence[str]") -> None:
    fixed = [name for name in changes if name in FIXED]
    if new.bgp.exabgp != old.bgp.exabgp:
        fixed.append("bgp.exabgp")
    if fixed:
        raise OrderRefusedError(f"{', '.join(fixed)} changed: that needs a restart; {STAYS}")


def needs_new_engine(old: "Settings", new: "Settings") -> bool:
    """Whether other sources, networks or windows make another engine necessary; thresholds alone do not."""

    def shape(settings: "Settings") -> tuple[object, ...]:
        policy = settings.detection_policy()
        return (
            settings.capture,
            settings.audit,
            settings.networks,
            policy.window_seconds,
            policy.tick_seconds,
            policy.ipv6_hosts,
            policy.flows,
        )

    return shape(old) != shape(new)
