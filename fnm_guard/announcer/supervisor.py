"""Keeps one ExaBGP alive: adopts the one of a daemon that was killed, starts one otherwise, replaces it when it fails.

One that is a service of its own is only watched: others start and stop it.
"""

import asyncio
import os
from typing import TYPE_CHECKING

import structlog

from fnm_guard.announcer.adopt import RETURN_SECONDS, Adoption
from fnm_guard.announcer.child import Child, forget_record
from fnm_guard.announcer.configuration import build_environment, render
from fnm_guard.announcer.errors import AnnouncerError
from fnm_guard.announcer.program import find_program
from fnm_guard.announcer.protocol import PROTOCOL
from fnm_guard.announcer.runtime import prepare_runtime, try_user, write_checked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fnm_guard.announcer.configuration import Configuration
    from fnm_guard.announcer.program import Program
    from fnm_guard.announcer.protocol import Hello
    from fnm_guard.announcer.settings import AnnouncerSettings
    from fnm_guard.core.policy import PeerProfile

__all__ = ["Supervisor"]

START_SECONDS = 10.0
"""How long the bridge of a new ExaBGP may take to greet."""
BACKOFF_SECONDS = (0.5, 30.0)
HEALTHY_SECONDS = 30.0
"""A child that lived this long failed for a new reason: the back-off starts over."""

_log = structlog.get_logger("announcer.supervisor")


class Supervisor:
    """One ExaBGP and its configuration.  `on_gone` is told whenever there is none, with the reason."""

    def __init__(
        self, settings: "AnnouncerSettings", peers: "Sequence[PeerProfile]", on_gone: "Callable[[str], None]"
    ) -> None:
        self._settings, self._peers, self._on_gone = settings, tuple(peers), on_gone
        self._child: Child | None = None
        self._checked = self._digest = ""
        self._placing = asyncio.Lock()
        self._adoption = Adoption(settings)
        self._linked = False
        self._complaint: str | None = None
        self._changed = asyncio.Event()

    def admit(self, hello: "Hello") -> bool:
        """Whether a bridge that greets belongs to our ExaBGP."""
        if hello.instance != self._settings.instance or hello.protocol != PROTOCOL:
            _log.warning("bridge of another instance or version turned away", instance=hello.instance)
            return False
        if not self._settings.managed:
            if hello.digest != self._digest:
                _log.warning("the exabgp service runs with another configuration: restart it")
            return True
        if self._child is not None and self._child.running:
            if (hello.exabgp, hello.exabgp_started) == (self._child.pid, self._child.started):
                return True
            self._adoption.end_stranger(hello)
        else:
            self._adoption.meet(hello)
        return False

    def set_linked(self, linked: bool) -> None:
        """Take that the bridge is there, or gone."""
        self._linked = linked
        self._changed.set()

    def replace(self, reason: str) -> None:
        """End this ExaBGP and start another."""
        self._complaint = reason
        self._changed.set()

    async def check(self, peers: "Sequence[PeerProfile]") -> bool:
        """Put the configuration for other peers in place; give whether ExaBGP has to be replaced for it.

        Raises:
            AnnouncerError: If ExaBGP does not take that configuration; the old one stays.
        """
        program, _ = await self._prepare()
        old = render(self._settings, self._peers, program)
        new = render(self._settings, peers, program)
        await self._put_in_place(new, program)
        return new.digest != old.digest

    def reconfigure(self, peers: "Sequence[PeerProfile]", *, replace: bool) -> None:
        """Take other peers, after `check`."""
        self._peers = tuple(peers)
        if replace:
            self.replace("")

    async def run(self) -> None:
        """Keep an ExaBGP alive until cancelled."""
        backoff = BACKOFF_SECONDS[0]
        while True:
            began = asyncio.get_running_loop().time()
            try:
                reason = await (self._live_once() if self._settings.managed else self._watch_service())
            except (AnnouncerError, OSError) as error:
                reason = str(error)
            except Exception as error:  # noqa: BLE001 - a fault of ours is told and tried again like any other
                _log.exception("the supervisor failed")
                reason = repr(error)
            if asyncio.get_running_loop().time() - began > HEALTHY_SECONDS:
                backoff = BACKOFF_SECONDS[0]
            self._on_gone(reason or "exabgp is replaced: new configuration")
            if reason:
                _log.error("no exabgp", reason=reason, next_try_seconds=backoff)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, BACKOFF_SECONDS[1])

    async def stop(self) -> None:
        """End ExaBGP."""
        for child in (self._child, self._adoption.leftover):
            if child is not None and child.running:
                await child.stop()
                forget_record(self._settings.record)

    def leave(self) -> None:
        """Let ExaBGP run on; the next daemon adopts it."""
        for child in (self._child, self._adoption.leftover):
            if child is not None:
                child.leave()

    async def _prepare(self) -> "tuple[Program, Configuration]":
        program = await find_program(self._settings.command)
        prepare_runtime(self._settings)
        await try_user(self._settings)
        return program, render(self._settings, self._peers, program)

    async def _watch_service(self) -> str:
        """Leave the configuration for an ExaBGP that others run; give the reason when its bridge is away."""
        program, configuration = await self._prepare()
        await self._put_in_place(configuration, program)
        while True:
            self._changed.clear()
            try:
                async with asyncio.timeout(None if self._linked else RETURN_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                return f"no bridge: does the exabgp service run, with {self._settings.configuration}?"

    async def _live_once(self) -> str:
        """Run one ExaBGP to its end and give why it ended, "" for a planned replacement."""
        self._linked, self._complaint = False, None  # before the peers are read: others may come any time after
        program, configuration = await self._prepare()
        child = await self._adoption.find(configuration.digest)
        if child is None:
            await self._put_in_place(configuration, program)
            environment = build_environment(self._settings, dict(os.environ))
            child = Child.start(self._settings, program, configuration.digest, environment)
            _log.info("exabgp started", pid=child.pid, version=program.version)
        self._child = child
        reason = await self._watch(child)
        await child.stop()
        self._child = None
        forget_record(self._settings.record)
        return reason

    async def _put_in_place(self, configuration: "Configuration", program: "Program") -> None:
        async with self._placing:
            if self._checked != configuration.text:
                await write_checked(self._settings, configuration, program)
                self._checked, self._digest = configuration.text, configuration.digest

    async def _watch(self, child: Child) -> str:
        """Wait until this ExaBGP has ended or must; give why."""
        allowed = START_SECONDS
        exited = asyncio.create_task(child.wait())
        try:
            while self._complaint is None:
                self._changed.clear()
                changed = asyncio.create_task(self._changed.wait())
                timeout = None if self._linked else allowed
                done, _ = await asyncio.wait({exited, changed}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if exited in done:
                    return f"exabgp ended: {self._last_words()}"
                if not done:
                    return f"the bridge was not heard for {allowed:.0f} s: {self._last_words()}"
                allowed = RETURN_SECONDS if self._linked else allowed
            return self._complaint
        finally:
            exited.cancel()

    def _last_words(self) -> str:
        """Give the last line that ExaBGP printed or logged, and where there is more."""
        for path in (self._settings.output, self._settings.log):
            try:
                lines = path.read_text("ascii", "replace")[-4096:].strip().splitlines()
            except OSError:
                continue
            if lines:
                return f"{lines[-1].strip()[:200]} (see {path})"
        return f"it said nothing (see {self._settings.log})"
