"""The only user of pyroute2: interfaces, addresses and gateways of this machine.

pyroute2 is imported inside the functions: it costs half a second, and only `check`, `init` and `run` need it.  Every
function may be called from any thread, inside a running event loop too, and answers in a few milliseconds after the
first call.
"""

from typing import TYPE_CHECKING

from fnm_guard.kernel.links import Gateway, Interface, KernelError, gateways, interfaces

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Gateway", "Interface", "KernelError", "conflicts", "first_configuration", "gateways", "interfaces"]


def conflicts(names: "Sequence[str]") -> list[str]:
    """Say why these interfaces cannot be captured together on this machine, one line a reason.

    An interface that does not exist is a reason; so is one together with its own VLAN child, bridge or bond, which
    would show the same packet twice.

    Raises:
        KernelError: If the kernel does not tell its interfaces.
    """
    from fnm_guard.kernel.overlaps import conflicts_among  # noqa: PLC0415 - imported with what it works on

    return conflicts_among(names, interfaces())


def first_configuration(found: "Sequence[Interface]", ways: "Sequence[Gateway]" = ()) -> str:
    """Write a first configuration from the interfaces and default gateways of a machine; it passes `config.parse`."""
    from fnm_guard.kernel.first_config import write  # noqa: PLC0415 - only `init` needs it

    return write(found, ways)
