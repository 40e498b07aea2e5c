"""Which backend reads an interface, and why."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from capture_ext import pfring
from fnm_guard.capture.model import SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Choice", "choose"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A backend; `reason` is "" if it was asked for by name."""

    kind: SourceKind
    reason: str = ""


def choose(kind: SourceKind, probe: "Callable[[], tuple[bool, str]]" = pfring.available) -> Choice:
    """Choose the backend for `auto`: PF_RING if library and module are there, AF_PACKET otherwise.

    Args:
        kind: What was asked for.
        probe: Tells whether PF_RING can be used, and what was found or is missing.
    """
    if kind is not SourceKind.AUTO:
        return Choice(kind)
    there, text = probe()
    if there:
        return Choice(SourceKind.PF_RING, f"auto: {text}")
    return Choice(SourceKind.AF_PACKET, f"auto: no PF_RING, {text}")
