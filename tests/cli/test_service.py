"""The commands that need no daemon."""

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from cli.calling import failing
from fnm_guard import config
from fnm_guard.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the daemon's own functions are called with."""
    calls: list[Any] = []

    def noting(code: int) -> "Callable[..., int]":
        def note(*words: object, **named: object) -> int:
            calls.append((*words, *named.values()))
            return code

        return note

    parts = SimpleNamespace(run=noting(4), check=noting(2), replay=noting(1))
    monkeypatch.setattr("fnm_guard.cli.service.importlib", SimpleNamespace(import_module=lambda _name: parts))
    return calls


def test_their_exit_codes_are_passed_on(called: list[Any]) -> None:
    """`run`, `check` and `replay` say themselves how they ended."""
    assert main(["run", "-c", "a.yaml"]) == 4
    assert main(["check", "-c", "a.yaml"]) == 2
    assert main(["replay", "x.pcap", "y.pcap", "-c", "a.yaml", "--json", "--mail-dir", "mails"]) == 1
    assert main(["replay", "-", "-c", "a.yaml", "--follow"]) == 1
    files = (Path("x.pcap"), Path("y.pcap"))
    assert called == [
        (Path("a.yaml"),),
        (Path("a.yaml"),),
        (files, Path("a.yaml"), Path("mails"), True, False),
        ((Path("-"),), Path("a.yaml"), None, False, True),
    ]


def test_replay_wants_a_file(called: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to replay is wrong usage."""
    assert failing(capsys, "replay") == (2, "fnm-guard replay: Missing argument 'FILE...'.")
    assert called == []


def test_it_writes_a_configuration_that_loads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is whole, loads, and is not readable by everybody."""
    path = tmp_path / "etc" / "fnm-guard.yaml"
    assert main(["init", "-c", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    assert path.stat().st_mode & 0o777 == 0o640
    assert config.load(path).networks
    assert [entry.name for entry in path.parent.iterdir()] == ["fnm-guard.yaml"]


def test_it_never_overwrites_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that exists stays as it is, unless `--force` says otherwise."""
    path = tmp_path / "fnm-guard.yaml"
    path.write_text("mine")
    assert failing(capsys, "init", "-c", str(path)) == (
        1,
        f"fnm-guard: {path} exists already; --force overwrites it",
    )
    assert path.read_text() == "mine"
    assert main(["init", "-c", str(path), "--force"]) == 0
    assert path.read_text() != "mine"


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The operating system's reason is given."""
    (tmp_path / "file").write_text("")
    code, line = failing(capsys, "init", "-c", str(tmp_path / "file" / "fnm-guard.yaml"))
    assert code == 1
    assert line.startswith("fnm-guard: ")
