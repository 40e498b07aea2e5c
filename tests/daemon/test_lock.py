"""One daemon a folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fnm_guard.daemon.lock import FolderError, FolderLock


def test_the_folder_is_made(tmp_path: Path) -> None:
    """A folder that is missing is made, with those above it, for its user and group alone."""
    folder = tmp_path / "a" / "b"
    with FolderLock(folder, "paths.state"):
        assert folder.stat().st_mode & 0o027 == 0


def test_the_second_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    """Whoever comes second is told which file, which process, and what to do; the first goes on."""
    with FolderLock(tmp_path, "paths.state"):
        with pytest.raises(FolderError) as caught:
            FolderLock(tmp_path, "paths.state").__enter__()
        text = str(caught.value)
        assert str(tmp_path / "fnm-guard.lock") in text
        assert f"process {os.getpid()}" in text
        assert "paths.state" in text
        assert "\n" not in text
        with pytest.raises(FolderError):
            FolderLock(tmp_path, "paths.state").__enter__()


def test_the_lock_ends_with_its_holder(tmp_path: Path) -> None:
    """What a killed process held is free, although its file is still there."""
    program = (
        "import os, signal; from pathlib import Path; from fnm_guard.daemon.lock import FolderLock;"
        f"FolderLock(Path({str(tmp_path)!r}), 'x').__enter__(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=False, timeout=30)
    assert (tmp_path / "fnm-guard.lock").exists()
    with FolderLock(tmp_path, "x"):
        assert (tmp_path / "fnm-guard.lock").read_text().strip() == str(os.getpid())


def test_closing_twice_is_safe(tmp_path: Path) -> None:
    """`close` may come twice, and before the lock was taken."""
    held = FolderLock(tmp_path, "x")
    held.close()
    with held:
        pass
    held.close()
    with FolderLock(tmp_path, "x"):
        pass


def test_a_file_in_its_place_is_one_line(tmp_path: Path) -> None:
    """A path that is no folder is told with the setting that names it."""
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(FolderError, match=r"^paths\.state: .*file: File exists: make .*file a folder"):
        FolderLock(path, "paths.state").__enter__()


def test_a_full_disk_does_not_keep_the_daemon_from_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process id is a courtesy: without room for it the lock holds all the same."""

    def no_room(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", no_room)
    with FolderLock(tmp_path, "x"), pytest.raises(FolderError, match=r"held by another fnm-guard: stop"):
        FolderLock(tmp_path, "x").__enter__()
