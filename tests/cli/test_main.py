"""The command line in this process, against a real API on a real socket."""

import json
import os
import pwd
import shlex
from pathlib import Path

import click
import pytest

from api.paperdesk import PaperDesk
from cli.calling import failing
from fnm_guard.api.client import Client
from fnm_guard.cli import commands, main

ME = pwd.getpwuid(os.getuid()).pw_name
READING = [
    ("status", "/v1/status"),
    ("peers", "/v1/peers"),
    ("bans", "/v1/bans"),
    ("attacks", "/v1/attacks"),
    ("attack 17", "/v1/attacks/17"),
    ("top", "/v1/screen"),
]


@pytest.mark.parametrize(("words", "path"), READING)
def test_json_is_the_apis_own(door: Path, words: str, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` prints the answer of the API as it came."""
    assert main([*words.split(), "--json"]) == 0
    printed = capsys.readouterr().out
    parameters = {"by": "packets", "count": 7} if path == "/v1/screen" else {}
    with Client(str(door)) as client:
        assert printed == client.get(path, **parameters).decode() + "\n"


@pytest.mark.usefixtures("door")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("status", "notifications  failed: mail: connection refused"),
        ("peers", "connection refused"),
        ("bans", "120613 pps  incoming"),
        ("attacks --limit 1", "amplification port 53"),
        ("attack 17", "203.0.113.7:46804 protocol: udp size: 1000 bytes"),
        ("top", "203.0.113.7/120613 pps incoming"),
        ("top --once --sort bytes -n 1", "by bytes"),
    ],
)
def test_text_is_for_people(words: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that shows something prints text, without colours where the output is no terminal."""
    assert main(words.split()) == 0
    printed = capsys.readouterr()
    assert says in printed.out
    assert "\x1b" not in printed.out
    assert printed.err == ""


@pytest.mark.usefixtures("door")
def test_a_ban_by_hand_and_its_end(desk: PaperDesk, capsys: pytest.CaptureFixture[str]) -> None:
    """`ban` and `unban` say what came of it, in the name of who is logged in."""
    assert main(["ban", "2001:DB8:100::9/128", "--for", "2h", "--reason", "customer asked"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("2001:db8:100::9 is banned until ")
    assert printed.endswith(f" by {ME}: customer asked\n")
    assert main(["ban", "203.0.113.9", "--permanent", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["expires"] is None
    assert main(["unban", "2001:db8:100::9", "--reason", "quiet"]) == 0
    assert capsys.readouterr().out == "2001:db8:100::9 is not banned any more\n"
    assert main(["unban", "--all", "--json"]) == 0
    assert [ban["host"] for ban in json.loads(capsys.readouterr().out)["unbanned"]] == ["203.0.113.7", "203.0.113.9"]
    assert main(["unban", "--all"]) == 0
    assert capsys.readouterr().out == "no bans\n"
    assert desk.orders[0] == (ME, "ban 2001:db8:100::9 7200.0 False customer asked")


@pytest.mark.usefixtures("door")
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ("ban 198.51.100.1", 1, "fnm-guard: 198.51.100.1 is in none of our networks"),
        ("ban 203.0.113.1", 1, "fnm-guard: 203.0.113.1 is on the never-ban list"),
        ("unban 203.0.113.9", 1, "fnm-guard: 203.0.113.9 is not banned"),
        ("attack 18", 1, "fnm-guard: there is no attack 18"),
        ("ban www.example.net", 2, "'www.example.net' is no IPv4 or IPv6 address"),
        ("ban 203.0.113.0/24", 2, "'203.0.113.0/24' is a network: give one address"),
        ("ban 203.0.113.007", 2, "leading zeros"),
        ("ban fe80::1%eth0", 2, "has a zone"),
        ("ban 203.0.113.9 --for soon", 2, "'soon' is not a duration; allowed: 1s to 365d"),
        ("ban 203.0.113.9 --for 1h --permanent", 2, "--for and --permanent exclude each other"),
        ("ban", 2, "Missing argument 'ADDRESS'"),
        ("unban", 2, "give an address or --all, one of both"),
        ("unban 203.0.113.9 --all", 2, "give an address or --all, one of both"),
        ("attacks --limit 0", 2, "0 is not in the range"),
        ("attack seventeen", 2, "'seventeen' is not a valid integer range"),
        ("top --sort size", 2, "'size' is not one of"),
        ("fly", 2, "No such command 'fly'"),
        ("status --verbose", 2, "No such option"),
    ],
)
def test_what_goes_wrong_is_one_line(words: str, code: int, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A refusal exits with 1, wrong usage with 2, each with one line on standard error and nothing else."""
    got, line = failing(capsys, *words.split())
    assert got == code
    assert line.startswith("fnm-guard")
    assert says in line


@pytest.mark.usefixtures("door")
def test_what_the_daemon_cannot_read_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """What only the daemon finds wrong in what was typed is wrong usage too."""
    code, line = failing(capsys, "ban", "203.0.113.9", "--reason", "x" * 501)
    assert (code, line) == (2, "fnm-guard: the reason must be printable and at most 500 characters")


@pytest.mark.usefixtures("door")
def test_a_refused_reload_shows_every_error(desk: PaperDesk, capsys: pytest.CaptureFixture[str]) -> None:
    """All errors of the file are shown, one a line."""
    assert main(["reload"]) == 0
    assert capsys.readouterr().out == "reloaded\n  ban.duration: 30m -> 1h\n"
    desk.changes = None
    assert main(["reload"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "fnm-guard: the new configuration has 2 errors; the old one stays",
        "  fnm-guard.yaml:3:5: ban.duration: no duration",
        "  fnm-guard.yaml:9:1: bgpp: unknown key",
    ]


@pytest.mark.usefixtures("door")
def test_a_test_message_that_fails_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """`notify-test` exits with 1 unless every channel took the message."""
    assert main(["notify-test"]) == 1
    assert "script: FAILED: /usr/local/bin/notify_about_attack.sh: not executable" in capsys.readouterr().out
    assert main(["notify-test", "--json"]) == 1
    assert [one["sent"] for one in json.loads(capsys.readouterr().out)["channels"]] == [True, False]


def test_no_daemon_is_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a daemon every command says where it looked and what to do, the screen too."""
    for words in ("status", "ban 203.0.113.9", "reload", "top", "top --once"):
        code, line = failing(capsys, *words.split(), "--socket", str(tmp_path / "none.sock"))
        assert code == 3
        assert "none.sock" in line
        assert "systemctl status fnm-guard" in line


def test_another_version_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An answer of another shape is one line, no traceback."""
    monkeypatch.setattr("fnm_guard.api.client.Client.get", lambda *_words, **_parameters: b'{"bans": [{"host": 1}]}')
    code, line = failing(capsys, "bans", "--socket", str(tmp_path / "any"))
    assert code == 3
    assert "another version" in line


def test_ctrl_c_leaves_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An interrupted command exits with 130 and prints nothing."""

    def interrupted(*_words: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("fnm_guard.api.client.Client._exchange", interrupted)
    assert main(["status", "--socket", "any"]) == 130
    assert capsys.readouterr().err.strip() == ""


@pytest.mark.parametrize("name", list(commands.commands))
def test_every_command_has_help_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`--help` says what a command does, each option, and how it is used."""
    command = commands.commands[name]
    assert main([name, "--help"]) == 0
    assert f"Example: fnm-guard {name}" in capsys.readouterr().out
    assert command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_the_example_of_every_command_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    """The words of each example are accepted by its command."""
    for command in commands.commands.values():
        assert command.epilog
        _example, name, *words = shlex.split(command.epilog.removeprefix("Example: "))
        assert name == command.name
        command.make_context(name, words)
    assert capsys.readouterr().err == ""


def test_nothing_at_all_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the help is shown, as wrong usage."""
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().err
