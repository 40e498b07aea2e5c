"""The capture that README plays is the one its script makes, and gives what README and the guide show."""

import importlib.util
import json
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from fnm_guard.replay import replay

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "examples"


def play(mails: Path | None, *, as_json: bool) -> int:
    """Play the example as README does."""
    return replay([FOLDER / "flood.pcap"], FOLDER / "replay.yaml", mails, as_json=as_json)


def make_flood() -> ModuleType:
    """Give the script that makes the capture."""
    spec = importlib.util.spec_from_file_location("make_flood", ROOT / "tests" / "golden" / "make_flood.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def paths(value: Any, path: str = "") -> set[str]:
    """Give the place of every field as the guide writes it."""
    if isinstance(value, list):
        return {path}.union(*(paths(item, f"{path}[]") for item in value)) - {f"{path}[]"}
    if not isinstance(value, dict) or path == "unparsed":
        return {path}
    named = {
        "totals": dict.fromkeys(value, "DIRECTION"),
        "hosts": dict.fromkeys(value, "ADDRESS"),
        "hosts.ADDRESS": dict.fromkeys(value, "DIRECTION"),
    }.get(path, {})
    inner = (paths(item, ".".join(filter(None, (path, named.get(key, key))))) for key, item in value.items())
    return set().union(*inner)


def test_the_capture_is_current() -> None:
    """The shipped capture is what its script writes (`make golden`)."""
    assert (FOLDER / "flood.pcap").read_bytes() == make_flood().capture()


def test_readme_shows_what_the_replay_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """A reader who types what README says sees what README shows."""
    assert play(None, as_json=False) == 0
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert textwrap.indent(capsys.readouterr().out, "    ") in readme


def test_the_example_writes_three_mails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An attack with all its audit packets, banned, told and over again."""
    assert play(tmp_path, as_json=False) == 0
    first, second, third = sorted(tmp_path.iterdir())
    assert [path.name.rsplit("-", 1)[1] for path in (first, second, third)] == [
        "banned.eml",
        "detailed.eml",
        "unbanned.eml",
    ]
    assert second.read_text(encoding="utf-8").count(" protocol: tcp ") == 100
    assert capsys.readouterr().err == ""


def test_the_guide_tells_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/replay.md has each field of the JSON, and the attack of the example as it is."""
    assert play(None, as_json=True) == 0
    outcome = json.loads(capsys.readouterr().out)
    guide = (ROOT / "docs" / "replay.md").read_text(encoding="utf-8")
    documented = {line.split("`")[1] for line in guide.splitlines() if line.startswith("| `")}
    assert documented - {"hosts.ADDRESS"} == paths(outcome)
    assert textwrap.indent(json.dumps(outcome["attacks"], indent=2), "    ") in guide
