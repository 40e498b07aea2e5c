"""Run one program so that it can hurt nobody.

No shell, a session of its own, a bare environment, pipes that never block us, a bound on the output, a time limit.
At the end, whatever it was, the program's whole process group is killed: what it left in the background goes with it.

The program is not reaped before its group has been killed.  Until then its number cannot be given to another process,
so the kill can never hit a stranger.

Blocks: for a thread of its own.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from typing import IO

__all__ = ["Ended", "run_program"]

OUTPUT_KEPT = 4_096
"""Bytes of the output that are kept."""
OUTPUT_LIMIT = 1_048_576
"""After so many bytes of output the pipe is closed; the program's next write then fails."""
_CHUNK = 65_536
_LOOK_SECONDS = 0.2
"""How often a running program is asked to stop."""
_REAP_SECONDS = 5.0
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended.

    Attributes:
        code: Exit code, negative for a signal; None: it could not be reaped.
        timed_out: Whether it was killed for its time.
        stopped: Whether it was killed because we end.
        output: The first bytes of what it wrote.
    """

    code: int | None
    timed_out: bool
    stopped: bool
    output: bytes


def run_program(words: "Sequence[str]", stdin: bytes, seconds: float, stop: "threading.Event") -> Ended:
    """Run a program to its end.

    Args:
        words: Path and arguments.
        stdin: What it can read; it need not.
        seconds: After this time it is killed.
        stop: Set to kill it now.

    Raises:
        OSError: If it cannot be started.
    """
    process = subprocess.Popen(  # noqa: S603  # the operator's own program; the arguments are an address and numbers
        list(words),
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
        bufsize=0,
    )
    try:
        with contextlib.closing(_Talk(process, stdin)) as talk:
            reason = talk.run(seconds, stop)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_REAP_SECONDS)
    return Ended(process.returncode, reason == "time", reason == "stop", bytes(talk.output))


class _Talk:
    """The pipes of a running program."""

    def __init__(self, process: "subprocess.Popen[bytes]", stdin: bytes) -> None:
        self.output = bytearray()
        self._read = 0
        self._rest = memoryview(stdin)
        self._stdin = process.stdin
        self._stdout = cast("IO[bytes]", process.stdout)
        self._end = os.pidfd_open(process.pid)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._end, selectors.EVENT_READ)
        self._selector.register(self._stdout, selectors.EVENT_READ)
        os.set_blocking(self._stdout.fileno(), False)
        if self._stdin:
            self._selector.register(self._stdin, selectors.EVENT_WRITE)
            os.set_blocking(self._stdin.fileno(), False)

    def run(self, seconds: float, stop: "threading.Event") -> str:
        """Serve the pipes until the program ends, and say why we stopped: `end`, `time` or `stop`."""
        deadline = time.monotonic() + seconds
        while not stop.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                return "time"
            ready = [key.fileobj for key, _ in self._selector.select(min(left, _LOOK_SECONDS))]
            if self._stdin and self._stdin in ready:
                self._write(self._stdin)
            if self._stdout in ready:
                self._receive()
            if self._end in ready:
                self._receive_rest()
                return "end"
        return "stop"

    def close(self) -> None:
        """Close our ends."""
        self._selector.close()
        os.close(self._end)
        for pipe in (self._stdin, self._stdout):
            if pipe:
                pipe.close()

    def _write(self, pipe: "IO[bytes]") -> None:
        try:
            self._rest = self._rest[os.write(pipe.fileno(), self._rest[:_CHUNK]) :]
        except BlockingIOError:
            return
        except OSError:
            self._rest = self._rest[:0]  # the program closed its input; that is its right
        if not self._rest:
            self._selector.unregister(pipe)
            pipe.close()

    def _receive(self) -> bool:
        """Take a chunk of output; False: there is none now, or there will be none."""
        if self._stdout.closed:
            return False
        try:
            chunk = os.read(self._stdout.fileno(), _CHUNK)
        except BlockingIOError:
            return False
        self._read += len(chunk)
        self.output += chunk[: OUTPUT_KEPT - len(self.output)]
        if not chunk or self._read > OUTPUT_LIMIT:
            self._selector.unregister(self._stdout)
            self._stdout.close()
            return False
        return True

    def _receive_rest(self) -> None:
        while self._receive():
            pass
