"""Rules of running a program: whatever it does, it hurts nobody and leaves nothing."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fnm_guard.notify import process
from fnm_guard.notify.process import Ended, run_program

NEVER = threading.Event()


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    """No run leaves a file descriptor behind."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208  # one folder, by name
    yield
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def run(folder: Path, text: str, stdin: bytes = b"", seconds: float = 60.0, words: tuple[str, ...] = ()) -> Ended:
    """Run a shell script as a program."""
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return run_program([str(path), *words], stdin, seconds, NEVER)


def is_gone(pid: int, seconds: float = 30.0) -> bool:
    """Tell whether a process ends at all."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


def test_arguments_and_input_arrive(tmp_path: Path) -> None:
    """No shell looks at the arguments, and all of the input can be read."""
    ended = run(tmp_path, 'echo "$1|$2"; wc -c', b"x" * 100_000, words=("a b", "$(id); *"))
    assert ended == Ended(0, False, False, b"a b|$(id); *\n100000\n")


def test_no_input_is_an_empty_one(tmp_path: Path) -> None:
    """Without input a program that reads sees its end at once."""
    assert run(tmp_path, "wc -c").output == b"0\n"


def test_input_that_is_never_read(tmp_path: Path) -> None:
    """A program may leave a megabyte unread and end as it likes."""
    assert run(tmp_path, "exit 3", b"x" * 1_000_000).code == 3


def test_input_closed_by_the_program(tmp_path: Path) -> None:
    """A program may close its input and go on."""
    assert run(tmp_path, "exec <&-; sleep 0.1; echo on", b"x" * 1_000_000) == Ended(0, False, False, b"on\n")


def test_hanging_program_is_killed(tmp_path: Path) -> None:
    """After its time a program is killed, also one that ignores being asked."""
    ended = run(tmp_path, "trap '' TERM INT HUP; echo begun; while :; do sleep 1; done", b"x" * 1_000_000, 0.5)
    assert (ended.timed_out, ended.code, ended.output) == (True, -signal.SIGKILL, b"begun\n")


def test_flood_of_output_is_bounded(tmp_path: Path) -> None:
    """A program that writes without end is cut off; only the first bytes are kept."""
    ended = run(tmp_path, "exec yes aaaaaaaaaaaaaaa")
    assert ended.code == -signal.SIGPIPE
    assert len(ended.output) == process.OUTPUT_KEPT


def test_child_that_stays_is_killed_with_its_group(tmp_path: Path) -> None:
    """A child in the background ends with the program, and does not make it look as if it still ran."""
    started = time.monotonic()
    ended = run(tmp_path, "sleep 600 & echo $!; exit 0")
    assert ended.code == 0
    assert time.monotonic() - started < 300
    assert is_gone(int(ended.output))


def test_children_of_a_killed_program_are_killed(tmp_path: Path) -> None:
    """The time limit ends the whole group."""
    ended = run(tmp_path, "sleep 600 & echo $!; wait", seconds=0.5)
    assert ended.timed_out
    assert is_gone(int(ended.output))


def test_asked_to_stop(tmp_path: Path) -> None:
    """When the guard ends, a running program is killed and that is said."""
    stop = threading.Event()
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\nsleep 600\n")
    path.chmod(0o755)
    timer = threading.Timer(0.2, stop.set)
    timer.start()
    ended = run_program([str(path)], b"", 600.0, stop)
    timer.join()
    assert (ended.stopped, ended.timed_out) == (True, False)


def test_error_output_is_kept(tmp_path: Path) -> None:
    """What a program complains about is kept with the rest."""
    assert run(tmp_path, "echo good; echo bad >&2; exit 1").output == b"good\nbad\n"


def test_environment_is_bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the guard's environment reaches the program: neither secrets nor its service manager's socket."""
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/x")
    monkeypatch.setenv("MAIL_PASSWORD", "secret")
    words = run(tmp_path, "env; pwd").output.decode().split()
    assert {word.split("=")[0] for word in words if "=" in word} <= {"PATH", "LANG", "PWD", "_", "OLDPWD", "SHLVL"}
    assert words[-1] == "/"


def test_no_descriptor_reaches_the_program(tmp_path: Path) -> None:
    """A program sees its three pipes and nothing of the guard's files and sockets."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        found = run(tmp_path, f"[ -e /proc/$$/fd/{write} ] && echo leaked; true").output
    finally:
        os.close(read)
        os.close(write)
    assert found == b""


@pytest.mark.parametrize("mode", [0o644, 0o755])
def test_program_that_cannot_start(tmp_path: Path, mode: int) -> None:
    """Not executable, or without a `#!` line: an error at once, and no process."""
    path = tmp_path / "program"
    path.write_text("exit 0\n")
    path.chmod(mode)
    with pytest.raises(OSError, match=r"denied|format"):
        run_program([str(path)], b"", 1.0, NEVER)
