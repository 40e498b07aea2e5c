"""Where the daemon is: typed, from the environment, from a configuration."""

from pathlib import Path

import pytest

from api.paperdesk import PaperDesk
from api.served import served
from cli.calling import failing
from fnm_guard.cli import main


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    """A configuration whose runtime folder holds the socket."""
    path = tmp_path / "fnm-guard.yaml"
    path.write_text(f"networks: [203.0.113.0/24]\npaths: {{runtime: {tmp_path / 'run'}}}\n")
    return path


def test_a_named_configuration_says_where_the_daemon_is(
    configured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-c` leads to the socket of that configuration, also before a socket from the environment."""
    monkeypatch.setenv("FNM_GUARD_SOCKET", str(tmp_path / "other.sock"))
    with served(PaperDesk(), tmp_path / "run" / "api.sock"):
        assert main(["bans", "-c", str(configured)]) == 0
    assert capsys.readouterr().out == "no bans\n"


def test_the_environment_can_name_the_configuration(
    configured: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """FNM_GUARD_CONFIG counts as named."""
    monkeypatch.delenv("FNM_GUARD_SOCKET", raising=False)
    monkeypatch.setenv("FNM_GUARD_CONFIG", str(configured))
    assert "run/api.sock" in failing(capsys, "bans")[1]


def test_a_typed_socket_comes_first(configured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--socket` wins over `-c`."""
    words = ("bans", "-c", str(configured), "--socket", str(tmp_path / "typed.sock"))
    assert "typed.sock" in failing(capsys, *words)[1]


def test_without_a_name_it_is_the_default(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The default configuration is not even read."""
    monkeypatch.delenv("FNM_GUARD_SOCKET", raising=False)
    monkeypatch.delenv("FNM_GUARD_CONFIG", raising=False)
    monkeypatch.setattr("fnm_guard.api.client.Client._exchange", _nobody)
    assert "/run/fnm-guard/api.sock" in failing(capsys, "bans")[1]


def test_a_broken_configuration_is_exit_code_2(configured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its errors are shown with their places."""
    configured.write_text("networks: [203.0.113.0/24]\nbann: {}\n")
    code, line = failing(capsys, "bans", "-c", str(configured))
    assert code == 2
    assert "fnm-guard.yaml:2:1: bann" in line


def _nobody(*_words: object) -> bytes:
    raise FileNotFoundError
