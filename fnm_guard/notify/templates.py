"""Templates: ours, and the operator's in place of them by name.

An operator's template that fails is replaced by ours for that message, logged and counted: a typing error must not cost
a message.  Templates run in a sandbox and an unknown name is an error, not an empty text.
"""

from importlib import resources
from pathlib import Path
from typing import Any

import structlog
from jinja2 import BaseLoader, ChoiceLoader, DictLoader, FileSystemLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from fnm_guard.notify.samples import sample_facts

__all__ = ["SUFFIX", "Templates", "check_templates", "shipped"]

SUFFIX = ".j2"
TEXT_LIMIT = 256 * 1024
"""Characters of a rendered message."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fnm_guard.notify")


def shipped() -> dict[str, str]:
    """Give our own templates by file name."""
    folder = resources.files("fnm_guard") / "_data" / "templates" / "notify"
    return {item.name: item.read_text("utf-8") for item in folder.iterdir() if item.name.endswith(SUFFIX)}


class Templates:
    """Renders by name.

    Args:
        folder: The operator's templates; None: ours alone.

    Attributes:
        fallbacks: How many messages were made with our template because the operator's failed.
    """

    def __init__(self, folder: Path | None = None) -> None:
        ours = DictLoader(shipped())
        self._ours = _environment(ours)
        self._environment = (
            self._ours if folder is None else _environment(ChoiceLoader([FileSystemLoader(folder), ours]))
        )
        self.fallbacks = 0

    def render(self, name: str, facts: dict[str, Any]) -> str:
        """Give a template's text, without a line's end at its end."""
        try:
            return _render(self._environment, name, facts)
        except Exception as error:
            # Whatever an operator's template does wrong ends here; ours is tested with every name.
            if self._environment is self._ours:
                raise
            self.fallbacks += 1
            _log.error("template failed, the shipped one is used", template=name, reason=_reason(error))
            return _render(self._ours, name, facts)


def check_templates(folder: Path) -> list[str]:
    """Try every template of an operator's folder and give a line for each that cannot be used, in order of names."""
    if not folder.is_dir():
        return [f"{folder}: no such folder: the shipped templates are used"]
    names = shipped()
    environment = _environment(ChoiceLoader([FileSystemLoader(folder), DictLoader(names)]))
    found = sorted(item.name for item in folder.iterdir() if item.name.endswith(SUFFIX))
    return [line for name in found for line in _check(environment, folder / name, name in names)]


def _check(environment: SandboxedEnvironment, path: Path, known: bool) -> list[str]:
    try:
        for facts in sample_facts():
            _render(environment, path.name, facts)
    except Exception as error:  # noqa: BLE001  # a template may raise whatever its author thought of
        return [f"{path}: {_reason(error)}"]
    # A template of another name may be included by one of a known name; alone it is most likely misspelt.
    return [] if known or _is_included(path) else [f"{path}: no message has a template of this name"]


def _is_included(path: Path) -> bool:
    return any(path.name in other.read_text("utf-8", "replace") for other in path.parent.glob(f"*{SUFFIX}"))


def _environment(loader: BaseLoader) -> SandboxedEnvironment:
    return SandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=False,  # messages are plain text
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _render(environment: SandboxedEnvironment, name: str, facts: dict[str, Any]) -> str:
    text = environment.get_template(name).render(facts)
    if len(text) > TEXT_LIMIT:
        raise ValueError(f"{len(text)} characters, {TEXT_LIMIT} is the limit")
    return text.rstrip("\r\n")


def _reason(error: Exception) -> str:
    line = getattr(error, "lineno", None)
    text = " ".join(str(error).split()) or type(error).__name__
    return f"line {line}: {text}" if line else text
