"""The daemon's life: start in order, run, reload on SIGHUP, stop in order on SIGTERM or SIGINT.

Start: the store first, because it knows the bans that stand; then the routes they want, before anything is counted;
then the frames, the peers and the API.  Stop: the other way round, the announcer last, so that what `on_stop` says
happens with the final word of the guard.

Everything here runs on the asyncio thread.  The engine wakes it through an eventfd; a tick of the loop four times a
second drives what waits for time.
"""

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

import structlog

from fnm_guard.core.events import BanRemoved
from fnm_guard.core.model import Direction
from fnm_guard.daemon import systemd
from fnm_guard.pipeline import PULSE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from fnm_guard.api.server import ApiServer
    from fnm_guard.daemon.parts import Parts
    from fnm_guard.daemon.reloading import Reloader

__all__ = ["Service"]

LOOK_SECONDS = 1.0
"""How often sources and internal traffic are looked at."""
LATE_SECONDS = 1.0
"""A pulse later than this is logged: the machine is overloaded, or the process was stopped."""

_log = structlog.get_logger("fnm_guard")


class Service:
    """Runs the parts until told to stop."""

    def __init__(self, parts: "Parts", api: "ApiServer", reloader: "Reloader") -> None:
        self._parts = parts
        self._api = api
        self._reloader = reloader
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Start, run until a signal asks to stop, and stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        try:
            await self._start()
            systemd.notify("READY=1", f"STATUS={len(self._parts.guard.bans())} bans")
            await self._stopping.wait()
            _log.info("stopping")
            systemd.notify("STOPPING=1")
        finally:
            await self._stop()

    async def _start(self) -> None:
        parts = self._parts
        self._restore()
        parts.announce()
        if parts.settings.bgp.peers:
            await parts.announcer.start()
        parts.capture.start()
        self.listen()
        parts.notifier.start()
        await self._api.start()
        if self._api.warning:
            parts.warn("api", self._api.warning)
        self._tasks = [asyncio.create_task(self._pulse(), name="pulse"), asyncio.create_task(self._look(), name="look")]
        _log.info("running", version=parts.version, instance=parts.instance, mode=parts.settings.ban.mode.value)

    def _restore(self) -> None:
        """Take over the bans from before; those that fell due meanwhile end here."""
        parts = self._parts
        now = parts.clock.now()
        cut = parts.store.close_stale()
        bans = parts.store.open_bans(now, parts.clock.wall(now))
        holdoffs = parts.store.holdoffs(now, parts.clock.wall(now), parts.settings.ban.holdoff)
        events = parts.guard.restore(bans, now, holdoffs)
        due = sum(isinstance(event, BanRemoved) for event in events)
        if bans or cut:
            _log.info("bans restored", standing=len(parts.guard.bans()), due=due, attacks_cut=cut)
        parts.pipeline.publish(events)

    def listen(self) -> None:
        """Let the engine wake the loop."""
        asyncio.get_running_loop().add_reader(self._parts.capture.fd, self._drain)

    def _drain(self) -> None:
        self._parts.pipeline.drain(self._parts.clock.now())

    async def _pulse(self) -> None:
        clock = self._parts.clock
        due = clock.now()
        watchdog = systemd.watchdog_seconds()
        while True:
            due = max(due + PULSE_SECONDS, clock.now())
            await asyncio.sleep(due - clock.now())
            late = clock.now() - due
            if late > LATE_SECONDS:
                _log.warning("pulse late", seconds=round(late, 2))
            self._step()
            if watchdog:
                systemd.notify("WATCHDOG=1")

    def _step(self) -> None:
        """One pulse.  A fault in it is logged with its place, and the next pulse comes all the same."""
        try:
            self._drain()
            self._parts.pipeline.pulse(self._parts.clock.now())
        except Exception:  # noqa: BLE001  # whatever it is, the next pulse must come
            _log.exception("pulse failed")

    async def _look(self) -> None:
        """Watch the sources, and internal traffic that would be an attack if it were not internal."""
        failing: dict[str, str] = {}
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._look_at_sources(failing)
            self._look_at_internal()

    def _look_at_sources(self, failing: dict[str, str]) -> None:
        for source in self._parts.capture.sources():
            if source.failure != failing.get(source.description, ""):
                failing[source.description] = source.failure
                if not source.failure:
                    _log.info("source runs again", source=source.description)
            self._parts.warn(source.description, source.failure)

    def _look_at_internal(self) -> None:
        parts = self._parts
        threshold = parts.settings.detection_policy().incoming.pps
        pps = parts.capture.traffic().directions[Direction.INTERNAL].pps
        if threshold is None or pps <= threshold:
            parts.warn("internal", "")
            return
        hosts = ", ".join(str(host) for host, _ in parts.capture.internal_destinations(3))
        text = f"internal traffic is above the incoming threshold of {threshold:g} pps, top destinations: {hosts}"
        parts.warn("internal", f"{text}; forged sources? see count_internal")

    def _hang_up(self) -> None:
        async def reload() -> None:
            with contextlib.suppress(Exception):  # refused: said in the log, the old configuration stays
                await self._reloader.reload("SIGHUP")

        self._spawn(reload())

    def _spawn(self, work: "Coroutine[Any, Any, None]") -> None:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        task.add_done_callback(lambda done: self._tasks.remove(done) if done in self._tasks else None)

    async def _stop(self) -> None:
        parts = self._parts
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._api.close()
        with contextlib.suppress(ValueError, OSError):
            asyncio.get_running_loop().remove_reader(parts.capture.fd)
        await asyncio.to_thread(parts.capture.close)
        await parts.announcer.close()
        await parts.notifier.close()
        await asyncio.to_thread(parts.store.close)
        _log.info("stopped")
