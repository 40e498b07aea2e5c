#!/usr/bin/env python3
"""Relay between ExaBGP and the daemon: standard library only, because ExaBGP starts it.

ExaBGP speaks on standard input (events, answers) and listens on standard output (commands).  The daemon listens on a
Unix socket and speaks JSON, one object a line; `fnm_guard/announcer/protocol.py` is the other end.

The rules, and what each is there for:

* Standard input is always read.  ExaBGP writes to it blocking: 64 KiB unread and it stalls, KEEPALIVEs included.
* The bridge ends only when ExaBGP does.  ExaBGP keeps the routes while the daemon is away; a bridge that ends five
  times in a minute takes ExaBGP, and so every route, with it.
* Nothing grows without bound.  What ExaBGP says while the daemon is away or slow is dropped; the connection is closed,
  and the daemon starts over with the next one: a full comparison of what is announced.
* Only the commands that the daemon has any need of are passed on: ASCII, one line, known verbs.
* ExaBGP answers `done` or `error` without saying to what.  The bridge keeps the order of what it wrote and gives each
  answer the number of its command.  Two cases could set that order wrong, a bridge before this one that was killed
  with answers outstanding and a daemon that went away with some.  Both end in a barrier: `show neighbor json` is
  written, all is dropped up to its answer, which begins with `[` as no other line does; then the daemon is greeted.
  `version`, `announce eor` and unknown verbs are answered ahead of the queue, so the daemon sends the first two only
  when no answer is outstanding, and the bridge refuses the third.
"""

import argparse
import contextlib
import json
import os
import re
import selectors
import signal
import socket
import sys
from collections import deque
from pathlib import Path

PROTOCOL = 1
RETRY_SECONDS = 0.1
READ_BYTES = 1 << 16
LINE_LIMIT = 1 << 20
TO_EXABGP_LIMIT = 1 << 20
TO_DAEMON_LIMIT = 4 << 20
OUTSTANDING_LIMIT = 1024
BARRIER = "show neighbor json"
ANSWERS = ("done", "error")

_ADDRESS = r"[0-9A-Fa-f.:]{2,45}"
_COMMAND = re.compile(
    rf"neighbor {_ADDRESS} (announce|withdraw) (route|attributes) [0-9A-Za-z .:/\[\]-]+"
    rf"|neighbor {_ADDRESS} announce eor ipv[46] unicast"
    r"|show adj-rib out|show neighbor json|version"
)


class Lines:
    """Cut a stream of bytes into lines; what is longer than the limit is dropped whole."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[str]:
        """Give the lines completed by `data`, without their ends; bytes above 127 become `?`."""
        *whole, rest = (self._rest + data).split(b"\n")
        if whole and self._skipping:
            whole.pop(0)
            self._skipping = False
        self._rest = b"" if self._skipping else rest
        if len(self._rest) > self._limit:
            self._rest, self._skipping = b"", True
        return [line.decode("ascii", "replace").replace("\ufffd", "?").strip() for line in whole]


class Answers:
    """Whose answer is it?  Pure bookkeeping of the commands that were written and not yet answered."""

    def __init__(self) -> None:
        self._outstanding: deque[tuple[int, str]] = deque()
        self._barrier = ""
        self._stray = False
        self.synced = False

    def __len__(self) -> int:
        return len(self._outstanding)

    def start_barrier(self) -> bool:
        """Forget what is outstanding; true: the barrier is to be written now, false: one is on its way."""
        self._outstanding.clear()
        self.synced = False
        wanted = not self._barrier
        self._barrier = self._barrier or "written"
        return wanted

    def add(self, number: int, text: str) -> None:
        """Note that a command was written."""
        self._outstanding.append((number, text))

    def take(self, line: str) -> dict[str, object] | None:
        """Say what a line of ExaBGP's that is no event means to the daemon; None: nothing."""
        if self._barrier:
            self._take_barrier(line)
            return None
        head = self._outstanding[0] if self._outstanding else None
        if line.startswith("[") and (head is None or head[1] != BARRIER):
            self._stray = True  # the barrier of a bridge before this one; its `done` follows
            return None
        if line in ANSWERS:
            return self._take_answer(line)
        if head is None or not head[1].startswith(("show ", "version")):
            return None
        return {"type": "output", "number": head[0], "text": line}

    def _take_barrier(self, line: str) -> None:
        if line.startswith("["):
            self._barrier = "listed"
        elif line in ANSWERS and self._barrier == "listed":
            self._barrier, self.synced = "", True

    def _take_answer(self, line: str) -> dict[str, object] | None:
        if self._stray or not self._outstanding:
            self._stray = False
            return None
        number, _ = self._outstanding.popleft()
        return {"type": "answer", "number": number, "result": line}


class Bridge:
    """The loop over standard input, standard output and the daemon's socket."""

    def __init__(self, path: str, instance: str, digest: str) -> None:
        self._path = path
        self._hello: dict[str, object] = {"type": "hello", "protocol": PROTOCOL, "instance": instance, "digest": digest}
        self._hello |= {"exabgp": os.getppid(), "exabgp_started": start_time(os.getppid())}
        self._selector = selectors.DefaultSelector()
        self._from_exabgp = Lines(LINE_LIMIT)
        self._to_exabgp = bytearray()
        self._answers = Answers()
        self._daemon: socket.socket | None = None
        self._greeted = False
        self._from_daemon = Lines(LINE_LIMIT)
        self._to_daemon = bytearray()
        self._hangups = 0

    def run(self) -> None:
        """Relay until ExaBGP closes its end."""
        os.set_blocking(0, False)
        os.set_blocking(1, False)
        self._selector.register(0, selectors.EVENT_READ, self._read_exabgp)
        self._write_barrier()
        while True:
            if self._daemon is None:
                self._connect()
            for key, mask in self._selector.select(RETRY_SECONDS if self._daemon is None else None):
                key.data(mask)

    def _connect(self) -> None:
        daemon = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            daemon.setblocking(False)
            daemon.connect(self._path)
        except OSError:
            daemon.close()
            return
        self._daemon = daemon
        self._selector.register(daemon, selectors.EVENT_READ, self._serve_daemon)
        if self._answers:
            self._write_barrier()
        self._greet()

    def _disconnect(self) -> None:
        if self._daemon is None:
            return
        self._selector.unregister(self._daemon)
        self._daemon.close()
        self._daemon, self._greeted = None, False
        self._from_daemon = Lines(LINE_LIMIT)
        self._to_daemon.clear()

    def _greet(self) -> None:
        if self._daemon is not None and self._answers.synced and not self._greeted:
            self._greeted = True
            self._send_daemon(self._hello | {"hangups": self._hangups})

    def _write_barrier(self) -> None:
        if self._answers.start_barrier():
            self._send_exabgp(BARRIER)

    def _read_exabgp(self, _mask: int) -> None:
        try:
            data = os.read(0, READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            sys.exit(0)
        for line in self._from_exabgp.feed(data):
            self._hear(line)

    def _hear(self, line: str) -> None:
        if line.startswith("{"):
            self._send_daemon({"type": "event", "text": line})
            return
        message = self._answers.take(line)
        if message is not None:
            self._send_daemon(message)
        self._greet()

    def _send_exabgp(self, text: str) -> None:
        self._to_exabgp += text.encode("ascii") + b"\n"
        self._write_exabgp(0)

    def _write_exabgp(self, _mask: int) -> None:
        with contextlib.suppress(BlockingIOError):
            del self._to_exabgp[: os.write(1, self._to_exabgp)]
        registered = 1 in self._selector.get_map()
        if self._to_exabgp and not registered:
            self._selector.register(1, selectors.EVENT_WRITE, self._write_exabgp)
        elif registered and not self._to_exabgp:
            self._selector.unregister(1)

    def _serve_daemon(self, mask: int) -> None:
        try:
            if mask & selectors.EVENT_WRITE:
                self._write_daemon()
            if mask & selectors.EVENT_READ and self._daemon is not None:
                self._read_daemon(self._daemon)
        except OSError:
            self._disconnect()

    def _read_daemon(self, daemon: socket.socket) -> None:
        try:
            data = daemon.recv(READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            self._disconnect()
        for line in self._from_daemon.feed(data):
            if self._daemon is daemon:
                self._obey(line)

    def _obey(self, line: str) -> None:
        """Pass a command on; what is no command of ours is refused, what is no message ends the connection."""
        try:
            message = json.loads(line)
            kind, number, text = message["type"], int(message.get("number", 0)), str(message.get("text", ""))
        except (ValueError, TypeError, KeyError, AttributeError):
            self._disconnect()
            return
        if kind != "command":
            return
        if not _COMMAND.fullmatch(text):
            self._send_daemon({"type": "answer", "number": number, "result": "refused"})
        elif len(self._answers) >= OUTSTANDING_LIMIT or len(self._to_exabgp) > TO_EXABGP_LIMIT:
            self._disconnect()
        else:
            self._answers.add(number, text)
            self._send_exabgp(text)

    def _send_daemon(self, message: dict[str, object]) -> None:
        if not self._greeted:
            return
        self._to_daemon += json.dumps(message).encode("ascii") + b"\n"
        if len(self._to_daemon) > TO_DAEMON_LIMIT:
            self._hangups += 1
            self._disconnect()
            return
        try:
            self._write_daemon()
        except OSError:
            self._disconnect()

    def _write_daemon(self) -> None:
        if self._daemon is None:
            return
        with contextlib.suppress(BlockingIOError):
            del self._to_daemon[: self._daemon.send(self._to_daemon)]
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._to_daemon else 0)
        if self._selector.get_key(self._daemon).events != wanted:
            self._selector.modify(self._daemon, wanted, self._serve_daemon)


def start_time(pid: int) -> int:
    """Give when a process started, in clock ticks since boot; with the pid it names one process for good (proc(5))."""
    stat = Path(f"/proc/{pid}/stat").read_bytes()
    return int(stat.rpartition(b")")[2].split()[19])


def main() -> None:
    """Read the arguments that the configuration gives, and relay."""
    parser = argparse.ArgumentParser(description="relay between ExaBGP and fnm-guard; started by ExaBGP")
    parser.add_argument("--socket", required=True, help="the daemon's Unix socket")
    parser.add_argument("--instance", required=True, help="name of the daemon's instance")
    parser.add_argument("--digest", required=True, help="digest of ExaBGP's configuration")
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C belongs to whoever started ExaBGP
    with contextlib.suppress(BrokenPipeError):  # ExaBGP is gone
        Bridge(arguments.socket, arguments.instance, arguments.digest).run()


if __name__ == "__main__":
    main()
