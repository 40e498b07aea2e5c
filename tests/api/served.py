"""A desk behind the real API server on a real Unix socket, in a thread of its own."""

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from fnm_guard.api.server import ApiServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fnm_guard.api.desk import Desk

__all__ = ["served"]


@contextlib.contextmanager
def served(desk: "Desk", path: Path, group: str = "") -> "Iterator[Path]":
    """Serve a desk on `path` as long as the context lasts."""
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    failures: list[BaseException] = []

    async def serve() -> None:
        server = ApiServer(desk, path, group)
        await server.start()
        ready.set()
        await stop.wait()
        await server.close()

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(serve())
        except BaseException as error:  # noqa: BLE001  # told to the test below
            failures.append(error)
            ready.set()

    thread = threading.Thread(target=run, name="api under test")
    thread.start()
    try:
        assert ready.wait(20), "the server did not start"
        if failures:
            raise failures[0]
        yield path
    finally:
        with contextlib.suppress(RuntimeError):  # its loop is closed when it failed
            loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive()
