"""The daemon as a program: what `run` and `check` print and give, with real files."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fnm_guard import app
from fnm_guard.daemon.lock import FolderLock

ROOT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).parent / "fnm-guard"


def configuration(folder: Path, **settings: Any) -> Path:
    """Write a good configuration but for what a test changes; its interface exists nowhere."""
    path = folder / "fnm-guard.yaml"
    plain: dict[str, Any] = {
        "networks": ["203.0.113.0/24"],
        "capture": [{"source": "af_packet", "interfaces": ["nothere0"]}],
        "paths": {"runtime": str(folder / "run"), "state": str(folder / "state")},
    }
    path.write_text(yaml.safe_dump(plain | settings))
    return path


def run(path: Path, **streams: Any) -> "subprocess.CompletedProcess[str]":
    """Run the daemon with a configuration that it cannot run with, and give what it said."""
    command = [str(COMMAND), "run", "-c", str(path)]
    return subprocess.run(command, cwd=path.parent, text=True, timeout=60, check=False, **streams)


def said(path: Path) -> tuple[int, list[str]]:
    """Give exit code and lines of a daemon that cannot run."""
    done = run(path, capture_output=True)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def test_a_broken_configuration_is_all_its_errors(tmp_path: Path) -> None:
    """Exit code 2, and each error with its place, in one run."""
    path = configuration(tmp_path, ban={"duration": "-5m"}, nonsense=1)
    code, lines = said(path)
    assert code == 2
    assert len(lines) == 2
    assert all(line.startswith(f"{path}:") for line in lines)
    assert not (tmp_path / "state").exists()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Exit code 2 and one line."""
    assert said(tmp_path / "none.yaml") == (2, [f"{tmp_path}/none.yaml: cannot be read: No such file or directory"])


def test_nothing_to_read(tmp_path: Path) -> None:
    """A configuration without a source is good for a replay, not for the daemon."""
    path = configuration(tmp_path, capture=[])
    assert said(path) == (2, [f"{path}: capture: nothing to read: name a source and its interfaces"])


def test_no_interface_at_all(tmp_path: Path) -> None:
    """Exit code 1, and a line with the interfaces that there are, or with the capability that is missing."""
    code, lines = said(configuration(tmp_path))
    assert code == 1
    assert "cannot run" in lines[-1]
    assert "no such interface; there are: lo" in lines[-1] or "CAP_NET_RAW" in lines[-1]
    assert "Traceback" not in "".join(lines)


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """Exit code 1 and one line that names the setting."""
    (tmp_path / "file").touch()
    code, lines = said(configuration(tmp_path, paths={"runtime": str(tmp_path), "state": str(tmp_path / "file")}))
    assert (code, len(lines)) == (1, 1)
    assert f"paths.state: {tmp_path}/file: File exists" in lines[0]


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    """It is found when the file is read: exit code 2 and the limit."""
    code, lines = said(configuration(tmp_path, paths={"runtime": str(tmp_path / ("x" * 100)), "state": str(tmp_path)}))
    assert (code, len(lines)) == (2, 1)
    assert "paths.runtime: too long for a socket" in lines[0]
    assert "allowed: 107" in lines[0]


@pytest.mark.parametrize("held", ["state", "run"])
def test_a_second_daemon_is_refused(tmp_path: Path, held: str) -> None:
    """With the same state or runtime folder: exit code 1, and one line that names the lock and the process."""
    path = configuration(tmp_path)
    with FolderLock(tmp_path / held, "test"):
        code, lines = said(path)
    assert (code, len(lines)) == (1, 1)
    assert f"{tmp_path}/{held}/fnm-guard.lock: held by another fnm-guard (process {os.getpid()})" in lines[0]


def test_one_folder_may_be_both(tmp_path: Path) -> None:
    """State and runtime in one folder do not lock each other out."""
    code, lines = said(configuration(tmp_path, paths={"runtime": str(tmp_path), "state": str(tmp_path)}))
    assert code == 1
    assert "held by another" not in "".join(lines)


@pytest.mark.parametrize("content", [b"\x07" * 9000, b"SQLite format 3\x00" + b"\xff" * 9000])
def test_a_damaged_database(tmp_path: Path, content: bytes) -> None:
    """Exit code 1 and one line that says what to do; the file is left as it is."""
    path = configuration(tmp_path)
    (tmp_path / "state").mkdir()
    database = tmp_path / "state" / "guard.db"
    database.write_bytes(content)
    code, lines = said(path)
    assert (code, len(lines)) == (1, 1)
    assert f"store {database}: damaged" in lines[0]
    assert database.read_bytes() == content


def test_closed_streams_do_not_end_in_the_database(tmp_path: Path) -> None:
    """Started with descriptors 0 to 2 closed, the log goes nowhere, and not into the file that got their number."""
    path = configuration(tmp_path)
    program = f"exec {COMMAND} run -c {path} <&- >&- 2>&-"
    assert subprocess.run(["/bin/sh", "-c", program], timeout=60, check=False).returncode == 1
    database = (tmp_path / "state" / "guard.db").read_bytes()
    assert database.startswith(b"SQLite format 3")
    assert b"cannot run" not in database


def test_a_closed_pipe_for_the_log_changes_nothing(tmp_path: Path) -> None:
    """With nobody behind standard error the daemon ends as it would have, without a traceback anywhere."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(configuration(tmp_path), stderr=writer, stdout=subprocess.PIPE)
    finally:
        os.close(writer)
    assert (done.returncode, done.stdout) == (1, "")


def test_check_is_good_or_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0 and one line on standard output; or 2 and every problem with the file's name, on standard error."""
    good = configuration(tmp_path, capture=[{"source": "af_packet", "interfaces": ["lo"]}], api={"group": "root"})
    assert app.check(good) == 0
    assert capsys.readouterr().out == f"{good}: good; networks: 203.0.113.0/24; peers: 0; mode: act; rings: 32 MiB\n"
    bad = configuration(tmp_path, notify={"script": {"path": "/nonexistent.sh"}})
    assert app.check(bad) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.startswith(f"{bad}: ")]) == len(lines) > 1


def test_a_warning_of_check_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What works all the same is told as a warning, and the exit code stays 0."""
    capture = [{"source": "af_packet", "interfaces": ["lo"]}]
    assert app.check(configuration(tmp_path, capture=capture, api={"group": "nosuchgroup"})) == 0
    assert ": warning: api.group: there is no group nosuchgroup" in capsys.readouterr().err


def test_check_of_a_broken_file_is_its_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no configuration is not looked at on the machine."""
    path = configuration(tmp_path, nonsense=1)
    assert app.check(path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "nonsense: unknown key" in line
