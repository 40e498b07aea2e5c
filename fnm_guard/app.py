"""Builds the parts of the daemon from the settings; with `replay.py` the only file that names concrete ones."""

import asyncio
import contextlib
import gc
import importlib.metadata
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from fnm_guard.announcer.announcer import Announcer
from fnm_guard.api.listener import ListenError
from fnm_guard.api.server import ApiServer
from fnm_guard.capture.live import Capture
from fnm_guard.capture.model import CaptureError
from fnm_guard.capture.sources import XdpLinks, build_sources
from fnm_guard.capture.thread_checks import ring_mebibytes
from fnm_guard.config import ConfigError, load
from fnm_guard.core.guard import Guard
from fnm_guard.daemon.clock import LiveClock
from fnm_guard.daemon.desk import OperatorDesk
from fnm_guard.daemon.lock import FolderError, FolderLock
from fnm_guard.daemon.log import Log
from fnm_guard.daemon.parts import Parts
from fnm_guard.daemon.reloading import Reloader
from fnm_guard.daemon.sensor import Sensor
from fnm_guard.daemon.service import Service
from fnm_guard.journal import Journal, PeerJournal
from fnm_guard.notify import Notifier
from fnm_guard.pipeline import Pipeline
from fnm_guard.reports import Reports
from fnm_guard.specs import announcer_settings, audit_spec, mail_settings, notify_policy, script_settings, source_specs
from fnm_guard.store import Store, StoreError

if TYPE_CHECKING:
    from fnm_guard.config.settings import Settings

__all__ = ["check", "run"]

DONE, FAILED, CONFIGURATION = 0, 1, 2
INSTANCE = "fnm-guard"
STDERR = 2

_log = structlog.get_logger("fnm_guard")


def run(path: Path) -> int:
    """Run the daemon until a signal stops it; give its exit code."""
    try:
        settings = load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return CONFIGURATION
    if not settings.capture:
        print(f"{path}: capture: nothing to read: name a source and its interfaces", file=sys.stderr)
        return CONFIGURATION
    _hold_standard_streams()
    log = Log()
    log.configure(settings.log.level, settings.log.format)
    try:
        with contextlib.ExitStack() as stack:
            for key, folder in _folders(settings).items():
                stack.enter_context(FolderLock(folder, key))
            asyncio.run(_main(path, settings, log))
    except (FolderError, StoreError, CaptureError, ListenError) as error:
        _log.error("cannot run", why=str(error))
        return FAILED
    return DONE


def _folders(settings: "Settings") -> dict[str, Path]:
    """Give the folders that must be ours alone, by their settings; one folder may be both."""
    folders = {"paths.state": settings.paths.state}
    if settings.paths.runtime.resolve() != settings.paths.state.resolve():
        folders["paths.runtime"] = settings.paths.runtime
    return folders


def _hold_standard_streams() -> None:
    """Keep descriptors 0 to 2 taken: if one came closed, the database could get its number, and log lines with it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(descriptor)


async def _main(path: Path, settings: "Settings", log: Log) -> None:
    clock = LiveClock()
    store = Store(settings.paths.state / "guard.db", clock.wall)
    store.start()
    try:
        links = XdpLinks()
        parts = _build(settings, clock, store, log, links)
        reloader = Reloader(parts, path, partial(make_capture, links=links), _configure_notifier)
        desk = OperatorDesk(parts, reloader.reload)
        api = ApiServer(desk, settings.api_socket, settings.api.group)
        _look_for_circles_seldom()
        await Service(parts, api, reloader).run()
    finally:
        store.close()


def _look_for_circles_seldom() -> None:
    """Keep Python's search for circles out of the way: through all objects it takes a tenth of a second, loop and all.

    What was imported and built is no garbage; young circles are still found after some thousand objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2000, 20, 100)


def _build(settings: "Settings", clock: LiveClock, store: Store, log: Log, links: XdpLinks) -> Parts:
    guard = Guard(settings.attack_policy(), settings.ban_policy(), *store.next_numbers())
    sensor = Sensor(make_capture(settings, links))
    instance = f"{INSTANCE}-{store.identity}"
    notifier = Notifier(
        notify_policy(settings, instance), mail_settings(settings), script_settings(settings), store.outbox, clock.wall
    )
    reports = Reports(sensor, notifier, settings.notify.audit_deadline)
    pipeline = Pipeline(
        sensor,
        guard,
        lambda events: parts.follow(events),  # noqa: PLW0108  # the parts are put together below
        (store, reports, Journal()),
        lambda: parts.hurry(),  # noqa: PLW0108  # as above
    )
    parts = Parts(
        version=importlib.metadata.version("fnm-guard"),
        instance=instance,
        started=clock.now(),
        settings=settings,
        clock=clock,
        log=log,
        sensor=sensor,
        guard=guard,
        pipeline=pipeline,
        reports=reports,
        announcer=_announcer(settings),
        notifier=notifier,
        store=store,
    )
    return parts


async def _configure_notifier(notifier: Notifier, instance: str, settings: "Settings") -> None:
    await notifier.configure(notify_policy(settings, instance), mail_settings(settings), script_settings(settings))


def make_capture(settings: "Settings", links: XdpLinks) -> Capture:
    """Build sources and engine.

    Args:
        settings: The configuration.
        links: Who counts by XDP in this process.

    Raises:
        CaptureError: If the settings ask for more than there can be.
    """
    try:
        build = partial(build_sources, links=links)
        return Capture(settings.detection_policy(), source_specs(settings), audit_spec(settings), build)
    except (ValueError, MemoryError) as error:
        raise CaptureError(str(error) or "there is no memory for so many hosts") from error


def _announcer(settings: "Settings") -> Announcer:
    return Announcer(announcer_settings(settings, INSTANCE), settings.peer_profiles(), PeerJournal().record)


def check(path: Path) -> int:
    """Check a configuration and what it needs on this machine; say all that is wrong, a line each."""
    from fnm_guard.daemon.examination import examine  # noqa: PLC0415  # pyroute2 costs half a second, `run` does without

    try:
        settings = load(path)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return CONFIGURATION
    findings = examine(settings)
    for line in (*findings.problems, *(f"warning: {text}" for text in findings.warnings)):
        print(f"{path}: {line}", file=sys.stderr)
    if findings.problems:
        return CONFIGURATION
    hosts = ", ".join(map(str, settings.networks))
    rings = ring_mebibytes(source_specs(settings))
    print(
        f"{path}: good; networks: {hosts}; peers: {len(settings.bgp.peers)}; mode: {settings.ban.mode.value}; "
        f"rings: {rings} MiB"
    )
    return DONE
