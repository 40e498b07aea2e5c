"""The server as strangers see it: on the raw socket, with broken, oversized and half requests."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from api.paperdesk import PaperDesk
from api.served import served
from fnm_guard.api import server as api_server
from fnm_guard.api.client import Client
from fnm_guard.api.server import ApiServer

NOBODY = 65_534
ORDER = """
import os, socket, sys
path, uid, *groups = sys.argv[1:]
os.setgroups([int(group) for group in groups])
os.setgid(int(uid))
os.setuid(int(uid))
request = b"POST /v1/reload HTTP/1.1\\r\\nhost: x\\r\\nuser: root\\r\\nconnection: close\\r\\n\\r\\n"
with socket.socket(socket.AF_UNIX) as door:
    door.settimeout(10)
    door.connect(path)
    door.sendall(request)
    print(door.recv(65536).decode())
"""


def talk(path: Path, *pieces: bytes) -> bytes:
    """Send bytes as they are and read until the other end closes."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(20)
        door.connect(str(path))
        answer = b""
        try:
            for piece in pieces:
                door.sendall(piece)
            while part := door.recv(65_536):
                answer += part
        except (BrokenPipeError, ConnectionResetError):
            pass
        return answer


def bans(path: Path) -> Any:
    """Read the bans, as a client that behaves."""
    with Client(str(path)) as client:
        return json.loads(client.get("/v1/bans"))["bans"]


def post(body: bytes, *headers: bytes) -> bytes:
    """Make an order as bytes."""
    lines = [b"POST /v1/bans HTTP/1.1", b"host: localhost", b"connection: close", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_a_long_body_is_refused_before_it_is_kept(desk: PaperDesk, door: Path) -> None:
    """A body above the bound gets 413, with a length given or in chunks, and orders nothing."""
    body = b'{"host": "203.0.113.9", "reason": "' + b"x" * 20_000 + b'"}'
    assert b" 413 " in talk(door, post(body, b"content-length: %d" % len(body)))
    chunk = b"%x\r\n%s\r\n" % (4_096, b"y" * 4_096)
    assert b" 413 " in talk(door, post(chunk * 5 + b"0\r\n\r\n", b"transfer-encoding: chunked"))
    assert desk.orders == []


def test_long_headers_are_refused(door: Path) -> None:
    """Headers above the bound end the connection with 400."""
    assert b" 400 " in talk(door, b"GET /v1/status HTTP/1.1\r\nhost: x\r\nlong: " + b"x" * 70_000)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00" * 100 + b"\r\n\r\n",
        b"GET /v1/status\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_garbage_harms_nobody(door: Path, garbage: bytes) -> None:
    """What is no HTTP is turned away, and the next client is served."""
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(door))
        stranger.sendall(garbage)
        stranger.shutdown(socket.SHUT_WR)
        assert bans(door) == []


def test_half_an_order_is_no_order(desk: PaperDesk, door: Path) -> None:
    """A connection that ends inside a body orders nothing."""
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(door))
        stranger.sendall(post(b'{"host": "203.0.113.9"}', b"content-length: 100"))
    assert bans(door) == []
    assert desk.orders == []


def test_too_many_connections_are_turned_away_and_recovered_from(door: Path) -> None:
    """Connections are bounded: above the bound the answer is 503, and all is well again when they are gone."""
    crowd = []
    try:
        for _ in range(64):
            one = socket.socket(socket.AF_UNIX)
            one.connect(str(door))
            crowd.append(one)
        assert b" 503 " in talk(door, b"GET /v1/bans HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    finally:
        for one in crowd:
            one.close()
    assert bans(door) == []


@pytest.mark.parametrize("sent", [b"", b"GET /v1/bans HTTP/1.1\r\nhost:", b"GET /v1/bans HTTP/1.1\r\nhost: x\r\n\r\n"])
def test_a_forgotten_connection_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """A connection without a request, with half of one, and idle after one, all give their place back."""
    monkeypatch.setattr(api_server, "_IDLE_SECONDS", 1)
    with served(PaperDesk(), tmp_path / "api.sock") as path:
        answer = talk(path, sent)  # returns when the server closes
    assert answer.startswith(b"HTTP/1.1 200") is sent.endswith(b"\r\n\r\n")


async def test_the_daemons_signal_handlers_stay_in_place(tmp_path: Path) -> None:
    """The server takes no signal: SIGTERM is the daemon's to handle, before, while and after it serves."""
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, heard.set)
    server = ApiServer(PaperDesk(), tmp_path / "api.sock", "")
    try:
        await server.start()
        assert await asyncio.to_thread(bans, tmp_path / "api.sock") == []
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(heard.wait(), 10)
        assert await asyncio.to_thread(bans, tmp_path / "api.sock") == []
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        await server.close()
        await server.close()
    assert not (tmp_path / "api.sock").exists()


async def test_stopping_at_once_after_starting_is_clean(tmp_path: Path) -> None:
    """A daemon that fails at start can close what it has just opened."""
    server = ApiServer(PaperDesk(), tmp_path / "api.sock", "")
    await server.start()
    await server.close()
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # blocks for no time worth a thread


@pytest.mark.netns
class TestOtherUsers:
    """These change the user, so they need root."""

    @pytest.fixture
    def public(self, tmp_path: Path) -> Path:
        for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
            folder.chmod(0o755)
        return tmp_path

    def ask_as(self, uid: int, path: Path, *groups: int) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", ORDER, str(path), *map(str, (uid, *groups))]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def test_another_user_is_refused_at_the_socket(self, desk: PaperDesk, public: Path) -> None:
        """Who is neither root nor the owner nor in the group cannot even connect, by the socket's mode alone."""
        (public / "open").mkdir(mode=0o755)
        with served(desk, public / "open" / "api.sock") as path:
            done = self.ask_as(NOBODY, path)
        assert done.returncode != 0
        assert "PermissionError" in done.stderr
        assert desk.orders == []

    def test_another_user_does_not_get_through_the_directory(self, desk: PaperDesk, public: Path) -> None:
        """The directory that was made for the socket is closed too."""
        with served(desk, public / "run" / "api.sock") as path:
            path.chmod(0o666)
            done = self.ask_as(NOBODY, path)
        assert "PermissionError" in done.stderr
        assert desk.orders == []

    def test_a_member_of_the_group_is_known_by_his_uid(self, desk: PaperDesk, public: Path) -> None:
        """The kernel's word decides who gave an order; what the client writes about itself is not read."""
        with served(desk, public / "run" / "api.sock", "games") as path:
            gid = path.stat().st_gid
            done = self.ask_as(NOBODY, path, gid)
            stranger = self.ask_as(54_321, path, gid)
        assert gid != 0
        assert " 200 " in done.stdout
        assert " 200 " in stranger.stdout
        assert desk.orders == [("nobody", "reload"), ("uid 54321", "reload")]
