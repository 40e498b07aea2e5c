"""The daemon's life: start in order, run, reload on SIGHUP, stop in order on SIGTERM or SIGINT.

Start: the store first, because it knows the bans that stand; then what may fail, the sources and the API; only then the
peers, so that a start that fails takes back nothing that a daemon before it left announced.  Stop: the announcer after
all that decides, so that what `on_stop` says happens with the final word of the guard.

Everything here runs on the asyncio thread.  The engine wakes it through an eventfd; a tick of the loop four times a
second drives what waits for time.
"""

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

import structlog

from fnm_guard.announcer.peers import SessionState
from fnm_guard.core.events import BanRemoved
from fnm_guard.core.model import Direction
from fnm_guard.core.policy import Mode
from fnm_guard.daemon import systemd
from fnm_guard.daemon.history import AnnouncementHistory
from fnm_guard.notify import check_script
from fnm_guard.pipeline import PULSE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from fnm_guard.api.server import ApiServer
    from fnm_guard.daemon.parts import Parts
    from fnm_guard.daemon.reloading import Reloader

__all__ = ["Service"]

LOOK_SECONDS = 1.0
"""How often sources and internal traffic are looked at."""
BANS_A_LOOK = 1000
"""How many bans have their wanted routes compared with the definition in one look."""
RELOAD_SECONDS = 1.0
LATE_SECONDS = 1.0
"""A pulse later than this is logged: the machine is overloaded, or the process was stopped."""

_log = structlog.get_logger("fnm_guard")


class Service:
    """Runs the parts until told to stop."""

    def __init__(self, parts: "Parts", api: "ApiServer", reloader: "Reloader") -> None:
        self._parts = parts
        self._api = api
        self._reloader = reloader
        self._stopping, self._reload_wanted = asyncio.Event(), asyncio.Event()
        self._history = AnnouncementHistory(parts.announcer, parts.store)
        self._sources: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Start, run until a signal asks to stop, and stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        try:
            await self._start()
            systemd.notify("READY=1", f"STATUS={self._parts.guard.ban_count} bans")
            await self._stopping.wait()
            _log.info("stopping")
            systemd.notify("STOPPING=1")
        finally:
            await self._stop()

    async def _start(self) -> None:
        parts = self._parts
        self._restore()
        parts.sensor.start()
        parts.listen_to_sensor()
        await self._api.start()
        if self._api.warning:
            parts.warn("api", self._api.warning)
        parts.announce()
        if parts.settings.bgp.peers:
            await parts.announcer.start()
        parts.notifier.start()
        works = (self._pulse(), self._look(), self._reload(), parts.loop_watch.run())
        self._tasks = [asyncio.create_task(work) for work in works]
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
            _log.info("bans restored", standing=parts.guard.ban_count, due=due, attacks_cut=cut)
        parts.pipeline.publish(events)

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
            self._parts.drain()
            self._parts.pipeline.pulse(self._parts.clock.now())
        except Exception:  # noqa: BLE001  # whatever it is, the next pulse must come
            _log.exception("pulse failed")

    async def _look(self) -> None:
        """Watch what operators should know of: sources, sessions, and internal traffic that looks like an attack."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                self._look_at_sources()
                self._look_at_internal()
                self._look_at_peers()
                self._look_at_script()
                self._look_at_clocks()
                self._history.look(self._parts.clock.now())
                self._parts.check_wanted(BANS_A_LOOK)
                self._parts.log.settle()
            except Exception:  # noqa: BLE001  # whatever it is, the next look must come
                _log.exception("look failed")

    def _look_at_sources(self) -> None:
        """Show why a source fails, which it has logged itself, and what is wrong with one that runs."""
        sources = self._parts.sensor.sources()
        failures = {source.description: source.failure for source in sources if source.failure}
        warnings = {text: text for source in sources for text in source.warnings}
        for subject in self._sources - failures.keys() - warnings.keys():
            self._parts.warn(subject, "")
        for subject, failure in failures.items():
            self._parts.warn(subject, failure, is_logged=True)
        for subject, text in warnings.items():
            self._parts.warn(subject, text)
        self._sources = failures.keys() | warnings.keys()

    def _look_at_internal(self) -> None:
        parts = self._parts
        threshold = parts.settings.detection_policy().incoming.pps
        pps = parts.sensor.traffic().directions[Direction.INTERNAL].pps
        if threshold is None or pps <= threshold:
            parts.warn("internal", "")
            return
        hosts = ", ".join(str(host) for host, _ in parts.sensor.internal_destinations(3))
        text = f"internal traffic is above the incoming threshold of {threshold:g} pps, top destinations: {hosts}"
        parts.warn("internal", f"{text}; forged sources? see count_internal")

    def _look_at_peers(self) -> None:
        """Warn when bans reach nobody."""
        parts = self._parts
        states = parts.announcer.peers() if parts.settings.ban.mode is Mode.ACT else ()
        reasons = dict.fromkeys(state.reason for state in states if state.reason)
        if reasons and all(state.state is not SessionState.UP for state in states):
            text = f"no BGP session is up, bans reach nobody: {'; '.join(reasons)}"
            parts.warn("bgp", text, is_logged=True)  # peer by peer
        else:
            parts.warn("bgp", "")

    def _look_at_script(self) -> None:
        """Warn when the hook cannot be called."""
        script = self._parts.settings.notify.script
        self._parts.warn("script", "" if script is None else check_script(script.path))

    def _look_at_clocks(self) -> None:
        """Say when the wall clock was set."""
        now = self._parts.clock.now()
        jump = self._parts.clock_watch.look(now, self._parts.clock.wall(now).timestamp())
        if jump:
            _log.warning("wall clock jumped", seconds=round(jump, 3))

    def _hang_up(self) -> None:
        """Ask for a reload; however often that happens, there is one in `RELOAD_SECONDS`."""
        self._reload_wanted.set()

    async def _reload(self) -> None:
        while True:
            await self._reload_wanted.wait()
            self._reload_wanted.clear()
            with contextlib.suppress(Exception):  # refused: said in the log, the old configuration stays
                await self._reloader.reload("SIGHUP")
            await asyncio.sleep(RELOAD_SECONDS)

    async def _stop(self) -> None:
        """Stop what runs, each part whatever became of those before it."""
        parts = self._parts
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._reloader.finish()
        await self._end("api", self._api.close())
        parts.ignore_sensor()
        await self._end("capture", asyncio.to_thread(parts.sensor.close))
        parts.pipeline.settle(parts.clock.now())
        await self._end("announcer", parts.announcer.close())
        self._history.finish(parts.clock.now())
        await self._end("notifier", parts.notifier.close())
        await self._end("store", asyncio.to_thread(parts.store.close))
        _log.info("stopped")

    async def _end(self, part: str, closing: "Awaitable[None]") -> None:
        try:
            await closing
        except Exception:  # noqa: BLE001  # the next part must be stopped all the same
            _log.exception("stop failed", part=part)
