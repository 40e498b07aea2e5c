"""Wait for what other threads do."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DEADLINE", "eventually"]

DEADLINE = 20.0


def eventually(claim: "Callable[[], bool]") -> None:
    """Wait until a claim holds."""
    deadline = time.monotonic() + DEADLINE
    while not claim():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
