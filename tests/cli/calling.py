"""The command line, called in this process."""

import pytest

from fnm_guard.cli import main

__all__ = ["failing"]


def failing(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run a command that fails: its exit code and its one line."""
    code = main(words)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    return code, printed.err.strip()
