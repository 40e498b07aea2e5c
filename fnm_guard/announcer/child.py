"""One ExaBGP process: started by us or by a daemon before us, watched, and ended.

A process is named by its pid and its start time, so that a pid used again is never taken for it; it is watched and
signalled through a pidfd (pidfd_open(2)), which names it for good.  It runs in a session of its own: Ctrl-C at the
daemon does not reach it, and it outlives a daemon that is killed, with the routes it holds.
"""

import asyncio
import contextlib
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from fnm_guard.announcer.program import Program
    from fnm_guard.announcer.settings import AnnouncerSettings

__all__ = ["Child", "Record", "forget_record", "read_record", "start_time", "write_record"]

TERMINATE_SECONDS = 5.0
"""How long ExaBGP may take over SIGTERM before SIGKILL."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the runtime folder says about the ExaBGP that runs.

    Attributes:
        pid: 0: one is about to be started, its pid is not known yet.
        started: Clock ticks since boot (proc(5)).
        digest: Of its configuration.
    """

    pid: int
    started: int
    digest: str


def read_record(path: Path) -> Record | None:
    """Give the record; None when there is none or it is no record."""
    try:
        found = json.loads(path.read_bytes())
        return Record(int(found["pid"]), int(found["started"]), str(found["digest"]))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_record(path: Path, record: Record) -> None:
    """Replace the record in one move."""
    new = path.with_suffix(".json.new")
    new.write_text(json.dumps(asdict(record)) + "\n", encoding="ascii")
    new.replace(path)


def forget_record(path: Path) -> None:
    """Remove the record: no ExaBGP of ours runs."""
    path.unlink(missing_ok=True)


def start_time(pid: int) -> int | None:
    """Give when a process started, in clock ticks since boot; None when there is none or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


class Child:
    """A running ExaBGP."""

    def __init__(self, pid: int, started: int, descriptor: int) -> None:
        self.pid, self.started = pid, started
        self._descriptor = descriptor
        self._exited = asyncio.Event()
        asyncio.get_running_loop().add_reader(descriptor, self._reap)

    @classmethod
    def adopt(cls, pid: int, started: int) -> Self | None:
        """Watch a process that runs already; None when it is not that one any more."""
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            return None
        if start_time(pid) != started:
            os.close(descriptor)
            return None
        return cls(pid, started, descriptor)

    @classmethod
    def start(cls, settings: "AnnouncerSettings", program: "Program", digest: str, env: dict[str, str]) -> Self:
        """Start ExaBGP and leave the record that the next daemon adopts it by.

        Raises:
            OSError: If it cannot be started.
        """
        write_record(settings.record, Record(0, 0, digest))
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        output = str(settings.output)
        pid = os.posix_spawn(
            program.path,
            [str(program.path), str(settings.configuration.absolute())],
            env,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, output, flags, 0o640),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGPIPE,),
        )
        descriptor = os.pidfd_open(pid)
        started = start_time(pid) or 0
        write_record(settings.record, Record(pid, started, digest))
        return cls(pid, started, descriptor)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self._exited.is_set()

    async def wait(self) -> None:
        """Wait until it has ended."""
        await self._exited.wait()

    def terminate(self) -> None:
        """Ask it to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask it to end, and end it if it does not; safe to call twice, and nothing to one that was left."""
        if self._descriptor < 0:
            return
        self.terminate()
        try:
            async with asyncio.timeout(TERMINATE_SECONDS):
                await self.wait()
        except TimeoutError:
            self.kill()
            await self.wait()

    def leave(self) -> None:
        """Watch it no longer, and let it run."""
        self._forget()

    def _signal(self, number: int) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._descriptor, number)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):  # an adopted one is not our child: nothing to reap
            os.waitpid(self.pid, os.WNOHANG)
        self._forget()
        self._exited.set()

    def _forget(self) -> None:
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
