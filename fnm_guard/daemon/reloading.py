"""Reload: the new configuration as a whole, or the old one with the reason.

What can fail comes first (reading the file, ExaBGP's check of the peers, opening the sources) and is undone when a
later step fails; what cannot fail comes last.
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

__all__ = ["Reloader"]

FIXED = ("paths", "api", "log")
"""Sections that only a restart changes."""

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

    async def reload(self, by: str) -> "Sequence[str]":
        """Read the file again and apply it; give what changed, a line each.

        Raises:
            OrderRefusedError: With every reason; the old configuration stays.
        """
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
            raise OrderRefusedError(
                "the configuration has errors; the old one stays", str(error).splitlines()
            ) from None
        changes = [name for name in type(new).model_fields if getattr(new, name) != getattr(old, name)]
        if new.bgp.exabgp != old.bgp.exabgp:
            raise OrderRefusedError("bgp.exabgp changed: that needs a restart; the old configuration stays")
        fixed = [name for name in changes if name in FIXED]
        if fixed:
            raise OrderRefusedError(f"{', '.join(fixed)} changed: that needs a restart; the old configuration stays")
        capture = await self._new_capture(old, new)
        try:
            await self._change_peers(old, new)
        except AnnouncerError as error:
            if capture is not None:
                await asyncio.to_thread(capture.close)
            raise OrderRefusedError(f"{error}; the old configuration stays") from None
        await self._change_rest(new, capture)
        return [f"{name} changed" for name in changes] or ["nothing changed"]

    async def _new_capture(self, old: "Settings", new: "Settings") -> "Capture | None":
        """Open the new sources beside the old ones, if the engine must be another one."""
        if not needs_new_engine(old, new):
            return None
        capture = self._make_capture(new)
        try:
            await asyncio.to_thread(capture.start)
        except CaptureError as error:
            raise OrderRefusedError(f"{error}; the old configuration stays") from None
        return capture

    async def _change_peers(self, old: "Settings", new: "Settings") -> None:
        if new.peer_profiles() == old.peer_profiles():
            return
        await self._parts.announcer.reconfigure(new.peer_profiles())
        await self._parts.announcer.start()

    async def _change_rest(self, new: "Settings", capture: "Capture | None") -> None:
        parts = self._parts
        renewed = new.notify != parts.settings.notify
        parts.settings = new
        if capture is not None:
            await self._swap_capture(capture)
        else:
            parts.capture.set_policy(new.detection_policy())
        if renewed:
            await self._configure_notifier(parts.notifier, parts.instance, new)
        parts.reports.attach(parts.capture, parts.notifier, new.notify.audit_deadline)
        now = parts.clock.now()
        parts.pipeline.publish(parts.guard.reconfigure(new.attack_policy(), new.ban_policy(), now))
        parts.announce()

    async def _swap_capture(self, capture: "Capture") -> None:
        """Take the new engine; the running attacks are watched there from now on."""
        parts = self._parts
        loop = asyncio.get_running_loop()
        old = parts.capture
        parts.pipeline.drain(parts.clock.now())
        loop.remove_reader(old.fd)
        for attack in parts.guard.attacks():
            capture.watch(attack.host, attack.direction)
        parts.capture = capture
        parts.pipeline.attach(capture)
        loop.add_reader(capture.fd, lambda: parts.pipeline.drain(parts.clock.now()))
        await asyncio.to_thread(old.close)


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
