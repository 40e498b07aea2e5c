"""What operators read says everything that there is, and nothing that is not.

Commands and options are held against fnm-guard(8) in tests/cli/test_manual.py; schema and fnm-guard.yaml(5) are
generated and compared in tests/config/test_shipped.py.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import click
import pytest
from netaddr import IPAddress

from capture_ext.frame import REASONS
from fnm_guard.api.shapes import SourceShape
from fnm_guard.capture.model import Health
from fnm_guard.cli import commands
from fnm_guard.config import json_schema
from fnm_guard.core.life import Ban
from fnm_guard.core.model import BanOrigin
from fnm_guard.daemon.figures import health
from fnm_guard.daemon.timing import ClockWatch, LoopWatch
from fnm_guard.notify.calls import CallWriter
from fnm_guard.notify.facts import Facts
from fnm_guard.notify.model import Kind, Notice, NotifierStatus, NotifyPolicy
from fnm_guard.notify.samples import sample_facts
from fnm_guard.notify.templates import Templates, shipped
from fnm_guard.store import StoreStatus

if TYPE_CHECKING:
    from fnm_guard.daemon.parts import Parts

ROOT = Path(__file__).resolve().parents[1]
GUIDES = {
    path.name: path.read_text(encoding="utf-8") for folder in (ROOT, ROOT / "docs") for path in folder.glob("*.md")
}
CHANNEL = "CHANNEL"


def first_column(text: str) -> list[str]:
    """Give the names in the first column of every table."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def part(guide: str, heading: str) -> str:
    """Give what stands below a heading, up to the next one of any level."""
    return re.split(r"^#+ ", GUIDES[guide].split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def setting_paths(section: dict[str, Any], known: dict[str, Any], path: str = "") -> Iterator[str]:
    """Name every setting as a guide would: entries of lists and tables by no name at all."""
    for key, item in section["properties"].items():
        here = f"{path}.{key}" if path else key
        yield here
        for name in set(re.findall(r'"#/\$defs/(\w+)"|\'#/\$defs/(\w+)\'', repr(item))):
            yield from setting_paths(known["".join(name)], known, here)


def counted(folder: str) -> set[str]:
    """Give the names under which the modules of a folder count; what hangs on a channel begins with CHANNEL."""
    found = set()
    for path in (ROOT / "fnm_guard" / folder).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("counters"):
                name = ast.unparse(node.slice).removeprefix("f").strip("'").replace("{channel}", CHANNEL)
                found.add(f"{CHANNEL}_{name}" if path.name == "delivery.py" else name)
    return found


def store_kinds() -> set[str]:
    """Give the kinds of writes that the store may drop."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "fnm_guard" / "store").glob("*.py"))
    return set(re.findall(r'Write\("([^"]+)"', text))


def test_every_variable_of_templates_is_documented() -> None:
    """The table has each name that templates get, and no other."""
    (names,) = {frozenset(facts) for facts in sample_facts()}
    assert sorted(first_column(part("notifications.md", "### Variables"))) == sorted(names)


def test_every_template_is_documented() -> None:
    """An operator finds the file that stands behind each message."""
    assert set(re.findall(r"`([\w.]+\.j2)`", GUIDES["notifications.md"])) == set(shipped())


def test_every_action_of_the_script_is_documented() -> None:
    """Each word that the script may get as its fourth argument stands in the guide."""

    def wall(at: float) -> datetime:
        return datetime.fromtimestamp(at, UTC)

    writer = CallWriter(NotifyPolicy(), Templates(), wall)
    ban = Ban(1, IPAddress("203.0.113.7"), BanOrigin.MANUAL, "alice", "test", 0.0, None)
    actions = {writer.call(Notice(ban, 0.0), kind).action for kind in Kind} | {writer.test(0.0).action}
    (row,) = re.findall(r"^\| 4 \|(.*)$", GUIDES["notifications.md"], re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == actions
    assert set(Facts(NotifyPolicy(), wall).of_test(0.0)) == set(first_column(part("notifications.md", "### Variables")))


def test_every_counter_is_documented() -> None:
    """Each counter that `status` can show has its row, and each row its counter."""
    engine = Health(**dict.fromkeys((item.name for item in fields(Health)), 0))
    parts = SimpleNamespace(
        sensor=SimpleNamespace(health=lambda: engine),
        log=SimpleNamespace(outlet=SimpleNamespace(lost=0), ration=SimpleNamespace(left_out=0)),
        pipeline=SimpleNamespace(sink_failures=0),
        guard=SimpleNamespace(crossings_dropped=0, holdoffs_dropped=0),
        left_out={"PEER": 0},
        loop_watch=LoopWatch(),
        clock_watch=ClockWatch(),
    )
    store = StoreStatus("running", "", 0, 0, 0, 0, 0, dict.fromkeys(store_kinds(), 0))
    told = NotifierStatus("running", "", 0, dict.fromkeys(counted("notify"), 0))
    shown = health(cast("Parts", parts), store, told)
    documented = {name for name in first_column(GUIDES["health.md"]) if "_" in name}
    assert len(store_kinds()) > 5
    assert len(counted("notify")) > 5
    assert documented - set(REASONS) - set(SourceShape.__struct_fields__) == set(shown)


def test_every_count_of_a_source_is_documented() -> None:
    """Each count that `status --json` gives of a source has its row, and each row its count."""
    counts = {name for name in SourceShape.__struct_fields__ if name == "received" or name.startswith("dropped")}
    assert set(first_column(part("health.md", "## Sources"))) == counts - {"dropped_percent"}


def test_every_reason_for_unparsed_frames_is_documented() -> None:
    """Each reason that frames are counted by has its row."""
    assert first_column(part("health.md", "## Frames that could not be parsed")) == [name for name in REASONS if name]


def test_settings_that_guides_name_exist() -> None:
    """A guide that names a setting wrongly sends its reader astray."""
    schema = json_schema.build()
    known = set(setting_paths(schema, schema["$defs"]))
    sections = "|".join(key for key in schema["properties"])
    for name, text in GUIDES.items():
        named = set(re.findall(rf"`((?:{sections})(?:\.[\w*]+)+)", text))
        named = {re.sub(r"^(bgp\.peers|detection\.groups)\.(?:NAME|\*)", r"\1", path) for path in named}
        assert {path for path in named if not path.endswith((".py", ".md", ".yaml"))} - known == set(), name
    assert "bgp.peers.max_routes" in known


def test_commands_that_guides_show_exist() -> None:
    """Each command line in a guide has a command and options that are there."""
    shown = [
        line.split("#")[0].split("|")[0].split("&&")[0].split()
        for text in GUIDES.values()
        for line in re.findall(r"^ {4}(?:\S*/)?(fnm-guard .*)$", text, re.MULTILINE)
    ]
    assert len(shown) > 10
    for _, name, *words in shown:
        command = commands.commands[name]
        options = {option for item in command.params if isinstance(item, click.Option) for option in item.opts}
        assert {word for word in words if word.startswith("-")} - options == set(), (name, words)


def test_links_lead_somewhere() -> None:
    """Every relative link, and every file of the tree that is named, is there."""
    for name, text in GUIDES.items():
        base = ROOT if (ROOT / name).exists() else ROOT / "docs"
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (base / target).exists(), f"{name}: {target}"
        for target in re.findall(r"(?<![\w/])((?:docs|man|tests|exabgp|templates)/[\w./-]*\w)", text):
            assert (ROOT / target).exists(), f"{name}: {target}"


def test_every_target_is_documented() -> None:
    """CONTRIBUTING names each target of the Makefile; README opens with the two that matter most."""
    (names,) = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(names.split()) - {"all", "packages"} == set(
        re.findall(r"^\| `make ([\w-]+)", GUIDES["CONTRIBUTING.md"], re.MULTILINE)
    )
    assert re.match(r"# fnm-guard\n\n {4}make demo .*\n {4}make test ", GUIDES["README.md"])


def test_every_dependency_says_what_it_saves() -> None:
    """A dependency without a reason is one too many."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = sorted(re.split(r"[>=<~]", line)[0].lower() for line in told)
    rows = re.findall(r"^\| (\S+) \|", part("ARCHITECTURE.md", "## Dependencies"), re.MULTILINE)
    assert sorted(row.lower() for row in rows if row != "Package") == names


def test_every_room_is_on_the_map() -> None:
    """Each package and module at the top has its line in ARCHITECTURE."""
    rooms = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (ROOT / "fnm_guard").iterdir()
        if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").exists())
    }
    named = set(re.findall(r"`([\w/]+(?:\.py)?)`", part("ARCHITECTURE.md", "## Map")))
    assert rooms - named == set()


@pytest.mark.parametrize("name", sorted(GUIDES))
def test_guides_name_no_foreign_addresses(name: str) -> None:
    """Addresses are those of RFC 5737 and 3849, of RFC 2544 in the lab, and of this machine."""
    ours = r"192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|198\.1[89]\.|127\.0\.0\.|0\.0\.0\.0"
    found = re.findall(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.])", GUIDES[name])
    assert [address for address in found if not re.match(ours, address)] == []
