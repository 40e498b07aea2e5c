"""All that is wrong with the values of a file comes in one run, and nothing that is not."""

import pytest

from fnm_guard import config
from fnm_guard.config import findings
from fnm_guard.config.problems import PROBLEMS_SHOWN, ConfigError, Problem, key_text, shown


def keys(text: str) -> list[str]:
    """Give the keys of everything that is wrong, in the order of the file."""
    try:
        config.parse(text, "x")
    except config.ConfigError as error:
        return [problem.key for problem in error.problems]
    return []


def test_contradictions_beside_bad_values() -> None:
    """A bad value does not hide a contradiction elsewhere in its section, list or file."""
    assert keys(
        """\
networks: [198.51.100.0/24, nonsense, 198.51.100.0/24]
capture: [{interfaces: [eth3, eth4/], threads: x}, {interfaces: [eth3]}]
detection: {window: 1s, tick: 300ms, release: 5}
"""
    ) == [
        "networks[2]",
        "networks[3]",
        "capture[1].interfaces[2]",
        "capture[1].threads",
        "capture[2].interfaces[1]",
        "detection.window",
        "detection.release",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "detection: {window: x, tick: 300ms}",
        "detection: {window: 310ms, tick: x}",
        "ban: {duration: x, extension: 1m}",
        "ban: {duration: 2d, extension: x}",
        "detection: {flows: x, thresholds: {incoming: {flows: 5}}}",
        "bgp: {local_as: x, router_id: 192.0.2.2, peers: {a: {address: 192.0.2.1, as: 64496, local_preference: 5}}}",
        "capture: [{interfaces: [eth3], source: x, cluster: 5}]",
        "capture: [{interfaces: [eth3], decapsulate: [x], vxlan_port: 8472}]",
        "audit: {frame_bytes: x}\ncapture: [{interfaces: [eth3], snaplen: 100}]",
        "notify: {mail: {server: mx, from: a@b, to: [c@d], user: u, security: tls, password: {}}}",
    ],
)
def test_a_bad_value_is_no_contradiction(text: str) -> None:
    """What a bad value would have to be is not known, so nothing is said about what it does not fit."""
    assert len(keys(f"networks: [198.51.100.0/24]\n{text}\n")) == 1


def test_bad_networks_accuse_no_group() -> None:
    """A group is not outside networks that could not be read."""
    text = "networks: [198.51.100.0/24, 203.0.113.0/33]\ndetection: {groups: {a: {networks: [203.0.113.5]}}}\n"
    assert keys(text) == ["networks[2]"]


def test_several_rounds() -> None:
    """A section that lost a needed key still tells of what is next to it."""
    text = """\
networks: [198.51.100.0/24]
bgp:
  local_as: 64496
  peers:
    a: {address: x, as: 64497}
    b: {address: 192.0.2.1, as: 64497, multihop: 2, ttl_security: true}
    c: {address: 192.0.2.1, as: 64497}
"""
    assert keys(text) == ["bgp.router_id", "bgp.peers.a.address", "bgp.peers.b.multihop", "bgp.peers.c.address"]


def test_a_flood_of_errors_is_bounded() -> None:
    """A file of another program gives a page of errors and ends soon."""
    with pytest.raises(config.ConfigError) as caught:
        config.parse("networks:\n" + "  - x\n" * 20_000, "x")
    assert len(caught.value.problems) == findings.FINDINGS_LIMIT
    lines = str(caught.value).splitlines()
    assert len(lines) == PROBLEMS_SHOWN + 1
    assert lines[-1] == "x: and more; put these right first"


def test_lists_have_bounds() -> None:
    """A list with too many entries is refused as a whole, with the bound."""
    interfaces = ", ".join(f"eth{number}" for number in range(65))
    with pytest.raises(config.ConfigError) as caught:
        config.parse(f"networks: [198.51.100.0/24]\ncapture: [{{interfaces: [{interfaces}]}}]\n", "x")
    assert str(caught.value) == "x:2:24: capture[1].interfaces: too many entries; allowed: at most 64"


def test_words_of_other_programs() -> None:
    """Who comes from another program is told what it is called here."""
    with pytest.raises(config.ConfigError) as caught:
        config.parse("networks: [198.51.100.0/24]\nwhitelist: [198.51.100.1]\n", "x")
    assert str(caught.value) == "x:2:1: whitelist: unknown key; did you mean never_ban?"


def test_a_problem_without_a_place() -> None:
    """A problem of the whole file has no line, one of the root no key."""
    assert str(Problem("f", 0, 0, "", "too large")) == "f: too large"
    assert str(Problem("f", 1, 2, "", "wrong")) == "f:1:2: wrong"
    assert str(ConfigError((Problem("f", 1, 2, "a", "x"), Problem("f", 3, 4, "b", "y")))) == "f:1:2: a: x\nf:3:4: b: y"


def test_values_as_errors_show_them() -> None:
    """A value is shown in one short line of ASCII; what holds others is not looked into."""
    assert shown("a\nb\x1b[31mé") == r"'a\nb\x1b[31m\xe9'"
    assert len(shown("x" * 1000)) < 70
    assert [shown(None), shown({"a": "secret"}), shown(["secret"])] == ["nothing", "a mapping", "a list"]


def test_paths_as_errors_show_them() -> None:
    """Entries are counted from 1; a key that is no plain word is quoted."""
    assert key_text(("capture", 0, "interfaces", 1)) == "capture[1].interfaces[2]"
    assert key_text(("a b", "c\n", 3)) == "'a b'.'c\\n'[4]"
    assert key_text(()) == ""
