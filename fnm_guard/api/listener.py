"""The Unix socket of the API: bound here, because its permissions are the door.

The kernel asks for write permission on the socket, and search permission on its directory, before it lets anyone
connect: directory 0750 and socket 0660, both in the group of the operators.  A directory that exists already keeps its
mode: it may be /run.  The mode is set between bind and listen, when nobody can connect yet.
"""

import errno
import grp
import os
import shutil
import socket
import stat
from pathlib import Path

__all__ = ["ListenError", "Listener"]

_PATH_LIMIT_BYTES = 107
"""Room for a path in `struct sockaddr_un`, its final zero byte apart (unix(7))."""

_BACKLOG = 32


class ListenError(Exception):
    """The socket could not be had; the text says why and what to do."""


class Listener:
    """A listening Unix socket at a path.

    Args:
        path: Where; its directory is made if it is missing.
        group: Who may connect besides root and the daemon's own user; "" or an unknown one: nobody.
    """

    def __init__(self, path: Path, group: str) -> None:
        self._path = path
        self._group = group
        self._inode: int | None = None
        self.warning = ""
        """What an operator should know although it works, "" for nothing."""

    def open(self) -> socket.socket:
        """Bind and listen.

        Raises:
            ListenError: If another daemon listens there, or the path cannot be used.
        """
        if len(os.fsencode(self._path)) > _PATH_LIMIT_BYTES:
            raise ListenError(f"{self._path}: the path of a socket has at most {_PATH_LIMIT_BYTES} bytes")
        self._make_directory()
        self._remove_stale()
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            door.bind(str(self._path))
            self._inode = self._path.stat().st_ino
            self._give_to_group(self._path, 0o660)
            door.listen(_BACKLOG)
            door.setblocking(False)
        except OSError as error:
            door.close()
            self.close()
            raise ListenError(f"{self._path}: cannot listen: {error.strerror}") from error
        return door

    def close(self) -> None:
        """Remove the socket from the directory, if it is still the one that was bound."""
        if self._inode is None:
            return
        inode, self._inode = self._inode, None
        try:
            if self._path.lstat().st_ino == inode:
                self._path.unlink()
        except OSError:
            return

    def _make_directory(self) -> None:
        directory = self._path.parent
        if directory.is_dir():
            return
        try:
            directory.mkdir(mode=0o750, parents=True)
            self._give_to_group(directory, 0o750)
        except OSError as error:
            raise ListenError(f"{directory}: cannot make the directory of the socket: {error.strerror}") from error

    def _remove_stale(self) -> None:
        """Remove the socket that a killed daemon left; refuse if somebody answers there or it is something else."""
        try:
            mode = self._path.lstat().st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            raise ListenError(f"{self._path}: {error.strerror}") from error
        if not stat.S_ISSOCK(mode):
            raise ListenError(f"{self._path}: there is something that is no socket; move it away")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            failure = probe.connect_ex(str(self._path))
        if failure in {0, errno.EAGAIN}:
            raise ListenError(f"{self._path}: another fnm-guard listens there; stop it first")
        if failure != errno.ECONNREFUSED:
            raise ListenError(f"{self._path}: {os.strerror(failure)}")
        self._path.unlink()

    def _give_to_group(self, path: Path, mode: int) -> None:
        if self._group:
            try:
                gid = grp.getgrnam(self._group).gr_gid
                shutil.chown(path, group=gid)
            except KeyError:
                self.warning = f"there is no group {self._group}: only root and this user can use {self._path}"
            except PermissionError:
                self.warning = f"not a member of group {self._group}: only root and this user can use {self._path}"
            except OSError as error:
                if error.errno != errno.EINVAL:  # a group that a user namespace does not have
                    raise
                self.warning = f"no group {self._group} in this namespace: only this user can use {self._path}"
        path.chmod(mode)
