"""Ask the daemon: HTTP over its Unix socket, one connection that is opened again when it was lost.

Light on purpose: the command line pays for every import of this file.
"""

import http.client
import json
import socket
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Client", "NotReachableError", "RequestRefusedError", "path_of"]

_ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
_GOOD = range(200, 300)


class NotReachableError(Exception):
    """The daemon cannot be reached; the text says where it was looked for, why it failed and what to do."""


class RequestRefusedError(Exception):
    """The daemon answered that it will not.

    Args:
        status: The HTTP status.
        text: Its one line.
        details: Its further lines.
    """

    def __init__(self, status: int, text: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.details = details


class Client:
    """A client of one daemon.

    Args:
        path: Its socket.
        timeout_seconds: How long an answer may take.
    """

    def __init__(self, path: str, timeout_seconds: float = 10.0) -> None:
        self._path = path
        self._timeout = timeout_seconds
        self._connection: _UnixConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def get(self, path: str, **parameters: object) -> bytes:
        """Read something: the JSON of the answer."""
        query = urlencode({name: value for name, value in parameters.items() if value is not None})
        return self._ask("GET", f"{path}?{query}" if query else path, None)

    def send(self, method: str, path: str, body: "Mapping[str, object] | None" = None) -> bytes:
        """Give an order, once: the JSON of the answer."""
        self.close()
        return self._ask(method, path, None if body is None else json.dumps(body).encode())

    def close(self) -> None:
        """Close the connection; safe to call twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        used = self._connection is not None
        try:
            return self._exchange(method, path, body)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
            self.close()
            if used and method == "GET":  # the daemon closed the idle connection
                return self._ask(method, path, body)
            raise NotReachableError(f"{self._path}: the daemon went away without an answer") from error
        except TimeoutError as error:
            self.close()
            raise NotReachableError(f"{self._path}: no answer within {self._timeout:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NotReachableError(self._reason(error)) from error

    def _exchange(self, method: str, path: str, body: bytes | None) -> bytes:
        if self._connection is None:
            self._connection = _UnixConnection(self._path, self._timeout)
        self._connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = self._connection.getresponse()
        data = answer.read(_ANSWER_LIMIT_BYTES)
        if answer.length:
            raise http.client.IncompleteRead(data, answer.length)
        if answer.status not in _GOOD:
            raise _refusal(answer.status, answer.reason, data)
        return data

    def _reason(self, error: Exception) -> str:
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            why = "there is no such socket" if isinstance(error, FileNotFoundError) else "nobody listens there"
            return f"no daemon at {self._path} ({why}): is it running? systemctl status fnm-guard"
        if isinstance(error, PermissionError):
            return f"{self._path}: permission denied: use root, or join the group: usermod -aG fnm-guard USER"
        return f"{self._path}: {error or type(error).__name__}"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_seconds: float) -> None:
        super().__init__("localhost", timeout=timeout_seconds)
        self._path = path
        self._seconds = timeout_seconds

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._seconds)
        self.sock.connect(self._path)


def path_of(*parts: str) -> str:
    """Join the parts of a path, each quoted whole."""
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _refusal(status: int, phrase: str, data: bytes) -> RequestRefusedError:
    try:
        answer = json.loads(data)
        return RequestRefusedError(status, str(answer["error"]), tuple(map(str, answer.get("details", ()))))
    except (ValueError, KeyError, TypeError, AttributeError):
        return RequestRefusedError(status, f"the daemon answered {status} {phrase}")
