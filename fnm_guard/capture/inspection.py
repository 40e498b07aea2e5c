"""What can be said of sources before they are opened."""

from typing import TYPE_CHECKING

from capture_ext.offloads import merging_warning, offloads
from capture_ext.pfring import available
from capture_ext.xdp_options import available as xdp_available
from fnm_guard.capture.model import SourceKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fnm_guard.capture.model import SourceSpec

__all__ = ["missing_backends", "offload_warnings"]


def missing_backends(
    specs: "Sequence[SourceSpec]",
    probe: "Callable[[], tuple[bool, str]]" = available,
    probe_xdp: "Callable[[], tuple[bool, str]]" = xdp_available,
) -> "list[str]":
    """Say which backend was asked for by name and is not there, and what to install."""
    return [*_missing(specs, SourceKind.PF_RING, probe), *_missing(specs, SourceKind.XDP, probe_xdp)]


def _missing(specs: "Sequence[SourceSpec]", kind: SourceKind, probe: "Callable[[], tuple[bool, str]]") -> "list[str]":
    names = [spec.interface for spec in specs if spec.kind is kind]
    if not names:
        return []
    there, text = probe()
    return [] if there else [f"{kind} for {', '.join(names)}: {text}"]


def offload_warnings(specs: "Sequence[SourceSpec]", ask: "Callable[[str], tuple[str, ...]]" = offloads) -> "list[str]":
    """Say on which interfaces packets are merged before they are counted; those that are missing are passed over.

    XDP counts what the card gives, before anything is merged.
    """
    lines = []
    for name in dict.fromkeys(spec.interface for spec in specs if spec.kind is not SourceKind.XDP):
        try:
            found = ask(name)
        except OSError:
            continue
        if found:
            lines.append(merging_warning(name, found))
    return lines
