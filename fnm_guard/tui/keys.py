"""Single keys from a terminal, without waiting for a line."""

import os
import select
import sys
import termios
import time
import tty
from typing import Any, Self

__all__ = ["Keys"]

_MOST_BYTES = 64


class Keys:
    """Key presses on standard input while the context lasts; none when it is no terminal.

    The terminal is put back as it was, whatever happens inside.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._before: list[Any] = []  # as termios gives it

    def __enter__(self) -> Self:
        if sys.stdin is not None and sys.stdin.isatty():
            self._descriptor = sys.stdin.fileno()
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._descriptor is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
            self._descriptor = None

    def wait(self, seconds: float) -> str:
        """Give the keys pressed within a time, as soon as there are some; "" for none."""
        if self._descriptor is None:
            time.sleep(max(0.0, seconds))
            return ""
        ready, _, _ = select.select([self._descriptor], [], [], max(0.0, seconds))
        if not ready:
            return ""
        pressed = os.read(self._descriptor, _MOST_BYTES)
        if not pressed:  # the terminal is gone
            self._descriptor = None
        return pressed.decode("ascii", errors="ignore")
