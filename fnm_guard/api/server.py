"""Serve the application on the Unix socket, inside the daemon's own event loop.

uvicorn gets the bound socket, so that it does not open its permissions, and is kept from taking the signals, which are
the daemon's.  Each connection carries the uid that the kernel recorded when it was made (SO_PEERCRED, unix(7)): the
protocol reads it from the socket and puts it into the state of each request.  No header can set it.
"""

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING

import h11
import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from fnm_guard.api.http import build
from fnm_guard.api.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fnm_guard.api.desk import Desk

__all__ = ["ApiServer"]

_CONNECTIONS_LIMIT = 64
_HEADER_LIMIT_BYTES = 16_384
_IDLE_SECONDS = 30  # also for the head of a request
_STOP_SECONDS = 2
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid

_log = structlog.get_logger(__name__)


class ApiServer:
    """The API of one daemon.

    Args:
        desk: Who answers.
        path: The socket.
        group: Whose members may connect.
    """

    def __init__(self, desk: "Desk", path: "Path", group: str) -> None:
        self._desk = desk
        self._listener = Listener(path, group)
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def warning(self) -> str:
        """What an operator should know about the socket, "" for nothing."""
        return self._listener.warning

    async def start(self) -> None:
        """Listen and serve from now on.

        Raises:
            ListenError: If the socket cannot be had.
        """
        door = self._listener.open()
        self._server = _Server(_configuration(self._desk))
        self._task = asyncio.create_task(self._server.serve(sockets=[door]), name="api")
        self._task.add_done_callback(_say_if_failed)

    async def close(self) -> None:
        """Answer what was asked, then stop; safe to call twice."""
        self._listener.close()
        server, task = self._server, self._task
        self._server = self._task = None
        if server is None or task is None:
            return
        server.should_exit = True
        with contextlib.suppress(Exception):
            await task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> "Iterator[None]":
        """Leave the signals alone."""
        yield


class _Protocol(H11Protocol):
    """HTTP over one connection, whose requests carry the uid at its other end."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base class
        super().connection_made(transport)
        self.app_state = {**self.app_state, "uid": _peer_uid(transport)}
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._expect_request()

    def _expect_request(self) -> None:
        """Close the connection unless a request comes: there are few, and a forgotten one must not keep its place."""
        if self.timeout_keep_alive_task is None:
            wait = self.timeout_keep_alive
            self.timeout_keep_alive_task = self.loop.call_later(wait, self.timeout_keep_alive_handler)


def _peer_uid(transport: asyncio.Transport) -> int | None:
    peer = transport.get_extra_info("socket")
    if peer is None or peer.family != socket.AF_UNIX:
        return None
    _pid, uid, _gid = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(uid)


def _configuration(desk: "Desk") -> uvicorn.Config:
    return uvicorn.Config(
        build(desk),
        http=_Protocol,
        ws="none",
        lifespan="off",
        loop="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=_CONNECTIONS_LIMIT,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_STOP_SECONDS,
        h11_max_incomplete_event_size=_HEADER_LIMIT_BYTES,
    )


def _say_if_failed(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("api stopped", error=str(task.exception()))
