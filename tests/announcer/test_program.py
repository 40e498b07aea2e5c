"""Which ExaBGP is run, and which is not."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from fnm_guard.announcer.errors import AnnouncerError
from fnm_guard.announcer.program import find_program


def _script(folder: Path, text: str) -> Path:
    made = folder / "exabgp"
    made.write_text(f"#!/bin/sh\n{text}\n")
    made.chmod(0o755)
    return made


async def test_the_one_of_this_environment() -> None:
    """Without a setting it is the ExaBGP that was installed with us."""
    found = await find_program(None)
    assert found.path == Path(sys.executable).with_name("exabgp")
    assert found.version == importlib.metadata.version("exabgp")


async def test_the_one_of_the_settings(tmp_path: Path) -> None:
    """With a setting the program itself is asked for its version."""
    program = _script(tmp_path, 'test "$1" = version && echo "ExaBGP : 5.1.0"')
    found = await find_program(program)
    assert (found.path, found.version) == (program, "5.1.0")


@pytest.mark.parametrize("version", ["4.2.21", "5.0.12", "4.99.99"])
async def test_one_that_is_too_old(tmp_path: Path, version: str) -> None:
    """A release in which a peer can put words into the helper's stream is not run."""
    program = _script(tmp_path, f"echo 'ExaBGP : {version}'")
    with pytest.raises(AnnouncerError, match=rf"exabgp {version} at .* is too old: install 5\.0\.13 or newer"):
        await find_program(program)


async def test_one_that_says_nothing(tmp_path: Path) -> None:
    """A program that is no ExaBGP is not run."""
    with pytest.raises(AnnouncerError, match="of an unknown version"):
        await find_program(_script(tmp_path, "exit 3"))


async def test_one_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does not answer is ended and told of."""
    monkeypatch.setattr("fnm_guard.announcer.program._ANSWER_SECONDS", 0.1)
    with pytest.raises(AnnouncerError, match="did not answer"):
        await find_program(_script(tmp_path, "exec sleep 60"))


async def test_none_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ExaBGP the error says how to install it, whichever way it was looked for."""
    with pytest.raises(AnnouncerError, match="pip install 'exabgp>="):
        await find_program(tmp_path / "exabgp")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    with pytest.raises(AnnouncerError, match=f"exabgp not found at {tmp_path}/exabgp: install"):
        await find_program(None)

    def missing(_: str) -> str:
        raise importlib.metadata.PackageNotFoundError

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(AnnouncerError, match="not found"):
        await find_program(None)
