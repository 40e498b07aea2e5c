import errno
import grp
import socket
import stat
from pathlib import Path

import pytest

from fnm_guard.api.listener import Listener, ListenError


def mode(path: Path) -> int:
    """Give the permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_directory_and_socket_are_closed_to_strangers(tmp_path: Path) -> None:
    """A directory made for the socket is 0750 and the socket 0660, whatever the umask."""
    listener = Listener(tmp_path / "run" / "api.sock", "")
    door = listener.open()
    try:
        assert (mode(tmp_path / "run"), mode(tmp_path / "run" / "api.sock")) == (0o750, 0o660)
    finally:
        door.close()
        listener.close()
    assert not (tmp_path / "run" / "api.sock").exists()
    listener.close()


def test_a_directory_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    """The socket may be configured into a directory of others, such as /run."""
    tmp_path.chmod(0o711)
    listener = Listener(tmp_path / "api.sock", "")
    listener.open().close()
    listener.close()
    assert mode(tmp_path) == 0o711


def test_a_missing_group_is_a_warning(tmp_path: Path) -> None:
    """Without the group the API still serves its own user; the operator is told."""
    listener = Listener(tmp_path / "api.sock", "no-such-group-here")
    listener.open().close()
    listener.close()
    assert "there is no group no-such-group-here" in listener.warning


def test_a_group_that_cannot_be_given_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a user namespace a group may have a name and no number (EINVAL); the API serves its own user all the same."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("shutil.chown", refuse)
    listener = Listener(tmp_path / "api.sock", grp.getgrgid(0).gr_name)
    listener.open().close()
    listener.close()
    assert "in this namespace" in listener.warning


def test_the_socket_of_a_killed_daemon_is_replaced(tmp_path: Path) -> None:
    """A socket that nobody listens on stands in nobody's way."""
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    listener = Listener(path, "")
    door = listener.open()
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(path))
    door.close()
    listener.close()


def test_a_living_daemon_is_left_alone(tmp_path: Path) -> None:
    """Two daemons never share a socket: the second is refused, and the first keeps its door, also afterwards."""
    path = tmp_path / "api.sock"
    first = Listener(path, "")
    door = first.open()
    second = Listener(path, "")
    with pytest.raises(ListenError, match="another fnm-guard listens there"):
        second.open()
    second.close()
    assert path.exists()
    door.close()
    first.close()


def test_a_socket_that_was_taken_over_is_not_removed(tmp_path: Path) -> None:
    """Closing removes the own socket only."""
    path = tmp_path / "api.sock"
    first = Listener(path, "")
    first.open().close()
    path.rename(tmp_path / "kept.sock")  # so that its inode is not used again
    second = Listener(path, "")
    door = second.open()
    first.close()
    assert path.exists()
    door.close()
    second.close()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("x" * 120, "has at most 107 bytes"),
        ("file", "something that is no socket"),
        ("file/run/api.sock", "cannot make the directory"),
    ],
)
def test_a_path_that_cannot_be_used_says_why(tmp_path: Path, name: str, says: str) -> None:
    """Too long, something else there, or a file in the way: each is one clear line, and nothing is removed."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ListenError, match=says):
        Listener(tmp_path / name, "").open()
    assert (tmp_path / "file").read_text() == "mine"
