"""The folders that share a name with something installed must not hide it."""

import importlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_installed_exabgp_wins() -> None:
    """`import exabgp` gives the installed package, not our folder of templates."""
    module = importlib.import_module("exabgp")
    assert module.__file__ is not None
    assert not Path(module.__file__).is_relative_to(ROOT / "exabgp")


def test_data_folders_are_no_packages() -> None:
    """`exabgp/` and `templates/` never hold an `__init__.py`."""
    found = [*ROOT.glob("exabgp/**/__init__.py"), *ROOT.glob("templates/**/__init__.py")]
    assert found == []
