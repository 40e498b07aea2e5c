"""Find ExaBGP, and make sure that it is one to build on."""

import asyncio
import importlib.metadata
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from fnm_guard.announcer.errors import AnnouncerError

__all__ = ["OLDEST", "Program", "find_program"]

OLDEST = (5, 0, 13)
"""The first release in which a peer cannot put events of its own making into the helper's stream."""

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_ANSWER_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Program:
    """An ExaBGP that can be started."""

    path: Path
    version: str


async def find_program(command: Path | None) -> Program:
    """Give the ExaBGP to run: `command`, or the one of this interpreter's environment.

    Raises:
        AnnouncerError: If there is none or it is too old; the text says what to install.
    """
    if command is None:
        path = Path(sys.executable).parent / "exabgp"
        version = _installed_version()
    else:
        path = command
        version = await _asked_version(command)
    if version is None or not path.is_file():
        raise AnnouncerError(f"exabgp not found at {path}: {_install()}")
    found = _VERSION.match(version)
    if found is None or tuple(int(part) for part in found.groups()) < OLDEST:
        raise AnnouncerError(f"exabgp {version} at {path} is too old: {_install()}")
    return Program(path, version)


def _install() -> str:
    oldest = ".".join(map(str, OLDEST))
    return f"install {oldest} or newer: {sys.executable} -m pip install 'exabgp>={oldest}'"


def _installed_version() -> str | None:
    try:
        return importlib.metadata.version("exabgp")
    except importlib.metadata.PackageNotFoundError:
        return None


async def _asked_version(command: Path) -> str | None:
    """Ask the program itself: `ExaBGP : 5.0.15`; None when it cannot be run."""
    try:
        process = await asyncio.create_subprocess_exec(
            command, "version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError as error:
        raise AnnouncerError(f"{command} cannot be run: {error.strerror}; {_install()}") from error
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise AnnouncerError(f"{command} version did not answer within {_ANSWER_SECONDS:.0f} s") from None
    found = _VERSION.search(output.decode("ascii", "replace"))
    return found[0] if found else "of an unknown version"
