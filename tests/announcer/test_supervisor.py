"""Which bridge belongs to us, and what becomes of an ExaBGP that somebody left; with processes that do nothing."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from announcer.stage import eventually, profile
from fnm_guard.announcer.adopt import Adoption
from fnm_guard.announcer.child import Child, Record, read_record, start_time, write_record
from fnm_guard.announcer.configuration import render
from fnm_guard.announcer.program import Program
from fnm_guard.announcer.protocol import Hello
from fnm_guard.announcer.settings import AnnouncerSettings
from fnm_guard.announcer.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HELLO = Hello(protocol=1, instance="fnm-guard", digest="d1", exabgp=0, exabgp_started=0, hangups=0)


@pytest.fixture
def settings(tmp_path: Path) -> AnnouncerSettings:
    """Settings with a folder and a program that only sleeps."""
    script = tmp_path / "exabgp"
    script.write_text("#!/bin/sh\ncase $1 in version) echo 5.0.15;; validate) ;; *) exec sleep 60;; esac\n")
    script.chmod(0o755)
    return AnnouncerSettings(runtime=tmp_path / "run", command=script)


@pytest.fixture
async def leftover(settings: AnnouncerSettings) -> "AsyncIterator[Child]":
    """A process that a daemon before us started."""
    settings.logs.mkdir(parents=True)
    program = Program(settings.command or Path(), "5.0.15")
    child = Child.start(settings, program, "d1", {"PATH": os.environ["PATH"]})
    child.leave()
    yield child
    again = Child.adopt(child.pid, child.started)
    if again is not None:
        await again.stop()


def _hello(child: Child, digest: str = "d1") -> Hello:
    return replace(HELLO, exabgp=child.pid, exabgp_started=child.started, digest=digest)


async def test_nothing_was_left(settings: AnnouncerSettings) -> None:
    """Without a record and without a greeting there is nothing to adopt."""
    assert await Adoption(settings).find("d1") is None


async def test_the_record_was_lost(settings: AnnouncerSettings, leftover: Child) -> None:
    """A runtime folder that was emptied does not make two ExaBGPs fight: a bridge that greets is enough."""
    settings.record.unlink()
    adoption = Adoption(settings)
    adoption.meet(_hello(leftover))
    child = await adoption.find("d1")
    assert child is not None
    assert read_record(settings.record) == Record(leftover.pid, leftover.started, "d1")
    child.leave()


async def test_the_one_that_was_left_is_adopted(settings: AnnouncerSettings, leftover: Child) -> None:
    """The process of the record whose bridge greets with our digest goes on; only once is it looked for."""
    adoption = Adoption(settings)
    adoption.meet(_hello(leftover))
    child = await adoption.find("d1")
    assert child is not None
    assert (child.pid, child.running) == (leftover.pid, True)
    assert adoption.leftover is None
    assert await adoption.find("d1") is None
    child.leave()


async def test_one_of_another_configuration_is_ended(settings: AnnouncerSettings, leftover: Child) -> None:
    """Its digest is not ours: it is ended before anything else is started."""
    adoption = Adoption(settings)
    adoption.meet(_hello(leftover))
    assert await adoption.find("d2") is None
    assert start_time(leftover.pid) is None


async def test_one_without_a_bridge_is_ended(
    settings: AnnouncerSettings, leftover: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bridge does not greet: nobody could tell it anything."""
    monkeypatch.setattr("fnm_guard.announcer.adopt.RETURN_SECONDS", 0.05)
    assert await Adoption(settings).find("d1") is None
    assert start_time(leftover.pid) is None


async def test_a_record_of_a_process_that_is_gone(settings: AnnouncerSettings, leftover: Child) -> None:
    """A pid that is another process's now is not waited for, and left alone."""
    write_record(settings.record, Record(leftover.pid, leftover.started + 1, "d1"))
    assert await Adoption(settings).find("d1") is None
    assert start_time(leftover.pid) == leftover.started


async def test_a_hint_is_enough(settings: AnnouncerSettings, leftover: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that died while it started an ExaBGP left no pid: a greeting gives it, and the record is made whole."""
    write_record(settings.record, Record(0, 0, ""))
    adoption = Adoption(settings)
    finding = asyncio.create_task(adoption.find("d1"))
    await asyncio.sleep(0)
    adoption.meet(_hello(leftover))
    child = await finding
    assert child is not None
    assert read_record(settings.record) == Record(leftover.pid, leftover.started, "d1")
    child.leave()
    monkeypatch.setattr("fnm_guard.announcer.adopt.HINT_SECONDS", 0.05)
    write_record(settings.record, Record(0, 0, ""))
    assert await Adoption(settings).find("d1") is None


async def test_a_stranger_is_ended(settings: AnnouncerSettings, leftover: Child) -> None:
    """A bridge of ours whose ExaBGP nobody watches: two must not fight over a session."""
    Adoption(settings).end_stranger(_hello(leftover))
    await eventually(lambda: start_time(leftover.pid) is None)


class Watch:
    """A running supervisor, and what it told."""

    def __init__(self, settings: AnnouncerSettings) -> None:
        self.gone: list[str] = []
        self.settings = settings
        self.supervisor = Supervisor(settings, (profile(),), self.gone.append)
        self.task = asyncio.create_task(self.supervisor.run())

    def record(self) -> Record:
        """Give the record; all zero while there is none."""
        return read_record(self.settings.record) or Record(0, 0, "")

    def hello(self) -> Hello:
        """Give the greeting of the ExaBGP that runs."""
        record = self.record()
        return replace(HELLO, exabgp=record.pid, exabgp_started=record.started, digest=record.digest)

    async def close(self) -> None:
        """End it, with what it runs."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.supervisor.stop()


@pytest.fixture
async def watch(settings: AnnouncerSettings) -> "AsyncIterator[Watch]":
    """A supervisor whose ExaBGP runs."""
    made = Watch(settings)
    await eventually(lambda: made.record().pid)
    yield made
    await made.close()


async def test_only_our_own_bridge_is_admitted(watch: Watch, leftover_elsewhere: Child) -> None:
    """Instance, protocol and process must be ours; a bridge of ours at another ExaBGP costs that one its life."""
    admit, hello = watch.supervisor.admit, watch.hello()
    assert admit(hello)
    assert not admit(replace(hello, instance="other"))
    assert not admit(replace(hello, protocol=2))
    assert not admit(_hello(leftover_elsewhere))
    await eventually(lambda: start_time(leftover_elsewhere.pid) is None)
    assert start_time(hello.exabgp) == hello.exabgp_started


@pytest.fixture
async def leftover_elsewhere(settings: AnnouncerSettings, tmp_path: Path) -> "AsyncIterator[Child]":
    """A process that another folder's record names."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "exabgp").mkdir(parents=True)
    program = Program(settings.command or Path(), "5.0.15")
    child = Child.start(AnnouncerSettings(runtime=elsewhere), program, "d1", {"PATH": os.environ["PATH"]})
    yield child
    await child.stop()


async def test_one_whose_bridge_stays_away_is_replaced(
    settings: AnnouncerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ExaBGP that cannot be told anything is of no use."""
    monkeypatch.setattr("fnm_guard.announcer.supervisor.START_SECONDS", 0.05)
    monkeypatch.setattr("fnm_guard.announcer.supervisor.BACKOFF_SECONDS", (0.01, 0.01))
    watch = Watch(settings)
    await eventually(lambda: len(watch.gone) >= 2)
    assert "the bridge was not heard for" in watch.gone[0]
    assert str(settings.log) in watch.gone[0]
    await watch.close()


async def test_one_is_replaced_on_demand(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds it useless says why, and another is started."""
    monkeypatch.setattr("fnm_guard.announcer.supervisor.BACKOFF_SECONDS", (0.01, 0.01))
    before = watch.record().pid
    watch.supervisor.replace("exabgp does not answer")
    await eventually(lambda: watch.record().pid not in (0, before))
    assert watch.gone == ["exabgp does not answer"]


async def test_a_demand_before_the_start_is_not_lost(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other peers that come while an ExaBGP is being started make it start once more."""
    monkeypatch.setattr("fnm_guard.announcer.supervisor.BACKOFF_SECONDS", (0.01, 0.01))
    first = watch.record()
    watch.supervisor.replace("")
    await eventually(lambda: start_time(first.pid) is None)
    assert await watch.supervisor.check((profile(hold_seconds=30),))
    watch.supervisor.reconfigure((profile(hold_seconds=30),), replace=True)
    await eventually(lambda: "hold-time 30" in watch.settings.configuration.read_text())
    program = Program(watch.settings.command or Path(), "5.0.15")
    digest = render(watch.settings, (profile(hold_seconds=30),), program).digest
    await eventually(lambda: watch.record().digest == digest)


async def test_a_fault_of_ours_is_tried_again(settings: AnnouncerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong is told and tried again: the daemon runs on."""
    monkeypatch.setattr("fnm_guard.announcer.supervisor.BACKOFF_SECONDS", (0.01, 0.01))

    def broken(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("fnm_guard.announcer.supervisor.render", broken)
    watch = Watch(settings)
    await eventually(lambda: len(watch.gone) >= 2)
    assert "a fault" in watch.gone[0]
    await watch.close()


async def test_what_is_left_runs_on(watch: Watch) -> None:
    """After `leave` the ExaBGP is the next daemon's."""
    pid = watch.record().pid
    watch.task.cancel()
    await asyncio.gather(watch.task, return_exceptions=True)
    watch.supervisor.leave()
    assert start_time(pid) is not None
    adopted = Child.adopt(pid, watch.record().started)
    assert adopted is not None
    await adopted.stop()
