"""A process that outlives us, and the record by which it is found again."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from announcer.stage import eventually
from fnm_guard.announcer.child import Child, Record, forget_record, read_record, start_time, write_record
from fnm_guard.announcer.program import Program
from fnm_guard.announcer.settings import AnnouncerSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def _program(folder: Path, text: str) -> Program:
    script = folder / "exabgp"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return Program(script, "5.0.15")


@pytest.fixture
def settings(tmp_path: Path) -> AnnouncerSettings:
    """Settings with a folder."""
    made = AnnouncerSettings(runtime=tmp_path / "run")
    made.logs.mkdir(parents=True)
    return made


@pytest.fixture
async def child(settings: AnnouncerSettings) -> "AsyncIterator[Child]":
    """A process that does what it is told and nothing else."""
    made = Child.start(settings, _program(settings.runtime.parent, "exec sleep 60"), "d1", {"PATH": os.environ["PATH"]})
    yield made
    made.leave()
    if start_time(made.pid) == made.started:
        _end(made.pid)


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


async def test_a_start_leaves_a_record(settings: AnnouncerSettings, child: Child) -> None:
    """The record names the process for good: pid, start time, and the digest of its configuration."""
    assert read_record(settings.record) == Record(child.pid, child.started, "d1")
    assert start_time(child.pid) == child.started
    assert child.running


async def test_it_is_in_a_session_of_its_own(child: Child) -> None:
    """Ctrl-C at the daemon's terminal does not reach it."""
    assert os.getsid(child.pid) == child.pid != os.getsid(0)


async def test_a_stop_ends_it(child: Child) -> None:
    """It is asked to end, and is gone; a second stop is no harm."""
    await child.stop()
    assert not child.running
    assert start_time(child.pid) is None
    await child.stop()


async def test_one_that_does_not_listen(settings: AnnouncerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ignores SIGTERM is ended all the same."""
    monkeypatch.setattr("fnm_guard.announcer.child.TERMINATE_SECONDS", 0.2)
    text = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
    child = Child.start(settings, _program(settings.runtime.parent, text), "d1", {"PATH": os.environ["PATH"]})
    await eventually(lambda: "ready" in settings.output.read_text())
    await child.stop()
    assert not child.running


async def test_an_end_is_noticed_at_once(child: Child) -> None:
    """Whoever waits for it hears of its end, whoever ended it."""
    os.kill(child.pid, signal.SIGKILL)
    await child.wait()
    assert not child.running


async def test_adoption_goes_by_pid_and_start_time(child: Child) -> None:
    """A pid that was given to another process is not taken for the one that had it."""
    assert Child.adopt(child.pid, child.started + 1) is None
    adopted = Child.adopt(child.pid, child.started)
    assert adopted is not None
    child.leave()
    await adopted.stop()
    assert start_time(child.pid) is None
    assert Child.adopt(child.pid, child.started) is None


async def test_one_that_is_left_runs_on(child: Child) -> None:
    """After `leave` nothing that we do touches it."""
    child.leave()
    child.terminate()
    assert start_time(child.pid) == child.started


async def test_a_program_that_is_none(settings: AnnouncerSettings) -> None:
    """A start that fails is an error, not a child."""
    with pytest.raises(OSError, match="No such file"):
        Child.start(settings, Program(settings.runtime.parent / "nothing", "5.0.15"), "d1", {})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x", "started": 1, "digest": ""}', '{"pid": 1'])
def test_a_broken_record_is_none(tmp_path: Path, text: str) -> None:
    """Whatever stands in the file, it is a record or nothing."""
    path = tmp_path / "exabgp.json"
    path.write_text(text)
    assert read_record(path) is None


def test_records_come_and_go(tmp_path: Path) -> None:
    """What is written is read; what is forgotten is gone, once and twice."""
    path = tmp_path / "exabgp.json"
    write_record(path, Record(5, 6, "d"))
    assert read_record(path) == Record(5, 6, "d")
    forget_record(path)
    forget_record(path)
    assert read_record(path) is None
