"""The bridge as a process, with the test at both its ends: ExaBGP on the pipes, the daemon on the socket."""

import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

__all__ = ["BRIDGE", "DaemonEnd", "Rig"]

BRIDGE = Path(__file__).resolve().parents[2] / "exabgp" / "bridge.py"
PATIENCE_SECONDS = 10.0


class DaemonEnd:
    """One accepted connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(PATIENCE_SECONDS)
        self._rest = b""

    def read(self) -> dict[str, Any]:
        """Give the next message; {} when the bridge has hung up."""
        while b"\n" not in self._rest:
            try:
                data = self.socket.recv(65_536)
            except ConnectionResetError:
                data = b""
            if not data:
                return {}
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def is_silent(self, seconds: float = 0.3) -> bool:
        """Whether nothing comes for a while."""
        return not self._rest and not select.select([self.socket], [], [], seconds)[0]

    def command(self, number: int, text: str, **more: Any) -> None:
        """Send a command."""
        self.write(json.dumps({"type": "command", "number": number, "text": text, **more}).encode() + b"\n")

    def write(self, data: bytes) -> None:
        """Send anything."""
        self.socket.sendall(data)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


class Rig:
    """A running bridge."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "bridge.sock"
        self._listener: socket.socket | None = None
        words = (sys.executable, "-I", BRIDGE, "--socket", self.path, "--instance", "test", "--digest", "d1")
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._daemons: list[DaemonEnd] = []
        self._rest = b""

    def __enter__(self) -> Self:
        """Give the rig."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the bridge."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        for daemon in self._daemons:
            daemon.close()
        self.stop_listening()

    def listen(self) -> None:
        """Be a daemon that can be connected to."""
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._listener.settimeout(PATIENCE_SECONDS)

    def stop_listening(self) -> None:
        """Be a daemon that is gone."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def accept(self) -> DaemonEnd:
        """Take the bridge's next connection."""
        assert self._listener is not None
        daemon = DaemonEnd(self._listener.accept()[0])
        self._daemons.append(daemon)
        return daemon

    def said(self) -> str:
        """Give the next line that the bridge says to ExaBGP."""
        assert self.process.stdout is not None
        while b"\n" not in self._rest:
            assert select.select([self.process.stdout], [], [], PATIENCE_SECONDS)[0], "the bridge says nothing"
            data = os.read(self.process.stdout.fileno(), 65_536)
            assert data, "the bridge is gone"
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode("ascii")

    def says_nothing(self, seconds: float = 0.3) -> bool:
        """Whether the bridge says nothing to ExaBGP for a while."""
        assert self.process.stdout is not None
        return not self._rest and not select.select([self.process.stdout], [], [], seconds)[0]

    def say(self, *lines: str) -> None:
        """Be ExaBGP and say these lines."""
        self.say_bytes("".join(f"{line}\n" for line in lines).encode())

    def say_bytes(self, data: bytes) -> None:
        """Be ExaBGP and say anything; fails when the bridge does not read."""
        assert self.process.stdin is not None
        descriptor, end = self.process.stdin.fileno(), time.monotonic() + PATIENCE_SECONDS
        os.set_blocking(descriptor, False)
        while data:
            left = end - time.monotonic()
            assert left > 0, "the bridge does not read"
            if select.select([], [descriptor], [], left)[1]:
                data = data[os.write(descriptor, data[:65_536]) :]

    def pass_barrier(self) -> None:
        """Answer what a bridge asks first."""
        assert self.said() == "show neighbor json"
        self.say("[]", "done")

    def greeted(self) -> DaemonEnd:
        """Be both ends up to the greeting, and give the daemon's."""
        self.listen()
        self.pass_barrier()
        daemon = self.accept()
        assert daemon.read()["type"] == "hello"
        return daemon
