"""Sections about the daemon itself."""

from pathlib import Path
from typing import Annotated, Literal

from fnm_guard.config import kinds
from fnm_guard.config.bgp import UserName
from fnm_guard.config.section import Section

__all__ = ["ApiSettings", "LogSettings", "PathSettings"]


class ApiSettings(Section):
    """The interface that the command line uses."""

    socket: Annotated[Path, kinds.file_path()] | None = None
    """Path of the Unix socket; empty: api.sock in `paths.runtime`."""
    group: UserName = "fnm-guard"
    """Group whose members may use it."""


class PathSettings(Section):
    """Where the daemon keeps its files."""

    runtime: Annotated[Path, kinds.file_path()] = Path("/run/fnm-guard")
    """Folder for sockets and what need not survive a boot."""
    state: Annotated[Path, kinds.file_path()] = Path("/var/lib/fnm-guard")
    """Folder for the database."""


class LogSettings(Section):
    """The log on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], kinds.choice("debug", "info", "warning", "error")
    ] = "info"
    """Least level that is logged."""
    format: Annotated[Literal["text", "json"], kinds.choice("text", "json")] = "text"
    """Lines to read, or one JSON object a line."""
