from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from api.paperdesk import PaperDesk
from api.served import served

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def desk() -> PaperDesk:
    """The desk that answers, with one ban."""
    return PaperDesk().with_attack_ban()


@pytest.fixture
def door(desk: PaperDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Iterator[Path]":
    """The socket of a running API, which the environment names."""
    with served(desk, tmp_path / "api.sock") as path:
        monkeypatch.setenv("FNM_GUARD_SOCKET", str(path))
        yield path
