"""What can be said of sources before they are opened."""

from typing import TYPE_CHECKING

from capture_ext.offloads import merging_warning, offloads
from capture_ext.pfring import available
from fnm_guard.capture.model import SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fnm_guard.capture.model import SourceSpec

__all__ = ["missing_backends", "offload_warnings"]


def missing_backends(specs: "Sequence[SourceSpec]", probe: "Callable[[], tuple[bool, str]]" = available) -> "list[str]":
    """Say which backend was asked for by name and is not there, and what to install."""
    names = [spec.interface for spec in specs if spec.kind is SourceKind.PF_RING]
    if not names:
        return []
    there, text = probe()
    return [] if there else [f"pf_ring for {', '.join(names)}: {text}"]


def offload_warnings(specs: "Sequence[SourceSpec]", ask: "Callable[[str], tuple[str, ...]]" = offloads) -> "list[str]":
    """Say on which interfaces packets are merged before they are counted; those that are missing are passed over."""
    lines = []
    for name in dict.fromkeys(spec.interface for spec in specs):
        try:
            found = ask(name)
        except OSError:
            continue
        if found:
            lines.append(merging_warning(name, found))
    return lines
