"""The screen in a real terminal: a pseudo terminal, key presses, resizing, and a daemon that goes and comes back."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from api.paperdesk import PaperDesk
from api.served import served

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = Path(sys.executable).parent / "fnm-guard"
SECONDS = 30.0
_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LEAVE = "\x1b[?1049l"


class Terminal:
    """A terminal with `fnm-guard top` in it."""

    def __init__(self, *words: str, keyboard: bool = True) -> None:
        self.ours, self._theirs = pty.openpty()
        self.resize(80, 24)
        self.before = termios.tcgetattr(self._theirs)
        self.text = ""
        self.process = subprocess.Popen(
            [str(COMMAND), "top", *words],
            stdin=self._theirs if keyboard else subprocess.DEVNULL,
            stdout=self._theirs,
            stderr=self._theirs,
            env={**os.environ, "TERM": "xterm-256color", "TZ": "UTC"},
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        os.close(self.ours)
        os.close(self._theirs)

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("4H", height, width, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.ours, keys.encode())

    def frame(self) -> list[str]:
        """Give the latest whole picture as lines without styles."""
        pictures = self.text.replace("\r\n", "\n").split("\x1b[H")
        return _STYLE.sub("", pictures[-1]).split("\n")

    def until(self, is_there: "Callable[[], bool]") -> None:
        """Read until something is there."""
        deadline = time.monotonic() + SECONDS
        while not is_there():
            left = deadline - time.monotonic()
            assert left > 0, f"not seen: {self.text[-3000:]!r}"
            ready, _, _ = select.select([self.ours], [], [], min(left, 0.2))
            if ready:
                self.text += os.read(self.ours, 65_536).decode()

    def see(self, text: str) -> None:
        """Wait for a picture with a text on it, from now on."""
        self.text = ""
        self.until(lambda: any(text in line for line in self.frame()))

    def end(self) -> int:
        """Read to the end of the program and give its exit code."""
        self.until(lambda: self.process.poll() is not None and not select.select([self.ours], [], [], 0)[0])
        return self.process.wait(SECONDS)

    def cpu_seconds(self) -> float:
        """Give the processor time that the program has used."""
        values = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")

    def is_as_before(self) -> bool:
        """Tell whether the terminal's settings are those from before."""
        return termios.tcgetattr(self._theirs) == self.before


def test_keys_sort_and_quit(desk: PaperDesk, path: Path) -> None:
    """p, b and f change the order at once; q ends with 0 and leaves the terminal as it was."""
    with served(desk, path), Terminal("--socket", str(path)) as terminal:
        terminal.see("by packets")
        for key, order in (("b", "bytes"), ("F", "flows"), ("xyz\x1b[A", "flows"), ("p", "packets")):
            terminal.press(key)
            terminal.see(f"by {order}")
        assert not terminal.is_as_before()
        terminal.press("q")
        assert terminal.end() == 0
        assert _LEAVE in terminal.text
        assert terminal.is_as_before()


def test_it_is_redrawn_every_second(desk: PaperDesk, path: Path) -> None:
    """What changes in the daemon is on the screen without a key."""
    with served(desk, path), Terminal("--socket", str(path)) as terminal:
        terminal.see("203.0.113.7/120613 pps incoming")
        desk.entries.clear()
        terminal.see("no bans")


def test_it_fits_and_follows_the_terminal(desk: PaperDesk, path: Path) -> None:
    """Every picture fits, and a resized terminal is filled again."""
    with served(desk, path), Terminal("--socket", str(path)) as terminal:
        for width, height in ((80, 24), (60, 14), (120, 40)):
            terminal.resize(width, height)
            terminal.text = ""
            terminal.until(lambda: len(terminal.frame()) == height and "q quit" in terminal.frame()[-1])  # noqa: B023  # called at once
            assert max(len(line) for line in terminal.frame()) <= width


def test_the_daemon_may_go_and_come_back(desk: PaperDesk, path: Path) -> None:
    """Without the daemon the screen says so and keeps the last figures; with it all is well again."""
    with contextlib.ExitStack() as daemon:
        daemon.enter_context(served(desk, path))
        with Terminal("--socket", str(path)) as terminal:
            terminal.see("203.0.113.7/120613")
            daemon.close()
            terminal.see("! no daemon at")
            terminal.until(lambda: any("203.0.113.7/120613 pps incoming" in line for line in terminal.frame()))
            daemon.enter_context(served(desk, path))
            terminal.until(lambda: "q quit" in terminal.frame()[-1] and "! no daemon" not in "".join(terminal.frame()))
            terminal.press("q")
            assert terminal.end() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_the_terminal_in_order(desk: PaperDesk, path: Path, number: int, code: int) -> None:
    """Ctrl-C and SIGTERM end the screen without a traceback and put the terminal back."""
    with served(desk, path), Terminal("--socket", str(path)) as terminal:
        terminal.see("by packets")
        terminal.process.send_signal(number)
        assert terminal.end() == code
        assert "Traceback" not in terminal.text
        assert _LEAVE in terminal.text
        assert terminal.is_as_before()


def test_without_a_keyboard_it_only_shows(desk: PaperDesk, path: Path) -> None:
    """With standard input elsewhere the screen runs, takes no keys and waits for its next second all the same."""
    with served(desk, path), Terminal("--socket", str(path), keyboard=False) as terminal:
        terminal.see("by packets")
        started = terminal.cpu_seconds()
        terminal.press("q")
        for _ in range(3):
            terminal.see("by packets")
        assert terminal.process.poll() is None
        assert terminal.cpu_seconds() - started < 1.0  # of at least two seconds: a loop without a wait takes them all
