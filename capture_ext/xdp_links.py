"""Who counts on an interface: one link each, handed from an engine to the next.

The kernel takes one program an interface.  At a reload two engines stand beside each other: the second waits, and takes
the link over in the instant in which the first leaves it, so that each frame is counted by one of them.  If the second
leaves before that, nothing has changed.

A link is a descriptor and nothing else: when the process ends, however it ends, the interface is as it was.
"""

import contextlib
import errno
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from capture_ext.xdp_program import GENERIC, NATIVE

if TYPE_CHECKING:
    from capture_ext.xdp_program import XdpProgram

__all__ = ["Place", "XdpLinks", "namespace_number"]

_NAMESPACE = Path("/proc/thread-self/ns/net")
_TAKEN = frozenset({errno.EBUSY, errno.EEXIST})

Place = tuple[int, int]
"""A network namespace and the index of an interface in it."""


def namespace_number() -> int:
    """Tell the network namespace of this thread from others."""
    return _NAMESPACE.stat().st_ino


@dataclass(slots=True)
class _Link:
    descriptor: int
    mode: str
    programs: "list[XdpProgram]" = field(default_factory=list)


class XdpLinks:
    """The links of one process.  Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._links: dict[Place, _Link] = {}

    def enter(self, place: Place, program: "XdpProgram") -> tuple[str, bool]:
        """Attach a program, or let it wait for the one that is there; give the mode, and whether it waits.

        Raises:
            OSError: EBUSY: somebody else's program is there; or what the kernel said.
        """
        with self._lock:
            link = self._links.get(place)
            if link is None:
                link = self._links[place] = _attach(place[1], program)
            link.programs.append(program)
            return link.mode, len(link.programs) > 1

    def leave(self, place: Place, program: "XdpProgram") -> None:
        """Detach a program, or give its place to the one that waits; safe to call twice."""
        with self._lock:
            link = self._links.get(place)
            if link is None or program not in link.programs:
                return
            runs = link.programs[0] is program
            link.programs.remove(program)
            if runs and link.programs:
                with contextlib.suppress(OSError):  # the interface is gone: the one that waits finds out by itself
                    link.programs[0].take_over(link.descriptor)
            if not link.programs:
                del self._links[place]
                os.close(link.descriptor)


def _attach(interface: int, program: "XdpProgram") -> _Link:
    """Attach in the driver, where it cannot on what it gives to the kernel."""
    try:
        return _Link(program.attach(interface, NATIVE), "native")
    except OSError as error:
        if error.errno in _TAKEN:
            raise
        refusal = error.strerror
    return _Link(program.attach(interface, GENERIC), f"generic, the driver refuses native: {refusal}")
