"""A file or a text as `Settings`, with everything that is wrong in it."""

import difflib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fnm_guard.config.document import Document, Loc, read
from fnm_guard.config.problems import ConfigError, Problem, key_text, shown
from fnm_guard.config.section import ContradictionError, Section
from fnm_guard.config.settings import Settings
from fnm_guard.config.values import BadValueError

__all__ = ["load", "parse"]

FILE_BYTES = 4 * 2**20
KEYS_NAMED = 15


def load(path: Path) -> Settings:
    """Read a configuration file; see `fnm_guard.config.load`."""
    return parse(_text(path), str(path))


def parse(text: str, name: str) -> Settings:
    """Read a configuration from text; see `fnm_guard.config.parse`."""
    document = read(text)
    problems = [Problem(name, item.line, item.column, key_text(item.loc), item.text) for item in document.complaints]
    settings = None
    if document.whole:
        try:
            settings = Settings.model_validate(document.root.plain())
        except ValidationError as error:
            details = error.errors(include_url=False)
            problems += [problem for detail in details for problem in _problems(detail, document, name)]
    if problems or settings is None:
        raise ConfigError(tuple(sorted(problems, key=lambda problem: (problem.line, problem.column))))
    return settings


def _text(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise IsADirectoryError(0, "Is a directory")
            content = file.read(FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _unusable(path, f"cannot be read: {reason}") from None
    if len(content) > FILE_BYTES:
        raise _unusable(path, f"too large; allowed: {FILE_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _unusable(path, f"line {line} is not UTF-8; allowed: UTF-8 text") from None


def _unusable(path: Path, text: str) -> ConfigError:
    return ConfigError((Problem(str(path), 0, 0, "", text),))


def _problems(detail: ErrorDetails, document: Document, name: str) -> Iterator[Problem]:
    loc: Loc = detail["loc"]
    if loc and loc[-1] == "[key]":
        yield _problem(document, name, loc[:-1], _text_of(detail), at_key=True)
        return
    error = detail.get("ctx", {}).get("error")
    if not isinstance(error, ContradictionError):
        yield _problem(document, name, loc, _text_of(detail), at_key=detail["type"] == "extra_forbidden")
        return
    for inner, text in error.found:
        yield _problem(document, name, (*loc, *inner), text)


def _problem(document: Document, name: str, loc: Loc, text: str, *, at_key: bool = False) -> Problem:
    line, column = document.place(loc, key=at_key)
    return Problem(name, line, column, key_text(loc), text)


def _text_of(detail: ErrorDetails) -> str:
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, BadValueError):
        value = "" if error.is_secret else f": {shown(detail['input'])}"
        return f"{error.what}{value}; allowed: {error.allowed}"
    if detail["type"] == "extra_forbidden":
        return _unknown_key(detail["loc"])
    return _builtin(detail["type"], detail.get("ctx", {}), detail["input"])


def _builtin(kind: str, context: dict[str, Any], value: object) -> str:
    """Give the words for an error that pydantic found by itself."""
    if kind == "missing":
        return "missing; allowed: it must be given"
    if kind in {"model_type", "dict_type"}:
        return f"not a mapping of keys to values: {_sort(value)}; allowed: KEY: VALUE lines"
    if kind == "tuple_type":
        return f"not a list: {_sort(value)}; allowed: [VALUE, VALUE]"
    if kind == "too_short":
        return f"too few entries; allowed: at least {context['min_length']}"
    if kind == "too_long":
        return f"too many entries; allowed: at most {context['max_length']}"
    return f"not usable ({kind})"


def _sort(value: object) -> str:
    """Give the sort of a value that stands where a section belongs; its text might be a secret."""
    return "text" if isinstance(value, str) else shown(value)


def _unknown_key(loc: Loc) -> str:
    allowed = _keys(loc[:-1])
    close = difflib.get_close_matches(str(loc[-1]), allowed, 1)
    if close:
        return f"unknown key; did you mean {close[0]}?"
    named = ", ".join(allowed) if len(allowed) <= KEYS_NAMED else ", ".join([*allowed[:KEYS_NAMED], "…"])
    return f"unknown key; allowed: {named}"


def _keys(loc: Loc) -> list[str]:
    """Give the keys that the section at a path takes."""
    section: type[Section] = Settings
    for part in loc:
        section = section.below(part) or section
    return [field.alias or name for name, field in section.model_fields.items()]
