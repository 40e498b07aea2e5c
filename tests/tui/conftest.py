from pathlib import Path

import pytest

from api.paperdesk import PaperDesk


@pytest.fixture
def desk() -> PaperDesk:
    """The desk that answers, with one ban."""
    return PaperDesk().with_attack_ban()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where its socket is to be."""
    return tmp_path / "api.sock"
