"""The kinds of values in the settings, each with its reader, its JSON Schema and the words of the manual."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from fnm_guard.config.addresses import (
    read_address,
    read_as_number,
    read_community,
    read_large_community,
    read_prefix,
)
from fnm_guard.config.values import (
    BadValueError,
    read_duration,
    read_number,
    read_switch,
    read_text,
    read_whole,
    write_duration,
)

__all__ = [
    "Kind", "address", "as_number", "choice", "community", "duration", "file_path", "large_community", "member",
    "number", "prefix", "switch", "text", "whole",
]  # fmt: skip

_PATH = re.compile(r"/[^\x00-\x1f\x7f]{0,4095}")
_HIGH_32 = 4_294_967_295
_DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)?$"


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """How one kind of value is read: put it into `Annotated`.

    Attributes:
        read: Gives the value, or raises BadValueError.
        schema: Its JSON Schema.  `x-values` says in words what is allowed.
    """

    read: Callable[[object], object]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Let pydantic read the value with `read` alone."""
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Give pydantic the JSON Schema."""
        return dict(self.schema)


def whole(low: int, high: int) -> Kind:
    """A whole number."""
    schema = {"type": "integer", "minimum": low, "maximum": high, "x-values": f"{low} to {high}"}
    return Kind(partial(read_whole, low=low, high=high), schema)


def number(low: float, high: float) -> Kind:
    """A number with or without a fraction."""
    schema = {"type": "number", "minimum": low, "maximum": high, "x-values": f"{low:g} to {high:g}"}
    return Kind(partial(read_number, low=low, high=high), schema)


def switch() -> Kind:
    """True or false."""
    return Kind(read_switch, {"type": "boolean", "x-values": "true or false"})


def duration(low: float, high: float, *, is_whole: bool = False) -> Kind:
    """Seconds from a text with a unit; `is_whole`: whole seconds, as BGP counts them."""

    def read(value: object) -> float:
        seconds = read_duration(value, low, high)
        if not is_whole:
            return seconds
        if seconds != int(seconds):
            raise BadValueError("not in whole seconds", f"{write_duration(low)} to {write_duration(high)}")
        return int(seconds)

    kinds = [{"type": "string", "pattern": _DURATION_PATTERN}, {"type": "number"}]
    words = f"duration, {write_duration(low)} to {write_duration(high)}"
    return Kind(read, {"anyOf": kinds, "x-values": words})


def choice(*values: str) -> Kind:
    """One of some words."""
    allowed = ", ".join(values)

    def read(value: object) -> str:
        if not isinstance(value, str) or value not in values:
            raise BadValueError("unknown", allowed)
        return str(value)

    return Kind(read, {"enum": list(values), "x-values": " or ".join((", ".join(values[:-1]), values[-1]))})


def member(words: type[StrEnum]) -> Kind:
    """One member of an enumeration of the core."""
    kind = choice(*(item.value for item in words))
    return Kind(lambda value: words(str(kind.read(value))), kind.schema)


def text(pattern: str, what: str, allowed: str) -> Kind:
    """A text of a certain form."""
    compiled = re.compile(pattern, re.ASCII)
    schema = {"type": "string", "pattern": f"^(?:{pattern})$", "x-values": allowed}
    return Kind(partial(read_text, pattern=compiled, what=what, allowed=allowed), schema)


def file_path() -> Kind:
    """An absolute path."""

    def read(value: object) -> Path:
        if isinstance(value, Path):
            return value
        return Path(read_text(value, _PATH, "not an absolute path", "a path that begins with /"))

    return Kind(read, {"type": "string", "pattern": "^/", "x-values": "absolute path"})


def address(family: int | None = None) -> Kind:
    """A unicast address, of one family if given."""
    words = "address" if family is None else f"IPv{family} address"
    return Kind(partial(read_address, family=family), {"type": "string", "x-values": words})


def prefix(shortest_ipv4: int, shortest_ipv6: int) -> Kind:
    """A prefix or a single address."""
    words = f"prefix (IPv4 /{shortest_ipv4} to /32, IPv6 /{shortest_ipv6} to /128) or address"
    return Kind(
        partial(read_prefix, shortest_ipv4=shortest_ipv4, shortest_ipv6=shortest_ipv6),
        {"type": "string", "x-values": words},
    )


def as_number() -> Kind:
    """An AS number."""
    schema = {"type": "integer", "minimum": 1, "maximum": _HIGH_32 - 1, "x-values": "AS number"}
    return Kind(lambda value: read_as_number(read_whole(value, 1, _HIGH_32 - 1)), schema)


def community() -> Kind:
    """A standard community."""
    return Kind(read_community, {"type": "string", "x-values": "HIGH:LOW"})


def large_community() -> Kind:
    """A large community."""
    return Kind(read_large_community, {"type": "string", "x-values": "GLOBAL:LOCAL:LOCAL"})
