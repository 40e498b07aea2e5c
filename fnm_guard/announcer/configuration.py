"""ExaBGP's configuration and environment, rendered from the settings and the peers."""

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
    from fnm_guard.core.policy import PeerProfile

__all__ = ["Configuration", "bridge_path", "build_environment", "quoted", "render"]

_DIGEST_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Configuration:
    """A rendered configuration.

    Attributes:
        text: The file.
        digest: Changes whenever ExaBGP would have to run differently: file, bridge, version or environment.
        secret: Whether passwords stand in it.
    """

    text: str
    digest: str
    secret: bool


def render(settings: "AnnouncerSettings", peers: "Sequence[PeerProfile]", program: "Program") -> Configuration:
    """Give the configuration for these peers.

    Raises:
        AnnouncerError: If a value cannot stand in ExaBGP's configuration, or two peers have one address.
    """
    _refuse_twins(peers)
    bridge = bridge_path()
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - no HTML
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = quoted
    template = environment.from_string(bridge.with_name("exabgp.conf.j2").read_text("ascii"))

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
    return Configuration(filled(digest), digest, any(peer.password is not None for peer in peers))


def _refuse_twins(peers: "Sequence[PeerProfile]") -> None:
    """ExaBGP is told by address whom a route is for: two peers behind one would hear each other's."""
    names: dict[object, str] = {}
    for peer in peers:
        other = names.setdefault(peer.address, peer.name)
        if other != peer.name:
            raise AnnouncerError(f"peers {other} and {peer.name} have the same address {peer.address}")


def bridge_path() -> Path:
    """Give where `bridge.py` lies, in a source tree and in an installed package alike."""
    return Path(str(importlib.resources.files("fnm_guard") / "_data" / "exabgp" / "bridge.py")).resolve()


def quoted(value: object) -> str:
    """Give a value as one word of ExaBGP's configuration.

    ExaBGP resolves backslashes before it looks for quotes, and takes a quote of either kind within the other for the
    beginning of another word: a value with a quote cannot be said at all.

    Raises:
        AnnouncerError: If it holds a quote, or what is not printable ASCII.
    """
    text = str(value)
    if not (text.isascii() and text.isprintable()) or '"' in text or "'" in text:
        raise AnnouncerError("exabgp takes printable ASCII without quotes only, in instance, paths and passwords")
    escaped = text.replace("\\", "\\\\")
    return f'"{escaped}"'


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
