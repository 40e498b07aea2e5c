"""What comes back from the daemon, decoded, and what goes to standard output."""

import os
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

from fnm_guard.api.client import NotReachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["decode", "write_json", "write_lines"]

_Shape = TypeVar("_Shape", bound=msgspec.Struct)


def decode(data: bytes, shape: type[_Shape]) -> _Shape:
    """Read an answer.

    Raises:
        NotReachableError: If it is none of ours, which is how another version looks.
    """
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.MsgspecError as error:
        raise NotReachableError(f"the daemon's answer is not understood, is it another version? {error}") from error


def write_json(data: bytes) -> None:
    """Write an answer as it came."""
    click.echo(data)


def write_lines(lines: "Sequence[str]") -> None:
    """Write lines, in colour where the output is a terminal and NO_COLOR (https://no-color.org) is not set."""
    click.echo("\n".join(lines), color=False if os.environ.get("NO_COLOR") else None)
