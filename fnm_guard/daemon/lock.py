"""One daemon a folder: two would take each other's routes back and write into each other's history.

The lock is the kernel's (flock(2)) and goes with the process, however that ends; the file stays and means nothing.
"""

import errno
import fcntl
import os
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FolderError", "FolderLock"]

NAME = "fnm-guard.lock"
MODE = 0o750


class FolderError(Exception):
    """A folder cannot be used; one line that says why and what to do."""


class FolderLock:
    """A folder that is ours alone while this is open.

    Args:
        folder: Made when it is missing.
        key: The setting that names it, for the texts.
    """

    def __init__(self, folder: "Path", key: str) -> None:
        self._folder = folder
        self._key = key
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Make the folder and take the lock.

        Raises:
            FolderError: If the folder cannot be used, or another daemon uses it.
        """
        path = self._folder / NAME
        try:
            self._folder.mkdir(mode=MODE, parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._sign()
        except OSError as error:
            text = self._explain(path, error)
            self.close()
            raise FolderError(text) from None
        return self

    def __exit__(self, *_exception: object) -> None:
        """Let go."""
        self.close()

    def close(self) -> None:
        """Let go; safe to call twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _sign(self) -> None:
        """Leave our process id for whoever comes second; without room on the disk, nothing."""
        os.truncate(self._descriptor, 0)
        try:
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise

    def _explain(self, path: "Path", error: OSError) -> str:
        if error.errno == errno.EWOULDBLOCK:
            return (
                f"{path}: held by another fnm-guard{self._holder()}: stop it, or give this one a {self._key} of its own"
            )
        return (
            f"{self._key}: {error.filename or path}: {error.strerror}: "
            f"make {self._folder} a folder that the user who runs fnm-guard may write to"
        )

    def _holder(self) -> str:
        text = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
        return f" (process {text})" if text.isdigit() else ""
