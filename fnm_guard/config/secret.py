"""Passwords: in the file itself, or in a file of their own; never in an error, a log or a repr."""

import os
import re
import stat
from pathlib import Path

from pydantic import SecretStr

from fnm_guard.config import kinds
from fnm_guard.config.values import BadValueError

__all__ = ["secret"]

FILE_BYTES = 4096


def secret(pattern: str, allowed: str) -> kinds.Kind:
    """A password, or `{file: PATH}` with the password in its first line; both must match the pattern."""
    compiled = re.compile(pattern)

    def read(value: object) -> SecretStr:
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(plain, dict):
            plain = _from_file(plain)
        if not isinstance(plain, str) or not compiled.fullmatch(plain):
            raise BadValueError("not usable as a password", allowed, is_secret=True)
        return SecretStr(plain)

    in_file = {
        "type": "object",
        "properties": {"file": {"type": "string", "pattern": "^/"}},
        "required": ["file"],
        "additionalProperties": False,
    }
    words = "password, or {file: PATH} with the password in its first line"
    return kinds.Kind(read, {"anyOf": [{"type": "string"}, in_file], "x-values": words})


def _from_file(value: dict[str, object]) -> str:
    path = value.get("file")
    if set(value) != {"file"} or not isinstance(path, str) or not path.startswith("/"):
        raise BadValueError("not a password", "a text, or {file: ABSOLUTE PATH}", is_secret=True)
    try:
        return _first_line(Path(path))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadValueError(
            f"the password file {path!a} cannot be read: {reason}",
            f"a readable file of at most {FILE_BYTES} bytes",
            is_secret=True,
        ) from None


def _first_line(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("not a regular file")
        content = file.read(FILE_BYTES + 1)
    if len(content) > FILE_BYTES:
        raise ValueError("too large")
    try:
        return content.decode().split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
