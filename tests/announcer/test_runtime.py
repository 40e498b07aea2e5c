"""The runtime folder, and what is tried before ExaBGP is started in it."""

import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from announcer.stage import profile
from fnm_guard.announcer.configuration import Configuration, render
from fnm_guard.announcer.errors import AnnouncerError
from fnm_guard.announcer.program import Program
from fnm_guard.announcer.runtime import prepare_runtime, write_checked
from fnm_guard.announcer.settings import AnnouncerSettings

EXABGP = Program(Path(sys.executable).with_name("exabgp"), "5.0.15")


@pytest.fixture
def settings(tmp_path: Path) -> AnnouncerSettings:
    """Settings with a folder that is not there yet."""
    return AnnouncerSettings(runtime=tmp_path / "deep" / "run")


def test_the_folder_is_made(settings: AnnouncerSettings) -> None:
    """Nobody else may look into it, and making it again changes nothing: others use it too."""
    prepare_runtime(settings)
    assert stat.S_IMODE(settings.runtime.stat().st_mode) == 0o750
    settings.runtime.chmod(0o711)
    settings.log.write_text("kept\n")
    prepare_runtime(settings)
    assert stat.S_IMODE(settings.runtime.stat().st_mode) == 0o711
    assert settings.log.read_text() == "kept\n"


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """The error names the folder."""
    (tmp_path / "file").write_text("")
    with pytest.raises(AnnouncerError, match="file/run: Not a directory"):
        prepare_runtime(AnnouncerSettings(runtime=tmp_path / "file" / "run"))


def test_a_user_that_is_not_there(settings: AnnouncerSettings) -> None:
    """The error names the user."""
    with pytest.raises(AnnouncerError, match="no user 'nobody-of-that-name'"):
        prepare_runtime(replace(settings, user="nobody-of-that-name"))


async def test_a_good_configuration_is_put_in_place(settings: AnnouncerSettings) -> None:
    """Passwords stand in it: only we may read it."""
    prepare_runtime(settings)
    made = render(settings, (profile(password="secret"),), EXABGP)
    await write_checked(settings, made, EXABGP)
    assert settings.configuration.read_text() == made.text
    assert stat.S_IMODE(settings.configuration.stat().st_mode) == 0o600


async def test_a_bad_configuration_leaves_the_old_one(settings: AnnouncerSettings) -> None:
    """What ExaBGP says of it is told, without what stands between quotes when a password may be among it."""
    prepare_runtime(settings)
    settings.configuration.write_text("old\n")
    bad = Configuration('neighbor 198.51.100.1 { md5-password "secret" }\n', "d", secret=True)
    with pytest.raises(AnnouncerError, match="does not take its configuration") as caught:
        await write_checked(settings, bad, EXABGP)
    assert "secret" not in str(caught.value)
    assert settings.configuration.read_text() == "old\n"
    assert [path.name for path in settings.runtime.iterdir() if path.suffix == ".new"] == []


async def test_a_check_that_hangs(settings: AnnouncerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that does not end is ended, and the old configuration stays."""
    monkeypatch.setattr("fnm_guard.announcer.runtime._CHECK_SECONDS", 0.1)
    program = tmp_path / "exabgp"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    prepare_runtime(settings)
    with pytest.raises(AnnouncerError, match="did not end within"):
        await write_checked(settings, Configuration("x\n", "d", secret=False), Program(program, "5.0.15"))
    assert not settings.configuration.exists()


async def test_a_folder_that_cannot_be_written(settings: AnnouncerSettings) -> None:
    """The error names the file; nothing is checked."""
    with pytest.raises(AnnouncerError, match=r"exabgp\.new: No such file"):
        await write_checked(settings, Configuration("x\n", "d", secret=False), EXABGP)
