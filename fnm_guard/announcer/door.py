"""The Unix socket that the bridge connects to, and who may.

The daemon makes it, for itself and the user that ExaBGP runs as; the kernel says who calls (SO_PEERCRED, unix(7)).
"""

import asyncio
import contextlib
import os
import pwd
import socket
import struct
from typing import TYPE_CHECKING

import structlog

from fnm_guard.announcer.errors import AnnouncerError
from fnm_guard.announcer.link import Link
from fnm_guard.announcer.protocol import Hello, ProtocolError, parse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["CONNECTION_LIMIT", "LINE_LIMIT", "Door"]

HELLO_SECONDS = 5.0
LINE_LIMIT = 4 << 20
CONNECTION_LIMIT = 8
"""Connections that may be open at once; every further one is closed."""

_log = structlog.get_logger("announcer.door")


class Door:
    """The listening socket.

    Args:
        path: Where it is made.
        user: Who else than root and ourselves may connect, "" for nobody.
        admit: Says whether a bridge that greets may stay.
        on_link: Takes the link of one that may.
    """

    def __init__(
        self, path: "Path", user: str, admit: "Callable[[Hello], bool]", on_link: "Callable[[Link], None]"
    ) -> None:
        self._path, self._user, self._admit, self._on_link = path, user, admit, on_link
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._uids = {0, os.geteuid()}

    async def open(self) -> None:
        """Listen; a socket left behind by a daemon that was killed is replaced.

        Raises:
            AnnouncerError: If the socket cannot be made there.
        """
        try:
            await self._listen()
        except OSError as error:
            raise AnnouncerError(f"{self._path}: {error.strerror or error}") from error

    async def _listen(self) -> None:
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            before = os.umask(0o177)
            try:
                listener.bind(str(self._path))
            finally:
                os.umask(before)
            self._admit_user()
            listener.listen()
            self._server = await asyncio.start_unix_server(self._accept, sock=listener, limit=LINE_LIMIT)
        except OSError:
            listener.close()
            raise

    def _admit_user(self) -> None:
        if self._user:
            entry = pwd.getpwnam(self._user)
            self._uids.add(entry.pw_uid)
            os.chown(self._path, -1, entry.pw_gid)
            self._path.chmod(0o660)

    async def close(self) -> None:
        """Stop listening and hang up on every bridge; safe to call twice."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for writer in self._open.values():
            writer.close()
        await asyncio.gather(*list(self._open), return_exceptions=True)
        self._path.unlink(missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._open) >= CONNECTION_LIMIT or not self._is_admitted(writer):
            writer.close()
            return
        self._open[task] = writer
        try:
            await self._serve(reader, writer)
        except (OSError, ProtocolError, ValueError, TimeoutError) as error:
            _log.warning("bridge turned away", reason=str(error) or type(error).__name__)
        finally:
            self._open.pop(task, None)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(HELLO_SECONDS):
            line = await reader.readline()
        if not line:
            return
        hello = parse(line)
        if not isinstance(hello, Hello):
            raise ProtocolError("the bridge did not say hello")
        if self._admit(hello):
            link = Link(hello, reader, writer)
            self._on_link(link)
            await link.read()

    def _is_admitted(self, writer: asyncio.StreamWriter) -> bool:
        with contextlib.suppress(OSError):
            credentials = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            pid, uid, _ = struct.unpack("3i", credentials)
            if uid in self._uids:
                return True
            _log.warning("bridge of another user turned away", pid=pid, uid=uid)
        return False
