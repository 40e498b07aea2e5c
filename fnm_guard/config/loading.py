"""A file or a text as `Settings`, with everything that is wrong in it."""

import os
import stat
from pathlib import Path

from fnm_guard.config.findings import judge
from fnm_guard.config.problems import ConfigError, Problem, key_text
from fnm_guard.config.settings import Settings
from fnm_guard.config.yaml_text import read

__all__ = ["load", "parse"]

FILE_BYTES = 4 * 2**20


def load(path: Path) -> Settings:
    """Read a configuration file; see `fnm_guard.config.load`."""
    return parse(_text(path), str(path))


def parse(text: str, name: str) -> Settings:
    """Read a configuration from text; see `fnm_guard.config.parse`."""
    document = read(text)
    problems = [Problem(name, item.line, item.column, key_text(item.loc), item.text) for item in document.complaints]
    settings, findings = judge(document) if document.whole else (None, [])
    for item in findings:
        place = item.place
        problems += [Problem(name, place.line, place.column, key_text(place.loc), item.text)]
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
