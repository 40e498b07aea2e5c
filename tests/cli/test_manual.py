"""The manual page says everything that the command line can do."""

import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from fnm_guard.cli import FAILED, INTERRUPTED, NOT_REACHABLE, USAGE, commands
from fnm_guard.cli.options import DEFAULT_CONFIG, DEFAULT_SOCKET

PAGE = Path(__file__).resolve().parents[2] / "man" / "fnm-guard.8"


def plain() -> str:
    """Give the page's text without its fonts."""
    text = re.sub(r"\\f[BIR]", "", PAGE.read_text(encoding="utf-8")).replace("\\-", "-")
    return re.sub(r"^\.[BIR]{1,2} ", "", text.replace('"', ""), flags=re.MULTILINE)


def paragraph(name: str) -> str:
    """Give what the page says about a command."""
    found = re.search(rf"^fnm-guard {name}\b.*?(?=^\.(?:TP|SS|SH))", plain(), re.MULTILINE | re.DOTALL)
    assert found, f"{name} has no entry"
    return found[0]


@pytest.mark.parametrize("name", list(commands.commands))
def test_every_command_and_option_is_in_the_manual(name: str) -> None:
    """Each command has an entry, which names its own arguments and options; the common ones have a section."""
    common = plain().partition(".SH OPTIONS")[2].partition(".SH SCREEN")[0]
    for parameter in commands.commands[name].params:
        for word in parameter.opts if isinstance(parameter, click.Option) else [str(parameter.metavar).strip("[].")]:
            assert word in paragraph(name) + common, f"{name}: {word} is missing"


def test_exit_codes_files_and_environment_are_in_the_manual() -> None:
    """Each exit code, default path and variable has its entry."""
    text = plain()
    for code in (0, FAILED, USAGE, NOT_REACHABLE, INTERRUPTED):
        assert re.search(rf"^{code}$", text, re.MULTILINE)
    for word in (str(DEFAULT_CONFIG), str(DEFAULT_SOCKET), "FNM_GUARD_CONFIG", "FNM_GUARD_SOCKET", "NO_COLOR"):
        assert word in text


def test_the_manual_names_no_command_that_is_not_there() -> None:
    """An entry without its command would send people astray."""
    named = re.findall(r"^fnm-guard ([a-z-]+)", plain().partition(".SH COMMANDS")[2], re.MULTILINE)
    assert set(named) - set(commands.commands) == set()


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_page_is_set_without_warnings() -> None:
    """The page is correct for the formatter."""
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", PAGE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
