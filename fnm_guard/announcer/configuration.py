"""ExaBGP's configuration and environment: rendered, checked by ExaBGP itself, and put in place in one move."""

import asyncio
import contextlib
import hashlib
import importlib.resources
import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from fnm_guard.announcer.errors import AnnouncerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fnm_guard.announcer.program import Program
    from fnm_guard.announcer.settings import AnnouncerSettings
    from fnm_guard.core.model import PeerProfile

__all__ = ["Configuration", "build_environment", "prepare_runtime", "quoted", "render", "write_checked"]

_CHECK_SECONDS = 30.0
_DIGEST_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Configuration:
    """A rendered configuration.

    Attributes:
        text: The file.
        digest: Changes whenever ExaBGP would have to run differently: file, bridge, version or environment.
        secrets: What must not be shown of it.
    """

    text: str
    digest: str
    secrets: tuple[str, ...]


def render(settings: "AnnouncerSettings", peers: "Sequence[PeerProfile]", program: "Program") -> Configuration:
    """Give the configuration for these peers.

    Raises:
        AnnouncerError: If a value cannot stand in ExaBGP's configuration.
    """
    data = importlib.resources.files("fnm_guard") / "_data" / "exabgp"
    bridge = Path(str(data / "bridge.py")).resolve()
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - no HTML
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = quoted
    template = environment.from_string((data / "exabgp.conf.j2").read_text("ascii"))

    def filled(digest: str) -> str:
        return template.render(
            instance=settings.instance,
            python=sys.executable,
            bridge=str(bridge),
            socket=str(settings.socket.absolute()),
            digest=digest,
            peers=peers,
        )

    variables = sorted(build_environment(settings, {}).items())
    parts = (filled(""), bridge.read_text("ascii"), program.version, str(program.path), repr(variables))
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGEST_CHARACTERS]
    return Configuration(filled(digest), digest, tuple(peer.password for peer in peers if peer.password))


def quoted(value: object) -> str:
    """Give a value as one word of ExaBGP's configuration.

    ExaBGP resolves backslashes before it looks for quotes, so a quote cannot be escaped: the other kind is used.

    Raises:
        AnnouncerError: If it holds both kinds of quotes, or what is not printable ASCII.
    """
    text = str(value)
    if not (text.isascii() and text.isprintable()):
        raise AnnouncerError("exabgp takes printable ASCII only, in names, paths and passwords")
    quote = "'" if '"' in text else '"'
    if quote in text:
        raise AnnouncerError("exabgp cannot take a value with both kinds of quotes, in names, paths and passwords")
    return quote + text.replace("\\", "\\\\") + quote


def build_environment(settings: "AnnouncerSettings", inherited: "dict[str, str]") -> dict[str, str]:
    """Give ExaBGP's environment: the inherited one without ExaBGP's own variables, and ours.

    `reactor.speed` stays at 1: a single route is as fast at 0.1, which costs 7 % of a core when idle instead of 2 %.
    """
    kept = {name: value for name, value in inherited.items() if not name.lower().startswith("exabgp")}
    return {
        **kept,
        "EXABGP_ENVFILE": "/dev/null",
        "exabgp.api.ack": "true",
        "exabgp.api.chunk": "50",
        "exabgp.api.cli": "false",
        "exabgp.api.respawn": "true",
        "exabgp.api.terminate": "false",
        "exabgp.daemon.daemonize": "false",
        "exabgp.daemon.drop": "true",
        "exabgp.daemon.user": settings.user or _own_name(),
        "exabgp.log.destination": str(settings.log.absolute()),
        "exabgp.log.level": settings.log_level,
        "exabgp.tcp.bind": "",
    }


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return "nobody"  # only its existence is checked: without root ExaBGP stays who it is


def prepare_runtime(settings: "AnnouncerSettings") -> None:
    """Make the folder and the log so that the daemon and ExaBGP's user can use both.

    Raises:
        AnnouncerError: If that is not possible.
    """
    try:
        settings.runtime.mkdir(mode=0o750, parents=True, exist_ok=True)
        settings.log.touch(mode=0o640)
        if settings.user:
            entry = pwd.getpwnam(settings.user)
            os.chown(settings.runtime, -1, entry.pw_gid)
            settings.runtime.chmod(0o770)
            os.chown(settings.log, entry.pw_uid, entry.pw_gid)
    except KeyError:
        raise AnnouncerError(f"bgp.exabgp.user: there is no user {settings.user!r}") from None
    except OSError as error:
        raise AnnouncerError(f"{settings.runtime}: {error.strerror}: {error.filename}") from error


async def write_checked(settings: "AnnouncerSettings", configuration: Configuration, program: "Program") -> None:
    """Put the configuration in place, after ExaBGP itself has found it good.

    Raises:
        AnnouncerError: If it has not; the old file stays.
    """
    new = settings.configuration.with_suffix(".new")
    try:
        _write_private(new, configuration.text, settings.user)
        problem = await _check(program, new, build_environment(settings, dict(os.environ)))
        for secret in configuration.secrets:
            problem = problem.replace(secret, "...")
        if problem:
            raise AnnouncerError(f"exabgp does not take its configuration: {problem}")
        new.replace(settings.configuration)
    except OSError as error:
        raise AnnouncerError(f"{new}: {error.strerror}") from error
    finally:
        new.unlink(missing_ok=True)


def _write_private(path: Path, text: str, user: str) -> None:
    """Write a file that only we and ExaBGP's user may read: passwords stand in it."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
    if user:
        os.chown(path, -1, pwd.getpwnam(user).pw_gid)
        path.chmod(0o640)


async def _check(program: "Program", path: Path, environment: "dict[str, str]") -> str:
    """Give what ExaBGP finds wrong with a file, "" for nothing."""
    environment |= {"exabgp.log.destination": "stderr", "exabgp.log.level": "ERROR"}
    process = await asyncio.create_subprocess_exec(
        program.path, "validate", "-nr", path, env=environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        raise AnnouncerError(f"exabgp validate did not answer within {_CHECK_SECONDS:.0f} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            if process.returncode is None:
                process.kill()
    if process.returncode == 0:
        return ""
    said = output.decode("utf-8", "replace").strip().splitlines()
    return said[-1][:300] if said else f"exit code {process.returncode}"
