"""The runtime folder, and what must hold before ExaBGP can be started in it.

ExaBGP says next to nothing when its user cannot run the bridge or write its log, and takes a broken configuration for
none: so all of that is tried before.
"""

import asyncio
import contextlib
import os
import pwd
import re
import sys
from typing import TYPE_CHECKING, Any

from fnm_guard.announcer.configuration import Configuration, bridge_path, build_environment
from fnm_guard.announcer.errors import AnnouncerError

if TYPE_CHECKING:
    from pathlib import Path

    from fnm_guard.announcer.program import Program
    from fnm_guard.announcer.settings import AnnouncerSettings

__all__ = ["prepare_runtime", "try_user", "write_checked"]

_CHECK_SECONDS = 30.0
_TRY = "import os, sys; open(sys.argv[1]).close(); os.chdir(sys.argv[2])"


def prepare_runtime(settings: "AnnouncerSettings") -> None:
    """Make the folder, and in it the folder of logs for ExaBGP's user; whoever else uses the first is not disturbed.

    Raises:
        AnnouncerError: If that is not possible.
    """
    try:
        settings.runtime.mkdir(mode=0o750, parents=True, exist_ok=True)
        settings.logs.mkdir(mode=0o750, exist_ok=True)
        settings.log.touch(mode=0o640)  # ExaBGP opens it before it drops its rights, and again after
        if settings.user:
            entry = pwd.getpwnam(settings.user)
            for path in (settings.logs, settings.log):
                os.chown(path, entry.pw_uid, entry.pw_gid)
    except KeyError:
        raise AnnouncerError(f"bgp.exabgp.user: there is no user {settings.user!r}") from None
    except OSError as error:
        raise AnnouncerError(f"{error.filename}: {error.strerror}") from error


async def try_user(settings: "AnnouncerSettings") -> None:
    """Make sure that ExaBGP's user can read the bridge and reach its socket.

    Raises:
        AnnouncerError: If not.
    """
    if not settings.user or os.geteuid() != 0:
        return
    entry = pwd.getpwnam(settings.user)
    words = (sys.executable, "-I", "-c", _TRY, str(bridge_path()), str(settings.runtime))
    try:
        code, said = await _run(words, {}, user=entry.pw_uid, group=entry.pw_gid, extra_groups=())
    except OSError as error:
        code, said = 1, f"{words[0]}: {error.strerror}"
    if code:
        raise AnnouncerError(f"user {settings.user} cannot run the bridge: {said}")


async def write_checked(settings: "AnnouncerSettings", configuration: Configuration, program: "Program") -> None:
    """Put the configuration in place, after ExaBGP itself has found it good.

    Raises:
        AnnouncerError: If it has not; the old file stays.
    """
    new = settings.configuration.with_suffix(".new")
    try:
        _write_private(new, configuration.text, settings.user)
        problem = await _check(program, new, build_environment(settings, dict(os.environ)))
        if problem and configuration.secret:
            problem = re.sub(r"'.*'|\".*\"", "...", problem)
        if problem:
            raise AnnouncerError(f"exabgp does not take its configuration: {problem}")
        new.replace(settings.configuration)
    except OSError as error:
        raise AnnouncerError(f"{new}: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)


def _write_private(path: "Path", text: str, user: str) -> None:
    """Write a file that only we and ExaBGP's user may read: passwords stand in it."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    if user:
        os.chown(path, -1, pwd.getpwnam(user).pw_gid)
        path.chmod(0o640)


async def _check(program: "Program", path: "Path", environment: dict[str, str]) -> str:
    """Give what ExaBGP finds wrong with a file, "" for nothing."""
    environment |= {"exabgp.log.destination": "stderr", "exabgp.log.level": "ERROR"}
    code, said = await _run((str(program.path), "validate", "-nr", str(path)), environment)
    return (said or f"exit code {code}") if code else ""


async def _run(words: tuple[str, ...], environment: dict[str, str], **identity: Any) -> tuple[int, str]:
    """Run a program to its end; give its exit code and the last line that it printed."""
    process = await asyncio.create_subprocess_exec(
        *words, env=environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, **identity,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        raise AnnouncerError(f"{words[0]} {words[1]} did not end within {_CHECK_SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return process.returncode or 0, lines[-1][:300] if lines else ""
