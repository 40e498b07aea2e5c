"""The installed command as a process: how fast it is imported, pipes that break, Ctrl-C, other users."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from api.paperdesk import PaperDesk

COMMAND = Path(sys.executable).parent / "fnm-guard"
HEAVY = ("pydantic", "uvicorn", "starlette", "pyroute2", "rich", "jinja2", "yaml", "netaddr", "structlog")


def call(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run the installed command."""
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=60, check=False)


def test_help_and_orders_load_nothing_heavy() -> None:
    """The command line starts fast: it loads neither the daemon's libraries nor those of the screen."""
    code = "import sys, fnm_guard.cli; fnm_guard.cli.main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.split()}
    assert "fnm_guard" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_the_installed_command_talks_to_the_daemon(door: Path) -> None:
    """The entry point works, with its exit codes."""
    done = call("bans", "--socket", str(door))
    assert (done.returncode, done.stderr) == (0, "")
    assert "203.0.113.7" in done.stdout
    assert call("ban", "198.51.100.1", "--socket", str(door)).returncode == 1
    assert call("ban", "198.51.100.0/24").returncode == 2
    assert call("bans", "--socket", "/nowhere/api.sock").returncode == 3
    assert call("--version").stdout.startswith("fnm-guard ")


def test_a_closed_pipe_is_quiet(door: Path) -> None:
    """Output that nobody reads any more ends the command without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.Popen([COMMAND, "status", "--socket", door], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (1, b"")


def test_names_beyond_the_terminals_encoding_are_replaced(desk: PaperDesk, door: Path) -> None:
    """A terminal that cannot show a character shows another one; the command does not fail."""
    desk.warnings = ("Störung ✗",)
    environment = {**os.environ, "PYTHONIOENCODING": "iso-8859-1", "PYTHONUTF8": "0"}
    command = [str(COMMAND), "status", "--socket", str(door)]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True, env=environment)
    assert "Störung ?\n" in done.stdout.decode("iso-8859-1")


def test_ctrl_c_while_the_daemon_is_silent(tmp_path: Path) -> None:
    """A command that waits can be interrupted: exit code 130, no traceback."""
    with socket.socket(socket.AF_UNIX) as mute:
        mute.settimeout(60)
        mute.bind(str(tmp_path / "api.sock"))
        mute.listen()
        command = [str(COMMAND), "status", "--socket", str(tmp_path / "api.sock")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        visitor, _ = mute.accept()
        with visitor:
            visitor.recv(1)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.strip()) == (130, b"")


@pytest.mark.netns
def test_a_stranger_is_told_to_join_the_group(door: Path) -> None:
    """Without the permission to connect the line says which group to join (needs root, to become somebody else)."""
    for folder in (door.parent, door.parent.parent, door.parent.parent.parent):
        folder.chmod(0o755)
    code = (
        "import os, sys, fnm_guard.cli, fnm_guard.api.orders; os.setgroups([]); os.setgid(65534); os.setuid(65534);"
        f"sys.exit(fnm_guard.cli.main(['status', '--socket', {str(door)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "permission denied" in done.stderr
    assert "usermod -aG fnm-guard" in done.stderr
