"""Read what a request says, within bounds, or refuse it with one line.

A request comes from anyone in the group and is taken as hostile: the size of a body is bounded before it is kept, the
time for it too, and every parameter is checked by name and range.
"""

import asyncio
import pwd
from typing import TYPE_CHECKING, TypeVar

import msgspec
from netaddr import IPAddress
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from fnm_guard.api.words import parse_duration, parse_host

if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import StrEnum

    from starlette.requests import Request

__all__ = [
    "BODY_LIMIT_BYTES",
    "BODY_LIMIT_SECONDS",
    "REASON_LIMIT",
    "check_names",
    "duration",
    "host",
    "number",
    "read_body",
    "reason",
    "who",
    "word",
]

BODY_LIMIT_BYTES = 16_384
BODY_LIMIT_SECONDS = 10.0
REASON_LIMIT = 500
_NUMBER_DIGITS = 15

_Shape = TypeVar("_Shape", bound=msgspec.Struct)
_Word = TypeVar("_Word", bound="StrEnum")


async def read_body(request: "Request", shape: type[_Shape]) -> _Shape:
    """Give the body as `shape`; an empty one as the shape without values."""
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_LIMIT_SECONDS):
            async for part in request.stream():
                data += part
                if len(data) > BODY_LIMIT_BYTES:
                    raise HTTPException(413, f"the body is longer than {BODY_LIMIT_BYTES} bytes")
    except TimeoutError:
        raise HTTPException(408, f"the body did not come within {BODY_LIMIT_SECONDS:g} s") from None
    except ClientDisconnect:
        raise HTTPException(400, "the connection ended inside the body") from None
    try:
        return msgspec.json.decode(bytes(data) or b"{}", type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise HTTPException(400, f"the body is wrong: {error}") from None


async def who(request: "Request") -> str:
    """Name the user at the other end, as the kernel says (SO_PEERCRED); a uid without a name as `uid N`.

    The name is looked up outside the loop: the machine's user directory may be slow.
    """
    uid = getattr(request.state, "uid", None)
    if not isinstance(uid, int):
        raise HTTPException(403, "this connection does not show who gives the order")
    return await asyncio.to_thread(_user_name, uid)


def host(text: str) -> IPAddress:
    """Read one address."""
    try:
        return IPAddress(parse_host(text))
    except ValueError as error:
        raise HTTPException(400, str(error)) from None


def duration(text: str) -> float:
    """Read a duration, in seconds."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None


def number(name: str, text: str, lowest: int, highest: int) -> int:
    """Read a whole number between two limits."""
    if text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS and lowest <= int(text) <= highest:
        return int(text)
    raise HTTPException(400, f"{name} = {text[:60]!a} must be a whole number from {lowest} to {highest}")


def word(request: "Request", name: str, default: _Word, allowed: "Sequence[_Word]") -> _Word:
    """Read a parameter that is one of a few words."""
    text = request.query_params.get(name, default.value)
    for one in allowed:
        if one.value == text:
            return one
    raise HTTPException(400, f"{name} = {text[:60]!a} must be one of {', '.join(allowed)}")


def reason(text: str) -> str:
    """Read the operator's reason: one line, printable, not long."""
    text = " ".join(text.split())
    if len(text) > REASON_LIMIT or not text.isprintable():
        raise HTTPException(400, f"the reason must be printable and at most {REASON_LIMIT} characters")
    return text


def check_names(request: "Request", *allowed: str) -> None:
    """Refuse parameters that nobody reads: a misspelt one must not be passed over."""
    for name in request.query_params:
        if name not in allowed:
            known = ", ".join(allowed) or "none is known here"
            raise HTTPException(400, f"unknown parameter {name[:60]!a} ({known})")


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return f"uid {uid}"
