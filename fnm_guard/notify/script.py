"""The script hook: runs the operator's program for each call.

A call is made once.  A script that fails is logged with its output and not called again: what it did before it failed
is not known.  Only a call that a dying daemon cut off is made again.  Calls for one host follow one another.
"""

import asyncio
import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
import structlog

from fnm_guard.notify.calls import ScriptCall
from fnm_guard.notify.facts import one_line
from fnm_guard.notify.outcome import ChannelDownError, Outcome, Result
from fnm_guard.notify.process import OUTPUT_KEPT, run_program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fnm_guard.notify.model import Message, ScriptSettings
    from fnm_guard.notify.outcome import Settle
    from fnm_guard.notify.process import Ended

__all__ = ["ScriptChannel", "check_script"]

CONCURRENCY = 4
"""Scripts that run at once."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fnm_guard.notify")


def check_script(path: "Path") -> str:
    """Say why a script cannot be called, "" if it can as far as one can see."""
    if not path.is_file():
        return f"{path}: no such file: no script is called until it is there"
    if not os.access(path, os.X_OK):
        return f"{path}: not executable: chmod +x {path}"
    return ""


class ScriptChannel:
    """Makes the calls."""

    name = "script"
    lanes = CONCURRENCY
    batch = 1
    retry_seconds = 0.0

    def __init__(self, settings: "ScriptSettings") -> None:
        self._settings = settings
        self._stop = threading.Event()
        self._threads = ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="notify-script")

    def problem(self) -> str:
        """Say why the script cannot be called, "" if it can as far as one can see."""
        return check_script(self._settings.path)

    async def deliver(self, batch: "Sequence[Message]", settle: "Settle") -> None:
        """Make the calls one after another."""
        for message in batch:
            try:
                call = msgspec.json.decode(message.payload, type=ScriptCall)
            except msgspec.DecodeError as error:
                settle(message, Outcome(Result.NEVER, f"not readable: {error}"))
                continue
            outcome = await self._call(call)
            if outcome is not None:
                settle(message, outcome)

    async def test(self, call: ScriptCall) -> str:
        """Make one call past the outbox and say how it went.

        Raises:
            ChannelDownError: If it failed, with the reason.
        """
        outcome = await self._call(call)
        if outcome is None or outcome.result is not Result.SENT:
            raise ChannelDownError(outcome.text if outcome else f"{self._settings.path}: killed because the guard ends")
        return f"{self._settings.path} {' '.join(call.words())}: exit 0"

    def close(self) -> None:
        """Kill what runs; its calls stay in the outbox."""
        self._stop.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(self, call: ScriptCall) -> Outcome | None:
        """Make one call; None: it was cut off because we end."""
        path = self._settings.path
        words = [str(path), *call.words()]
        loop = asyncio.get_running_loop()
        try:
            ended = await loop.run_in_executor(
                self._threads, run_program, words, call.text.encode(), self._settings.timeout_seconds, self._stop
            )
        except OSError as error:
            return Outcome(Result.NEVER, self._not_started(error), silent=True)
        if ended.stopped:
            return None
        return self._judge(call, ended)

    def _judge(self, call: ScriptCall, ended: "Ended") -> Outcome:
        output = one_line(ended.output.decode("utf-8", "backslashreplace"), OUTPUT_KEPT)
        facts = {"host": call.host, "action": call.action, "output": output}
        if ended.timed_out:
            text = f"{self._settings.path}: killed after {self._settings.timeout_seconds:g} s"
        elif ended.code != 0:
            text = f"{self._settings.path}: exit {ended.code}"
        else:
            _log.info("script called", **facts)
            return Outcome(Result.SENT)
        _log.error("script failed", reason=text, **facts)
        return Outcome(Result.NEVER, text, silent=True)

    def _not_started(self, error: OSError) -> str:
        if problem := self.problem():
            return problem
        if error.errno in {errno.ENOENT, errno.ENOEXEC}:
            return f"{self._settings.path}: cannot be started: no #! line, or its interpreter is missing"
        return f"{self._settings.path}: cannot be started: {error.strerror}"
