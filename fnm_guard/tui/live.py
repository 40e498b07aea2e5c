"""Redraw the screen every second from the daemon's figures, and do what the keys say.

The daemon may go away and come back meanwhile: the screen says so, keeps the last figures under that line, and goes on.
"""

import contextlib
import signal
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console, Group
from rich.live import Live

from fnm_guard.api.client import NotReachableError, RequestRefusedError
from fnm_guard.api.shapes import ScreenShape
from fnm_guard.tui.keys import Keys
from fnm_guard.tui.screen import View, draw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from fnm_guard.api.client import Client

__all__ = ["once", "watch"]

PERIOD_SECONDS = 1.0
_SORT_KEYS = {"p": "packets", "b": "bytes", "f": "flows"}
_QUIT_KEYS = "qQ\x04"


def once(client: "Client", by: str, count: int) -> list[str]:
    """Give the screen as plain lines, whole."""
    view = View(_read(client, by, count), by, count)
    return [line.plain for line in draw(view)]


def watch(client: "Client", by: str, count: int) -> None:
    """Show the screen until somebody quits.

    Raises:
        NotReachableError: If the daemon cannot be reached at the beginning.
    """
    view = View(_read(client, by, count), by, count)
    console = Console(highlight=False)
    with _end_on_terminate(), Keys() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            lines = draw(view, console.size.height)
            for line in lines:
                line.no_wrap, line.overflow = True, "crop"
            live.update(Group(*lines), refresh=True)
            sort = _sort_of(keys, view.by)
            if sort is None:
                return
            view = _refreshed(client, replace(view, by=sort))


def _sort_of(keys: Keys, by: str) -> str | None:
    """Wait for the next redraw and give the order it is to have; None: quit."""
    deadline = time.monotonic() + PERIOD_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        for key in keys.wait(left):
            if key in _QUIT_KEYS:
                return None
            if key.lower() in _SORT_KEYS:
                return _SORT_KEYS[key.lower()]
    return by


def _refreshed(client: "Client", view: View) -> View:
    """Give the view with new figures, or with the old ones and the reason."""
    try:
        return replace(view, screen=_read(client, view.by, view.count), failure="")
    except (NotReachableError, RequestRefusedError) as error:
        return replace(view, failure=str(error))


def _read(client: "Client", by: str, count: int) -> ScreenShape:
    data = client.get("/v1/screen", by=by, count=count)
    try:
        return msgspec.json.decode(data, type=ScreenShape)
    except msgspec.MsgspecError as error:
        raise NotReachableError(f"the daemon's answer is not understood, is it another version? {error}") from error


@contextlib.contextmanager
def _end_on_terminate() -> "Iterator[None]":
    """Leave by an exception on SIGTERM and SIGHUP, so that the terminal is put back."""

    def leave(number: int, _frame: "FrameType | None") -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
