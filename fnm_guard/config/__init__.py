"""Settings with defaults and units; load and check them.

Importing this package is cheap: pydantic and PyYAML are loaded by the first call of `load`, `parse` or `schema`, so
that the command line, which needs none of them, starts at once.  The sections are in `fnm_guard.config.settings`.
"""

from typing import TYPE_CHECKING

from fnm_guard.config.problems import ConfigError, Problem

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from fnm_guard.config.settings import Settings

__all__ = ["ConfigError", "Problem", "load", "parse", "schema"]


def load(path: "Path") -> "Settings":
    """Read a configuration file.

    Raises:
        ConfigError: With everything that is wrong in the file, or the one reason why it cannot be read.
    """
    from fnm_guard.config import loading  # noqa: PLC0415 - pydantic costs 0.2 s, and the command line does without

    return loading.load(path)


def parse(text: str, name: str) -> "Settings":
    """Read a configuration from text; `name` stands in front of every problem.

    Raises:
        ConfigError: With everything that is wrong in the text.
    """
    from fnm_guard.config import loading  # noqa: PLC0415 - as in load

    return loading.parse(text, name)


def schema() -> "dict[str, Any]":
    """Give the JSON Schema of the file, for editors."""
    from fnm_guard.config import json_schema  # noqa: PLC0415 - as in load

    return json_schema.build()
