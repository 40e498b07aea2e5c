"""The real parts of a daemon in one process: store, guard, notifier, an announcer without peers; frames from memory."""

import asyncio
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from netaddr import IPAddress

from capture.frames import Sent
from capture_ext.memory import MemoryFrames
from fnm_guard.announcer.announcer import Announcer
from fnm_guard.capture.live import Capture
from fnm_guard.capture.sources import BuiltSource
from fnm_guard.config import load
from fnm_guard.core.guard import Guard
from fnm_guard.daemon.clock import LiveClock
from fnm_guard.daemon.desk import OperatorDesk
from fnm_guard.daemon.log import Log
from fnm_guard.daemon.parts import Parts
from fnm_guard.daemon.reloading import Reloader
from fnm_guard.daemon.sensor import Sensor
from fnm_guard.journal import Journal
from fnm_guard.notify import Notifier
from fnm_guard.pipeline import Pipeline
from fnm_guard.reports import Reports
from fnm_guard.specs import (
    announcer_settings,
    audit_spec,
    mail_settings,
    notify_policy,
    script_settings,
    source_specs,
)
from fnm_guard.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from capture_ext.source import FrameSource
    from fnm_guard.announcer.peers import PeerState
    from fnm_guard.capture.model import SourceSpec
    from fnm_guard.config.settings import Settings

__all__ = ["HOST", "OTHER", "House", "eventually", "frames", "until"]

HOST, OTHER = IPAddress("203.0.113.7"), IPAddress("203.0.113.8")
DEADLINE = 20.0


def frames(count: int, **sent: Any) -> MemoryFrames:
    """Give a source of equal frames, to `HOST` unless told."""
    return MemoryFrames([(number, Sent(**sent).frame()) for number in range(count)])


async def eventually(claim: "Callable[[], bool]", what: str = "it never happened") -> None:
    """Wait until a claim holds, letting the loop run."""
    deadline = time.monotonic() + DEADLINE
    while not claim():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


def until(claim: "Callable[[], bool]", what: str = "it never happened") -> None:
    """Wait until a claim holds, without an event loop."""
    deadline = time.monotonic() + DEADLINE
    while not claim():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@dataclass(slots=True)
class House:
    """The parts, with what a test needs to play with them.

    Attributes:
        path: The configuration file; `write` changes it.
        coming: Sources of the captures to be built, one list each, the next one first; empty: silent ones.
        descriptor: Of the file `log`, where the log goes.
    """

    path: Path
    parts: Parts
    coming: "list[list[FrameSource]]"
    descriptor: int

    @classmethod
    def build(cls, folder: Path, *sources: "FrameSource", **settings: Any) -> "House":
        """Build all parts; nothing is started but the store."""
        path = folder / "fnm-guard.yaml"
        _write(path, settings)
        loaded = load(path)
        clock = LiveClock()
        folder.joinpath("state").mkdir(exist_ok=True)
        store = Store(folder / "state" / "guard.db", clock.wall)
        store.start()
        coming = [list(sources)] if sources else []
        descriptor = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        log = Log(descriptor)
        log.configure("debug", "json")
        return cls(path, _parts(loaded, clock, store, log, coming), coming, descriptor)

    def write(self, **settings: Any) -> None:
        """Write the configuration file anew."""
        _write(self.path, settings)

    def make_capture(self, settings: "Settings") -> Capture:
        """Build the next capture."""
        return _capture(settings, self.coming)

    def reloader(self) -> Reloader:
        """Give what reloads these parts."""

        async def configure(notifier: Notifier, instance: str, settings: "Settings") -> None:
            policy = notify_policy(settings, instance)
            await notifier.configure(policy, mail_settings(settings), script_settings(settings))

        return Reloader(self.parts, self.path, self.make_capture, configure)

    def desk(self) -> OperatorDesk:
        """Give the desk over these parts."""
        return OperatorDesk(self.parts, self.reloader().reload)

    def lines(self, text: str) -> list[dict[str, Any]]:
        """Give the log lines of one text."""
        lines = map(json.loads, self.path.with_name("log").read_text().splitlines())
        return [line for line in lines if line["event"] == text]

    def close(self) -> None:
        """Stop what threads there are."""
        self.parts.sensor.close()
        self.parts.store.close()
        os.close(self.descriptor)


def _write(path: Path, settings: dict[str, Any]) -> None:
    paths = {"runtime": str(path.parent / "run"), "state": str(path.parent / "state")}
    plain: dict[str, Any] = {
        "networks": ["203.0.113.0/24"],
        "capture": [{"source": "af_packet", "interfaces": ["cap0"]}],
        "detection": {"thresholds": {"incoming": {"pps": 1000}}},
        "paths": paths,
        "log": {"level": "debug", "format": "json"},
    }
    path.write_text(yaml.safe_dump(plain | settings))


def _capture(settings: "Settings", coming: "list[list[FrameSource]]") -> Capture:
    sources = coming.pop(0) if coming else [frames(0)]

    def build(specs: "Sequence[SourceSpec]") -> list[BuiltSource]:
        return [BuiltSource(source, specs[0].interface, False) for source in sources]

    return Capture(settings.detection_policy(), source_specs(settings), audit_spec(settings), build)


def _parts(settings: "Settings", clock: LiveClock, store: Store, log: Log, coming: "list[list[FrameSource]]") -> Parts:
    guard = Guard(settings.attack_policy(), settings.ban_policy(), *store.next_numbers())
    sensor = Sensor(_capture(settings, coming))
    policy = notify_policy(settings, "test")
    notifier = Notifier(policy, mail_settings(settings), script_settings(settings), store.outbox, clock.wall)
    reports = Reports(sensor, notifier, settings.notify.audit_deadline)
    sinks = (store, reports, Journal())
    pipeline = Pipeline(sensor, guard, lambda events: parts.follow(events), sinks, lambda: parts.hurry())  # noqa: PLW0108  as in app
    parts = Parts(
        version="1.2.3",
        instance="test",
        started=clock.now(),
        settings=settings,
        clock=clock,
        log=log,
        sensor=sensor,
        guard=guard,
        pipeline=pipeline,
        reports=reports,
        announcer=Announcer(announcer_settings(settings, "test"), settings.peer_profiles(), _ignore),
        notifier=notifier,
        store=store,
    )
    return parts


def _ignore(_peer: "PeerState") -> None:
    pass
