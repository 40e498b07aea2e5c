"""Options that many commands share, and the types of what an operator types."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fnm_guard.api.client import Client
from fnm_guard.api.words import parse_duration, parse_host

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DEFAULT_CONFIG", "DEFAULT_SOCKET", "DURATION", "HOST", "config_option", "json_option", "reaches_daemon"]

DEFAULT_CONFIG = Path("/etc/fnm-guard/fnm-guard.yaml")
DEFAULT_SOCKET = Path("/run/fnm-guard/api.sock")

_TYPED = click.core.ParameterSource.COMMANDLINE
_FROM_ENVIRONMENT = click.core.ParameterSource.ENVIRONMENT


class _Host(click.ParamType):  # type: ignore[type-arg]  # generic only in newer versions of click
    """One address; the value is its canonical text."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return parse_host(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Duration(click.ParamType):  # type: ignore[type-arg]  # as above
    """A duration; the value is the text, which the daemon reads again."""

    name = "duration"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


HOST = _Host()
DURATION = _Duration()

config_option = click.option(
    "-c",
    "--config",
    "config",
    type=click.Path(path_type=Path, readable=False),
    default=DEFAULT_CONFIG,
    envvar="FNM_GUARD_CONFIG",
    show_envvar=True,
    show_default=True,
    metavar="FILE",
    help="The configuration file.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print the JSON of the API.")

_socket_option = click.option(
    "--socket",
    "socket",
    type=click.Path(path_type=Path, readable=False),
    default=DEFAULT_SOCKET,
    envvar="FNM_GUARD_SOCKET",
    show_envvar=True,
    show_default=True,
    metavar="PATH",
    help="The daemon's socket; without it, that of the configuration file if one is named.",
)


def reaches_daemon(timeout_seconds: float = 10.0) -> "Callable[[Callable[..., Any]], Callable[..., Any]]":
    """Add the options that say where the daemon is, and give the command a `client` for it."""

    def decorate(function: "Callable[..., Any]") -> "Callable[..., Any]":
        @config_option
        @_socket_option
        @click.pass_context
        @functools.wraps(function)
        def command(context: click.Context, /, config: Path, socket: Path, **values: Any) -> Any:
            with Client(str(_choose(context, config, socket)), timeout_seconds) as client:
                return function(client, **values)

        return command

    return decorate


def _choose(context: click.Context, config: Path, socket: Path) -> Path:
    """Give the socket: what was typed comes before the environment, the environment before the default."""
    for source in (_TYPED, _FROM_ENVIRONMENT):
        if context.get_parameter_source("socket") is source:
            return socket
        if context.get_parameter_source("config") is source:
            from fnm_guard.config import load  # noqa: PLC0415  # reading a configuration costs 0.2 s

            return load(config).api_socket
    return socket
