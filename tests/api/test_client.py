import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api.paperdesk import PaperDesk
from api.served import served
from fnm_guard.api.client import Client, NotReachableError, RequestRefusedError, path_of

if TYPE_CHECKING:
    from collections.abc import Callable


def ask(path: Path, timeout_seconds: float = 10.0) -> bytes:
    """Read the status as a client that cleans up after itself."""
    with Client(str(path), timeout_seconds) as client:
        return client.get("/v1/status")


def answering(path: Path, *answers: bytes) -> "Callable[[], None]":
    """Serve one connection an answer, whatever is asked; the callable waits for the end."""
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(path))
    door.listen()

    def serve() -> None:
        with door:
            for answer in answers:
                visitor, _ = door.accept()
                with visitor:
                    visitor.recv(65_536)
                    visitor.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread.join


def test_no_socket_says_where_and_what_to_do(tmp_path: Path) -> None:
    """Without a daemon the line names the socket and the command that shows its state."""
    with pytest.raises(NotReachableError, match=r"api\.sock \(there is no such socket\).*systemctl status fnm-guard"):
        ask(tmp_path / "api.sock")


def test_a_dead_socket_says_so(tmp_path: Path) -> None:
    """A socket that a killed daemon left is told apart from none."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "api.sock"))
    with pytest.raises(NotReachableError, match="nobody listens there"):
        ask(tmp_path / "api.sock")


def test_a_path_that_is_too_long_is_an_error_not_a_crash(tmp_path: Path) -> None:
    """The operating system's refusal becomes the one line."""
    with pytest.raises(NotReachableError, match="too long"):
        ask(tmp_path / ("x" * 200))


def test_a_daemon_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    """The wait for an answer is bounded."""
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "api.sock"))
        mute.listen()
        with pytest.raises(NotReachableError, match=r"no answer within 0\.2 s"):
            ask(tmp_path / "api.sock", 0.2)


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{", b"what?\r\n\r\n"])
def test_a_broken_answer_is_not_reachable(tmp_path: Path, answer: bytes) -> None:
    """No answer, half an answer and nonsense are all one kind of error."""
    wait = answering(tmp_path / "api.sock", answer)
    with pytest.raises(NotReachableError):
        ask(tmp_path / "api.sock")
    wait()


def test_an_error_without_json_is_still_one_line(tmp_path: Path) -> None:
    """An answer from below the application, such as 503, is shown by its status."""
    wait = answering(tmp_path / "api.sock", b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\nno")
    with pytest.raises(RequestRefusedError, match="the daemon answered 503 Service Unavailable"):
        ask(tmp_path / "api.sock")
    wait()


def test_a_client_finds_the_daemon_again(tmp_path: Path) -> None:
    """A reading survives that the daemon was started again behind the same socket."""
    path = tmp_path / "api.sock"
    client = Client(str(path))
    with served(PaperDesk(), path):
        first = client.get("/v1/traffic")
    with pytest.raises(NotReachableError):
        client.get("/v1/traffic")
    with served(PaperDesk(), path):
        assert client.get("/v1/traffic") == first
        client.close()


def test_a_path_is_quoted_whole() -> None:
    """What an operator types never changes which path is asked."""
    assert path_of("bans", "2001:db8::1/128") == "/v1/bans/2001%3Adb8%3A%3A1%2F128"
    assert path_of("bans", "../status?x=1") == "/v1/bans/..%2Fstatus%3Fx%3D1"
