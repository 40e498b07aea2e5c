from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api.paperdesk import PaperDesk
from api.served import served
from fnm_guard.api.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def desk() -> PaperDesk:
    """The desk that answers."""
    return PaperDesk()


@pytest.fixture
def door(desk: PaperDesk, tmp_path: Path) -> "Iterator[Path]":
    """The socket of a running API."""
    with served(desk, tmp_path / "run" / "api.sock") as path:
        yield path


@pytest.fixture
def client(door: Path) -> "Iterator[Client]":
    """A client of that API."""
    client = Client(str(door))
    yield client
    client.close()
