"""Passwords come from the file or a file of their own, and are never shown."""

import os
from pathlib import Path

import pytest

from fnm_guard import config

MAIL = (
    "networks: [198.51.100.0/24]\n"
    "notify: {{mail: {{server: localhost, from: a@b, to: [c@d], user: u, password: {}}}}}\n"
)
PEER = (
    "networks: [198.51.100.0/24]\nbgp: {{local_as: 64496, router_id: 192.0.2.2, "
    "peers: {{a: {{address: 192.0.2.9, as: 64497, password: {}}}}}}}\n"
)


def password(text: str) -> str:
    """Give the password of a file's mail section."""
    mail = config.parse(text, "x").notify.mail
    assert mail is not None
    assert mail.password is not None
    return mail.password.get_secret_value()


def error(text: str) -> str:
    """Give what an operator reads about a text."""
    with pytest.raises(config.ConfigError) as caught:
        config.parse(text, "x")
    assert "hunter2" not in repr(caught.value)
    return str(caught.value)


def test_in_the_file_itself() -> None:
    """A password stands in the file as it is."""
    assert password(MAIL.format("'päss wörd'")) == "päss wörd"


def test_in_a_file_of_its_own(tmp_path: Path) -> None:
    """The first line of another file is taken, without its end."""
    path = tmp_path / "password"
    path.write_bytes(b"hunter2\r\n# a remark\n")
    assert password(MAIL.format(f"{{file: {path}}}")) == "hunter2"
    assert config.parse(PEER.format(f"{{file: {path}}}"), "x").peer_profiles()[0].password == "hunter2"


def test_never_shown() -> None:
    """Neither the settings nor a profile show a password."""
    mail, peer = config.parse(MAIL.format("hunter2"), "x"), config.parse(PEER.format("hunter2"), "x")
    for shown in (repr(mail), str(mail), repr(mail.model_dump()), repr(peer), repr(peer.peer_profiles())):
        assert "hunter2" not in shown
    assert repr(peer.peer_profiles()) != "()"


@pytest.mark.parametrize(
    "value",
    [
        "'hunter2 x'",
        '"hunter2\'"',
        "'hunter2\"'",
        r"'hunter2\'",
        "hunter2é",
        "[hunter2]",
        "{hunter2: x}",
    ],
)
def test_what_exabgp_cannot_take(value: str) -> None:
    """A password that could leave its quotes in ExaBGP's text is refused without being shown."""
    text = error(PEER.format(value))
    assert "hunter2" not in text
    assert "bgp.peers.a.password" in text


def test_too_long_for_the_kernel() -> None:
    """TCP MD5 has room for 80 bytes."""
    assert config.parse(PEER.format("x" * 80), "x").peer_profiles()[0].password == "x" * 80
    assert "1 to 80 printable" in error(PEER.format("x" * 81))


@pytest.mark.parametrize("content", [b"", b"\nhunter2\n", b"hunter2 x\n", b"hunter2\xff\n", b"hunter2" * 1000])
def test_files_without_a_password(tmp_path: Path, content: bytes) -> None:
    """What is in the file is judged like a password in place, and shown as little."""
    path = tmp_path / "password"
    path.write_bytes(content)
    assert "hunter2" not in error(PEER.format(f"{{file: {path}}}"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that is not there is named, with the reason."""
    path = tmp_path / "none"
    assert error(MAIL.format(f"{{file: {path}}}")) == (
        f"x:2:77: notify.mail.password: the password file {str(path)!r} cannot be read: No such file or directory; "
        "allowed: a readable file of at most 4096 bytes"
    )


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    """A pipe without a writer, a folder and a device are refused at once."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path("/dev/zero")):
        assert "cannot be read: " in error(MAIL.format(f"{{file: {path}}}"))


@pytest.mark.parametrize("value", ["{file: password}", "{file: [a]}", "{path: /x}", "{file: /x, mode: 5}", "{}"])
def test_forms_that_are_none(value: str) -> None:
    """Only a text, or {file: PATH} with an absolute path, is a password."""
    assert "not a password; allowed: a text, or {file: ABSOLUTE PATH}" in error(MAIL.format(value))


def test_a_password_in_the_wrong_place() -> None:
    """A password that stands where a section belongs is not shown either."""
    assert "hunter2" not in error("networks: [198.51.100.0/24]\nnotify: {mail: password hunter2}\n")
    assert "hunter2" not in error("networks: [198.51.100.0/24]\nnotify: {brand: {password: hunter2}}\n")
