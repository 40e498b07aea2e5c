"""What is shipped with the settings says the same as they do: schema, manual page, examples."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fnm_guard import config
from fnm_guard.config import json_schema, manual
from fnm_guard.config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "fnm-guard.example.yaml"
DESIGN = """\
networks: [198.51.100.0/24, 2001:db8:100::/48]
never_ban: [198.51.100.1]
capture:
  - {source: auto, interfaces: [eth3, eth4]}
detection:
  window: 1s
  thresholds: {incoming: {pps: 30000, mbps: 1000, flows: 20000}, outgoing: {pps: 30000, mbps: 1000}}
  groups:
    resolvers: {networks: [198.51.100.53/32], thresholds: {incoming: {udp_pps: 80000}}}
ban: {mode: act, duration: 30m, limits: {active: 100}}
bgp:
  local_as: 64512
  router_id: 10.0.0.2
  peers:
    upstream-a: {address: 10.0.0.1, as: 64500, communities: ["65535:666"], next_hop: {ipv4: 192.0.2.1, ipv6: "100::1"}}
notify:
  brand: Myflower Guard
  mail: {server: 127.0.0.1, from: guard@example.net, to: [noc@example.net]}
  script: {path: /usr/local/bin/notify_about_attack.sh}
"""


def sections() -> dict[str, Any]:
    """Give every section of the schema, the root included."""
    schema = json_schema.build()
    return {"": schema, **schema["$defs"]}


def test_the_schema_is_current() -> None:
    """The shipped schema is the one of the settings (`python -m fnm_guard.config.json_schema`)."""
    shipped = Path(json_schema.__file__).with_name("fnm-guard.schema.json")
    assert shipped.read_text(encoding="utf-8") == json_schema.text()


def test_the_schema_is_given_to_programs() -> None:
    """The package gives the schema, however often it is asked."""
    assert config.schema() == config.schema() == json.loads(json_schema.text())


def test_every_setting_is_described() -> None:
    """Every setting and every section has a sentence for the manual."""
    known = sections()
    for name, section in known.items():
        for key, item in section["properties"].items():
            below = known[str(item.get("$ref", "/")).rsplit("/", 1)[1]] if "$ref" in item else item
            description = item.get("description") or below["description"]
            assert description.endswith("."), f"{name}.{key}"
            assert "Attributes:" not in description, f"{name}.{key}"


def test_the_schema_knows_the_bounds_in_words() -> None:
    """Every value says in words what is allowed."""
    for name, section in sections().items():
        for key, item in section["properties"].items():
            text = json.dumps(item)
            assert "x-values" in text or "$ref" in text, f"{name}.{key}"


def test_the_schema_refuses_unknown_keys() -> None:
    """An editor marks keys that the program would refuse."""
    assert all(section["additionalProperties"] is False for section in sections().values())


def test_the_manual_page_is_current() -> None:
    """The manual page is the one of the settings (`python -m fnm_guard.config.manual docs/fnm-guard.example.yaml`)."""
    page = (ROOT / "man" / "fnm-guard.yaml.5").read_text(encoding="utf-8")
    assert page == manual.page(EXAMPLE.read_text(encoding="utf-8"))


def test_the_manual_page_names_every_setting() -> None:
    """Every key stands in the manual page, with its default if it has one."""
    page = (ROOT / "man" / "fnm-guard.yaml.5").read_text(encoding="utf-8")
    for section in sections().values():
        for key, item in section["properties"].items():
            assert key in page
            if isinstance(item.get("default"), str):
                assert f"Default: {item['default']}." in page.replace("\\", "")


def test_the_manual_page_keeps_its_lines() -> None:
    """No line of the example is taken for a request of roff."""
    body = manual.page("networks: [198.51.100.0/24]\n.TH evil\n'evil\n# a \\ b - c\n").split(".SH EXAMPLE")[1]
    assert body.splitlines()[2:6] == ["networks: [198.51.100.0/24]", "\\&.TH evil", "\\&'evil", "# a \\e b \\- c"]


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_the_manual_page_is_clean() -> None:
    """Roff has nothing to complain of."""
    command = ["groff", "-ww", "-man", "-Tutf8", "-z", str(ROOT / "man" / "fnm-guard.yaml.5")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("text", [EXAMPLE.read_text(encoding="utf-8"), DESIGN], ids=["docs", "design"])
def test_examples_are_right(text: str) -> None:
    """Every example that is shown to operators passes the check."""
    settings = config.parse(text, "example")
    assert isinstance(settings, Settings)
    assert settings.peer_profiles()[0].name == "upstream-a"


def test_importing_costs_nothing() -> None:
    """The command line may import the package without paying for pydantic and PyYAML."""
    code = "import sys, fnm_guard.config; sys.exit(bool({'pydantic', 'yaml', 'netaddr'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
