"""What `check` finds on this machine."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from fnm_guard.config import load
from fnm_guard.daemon.examination import Findings, examine, folder_problem

PEER = {"local_as": 64496, "router_id": "198.51.100.2", "peers": {"up": {"address": "198.51.100.1", "as": 64511}}}


def found(folder: Path, **settings: Any) -> Findings:
    """Examine a configuration that is good but for what a test changes."""
    plain: dict[str, Any] = {
        "networks": ["203.0.113.0/24"],
        "capture": [{"source": "af_packet", "interfaces": ["lo"]}],
        "paths": {"runtime": str(folder / "run"), "state": str(folder)},
        "api": {"group": "root"},
        "bgp": PEER,
    }
    path = folder / "fnm-guard.yaml"
    path.write_text(yaml.safe_dump(plain | settings))
    return examine(load(path))


def program(path: Path, text: str) -> dict[str, Any]:
    """Make an executable, and give the peers with it as ExaBGP."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return PEER | {"exabgp": {"command": str(path)}}


def test_a_machine_that_has_everything(tmp_path: Path) -> None:
    """Interface, ExaBGP and folders are there: no problem."""
    assert found(tmp_path).problems == ()


def test_everything_is_told_in_one_run(tmp_path: Path) -> None:
    """One run names all that is wrong, so that nobody mends one thing a day."""
    problems = found(
        tmp_path,
        capture=[{"source": "pf_ring", "interfaces": ["nothere0"]}],
        bgp=PEER | {"exabgp": {"command": "/nonexistent/exabgp"}},
        notify={"script": {"path": "/nonexistent.sh"}, "templates": "/nonexistent/templates"},
        paths={"runtime": str(tmp_path / "fnm-guard.yaml" / "x"), "state": str(tmp_path)},
    ).problems
    starts = ("interface nothere0 does not exist", "pf_ring for nothere0", "bgp.exabgp: /nonexistent/exabgp", "paths.r")
    for start in starts:
        assert [line for line in problems if line.startswith(start)], start
    assert any("/nonexistent.sh: no such file" in line for line in problems)
    assert any("/nonexistent/templates" in line for line in problems)
    assert all("\n" not in line for line in problems)


def test_without_a_source_there_is_nothing_to_run(tmp_path: Path) -> None:
    """`run` needs one, so `check` says so."""
    assert found(tmp_path, capture=[]).problems == ("capture: nothing to read: name a source and its interfaces",)


def test_exabgp_must_be_new_enough(tmp_path: Path) -> None:
    """An old one is named with its version and what to install."""
    bgp = program(tmp_path / "exabgp", "echo 'ExaBGP : 4.2.21'")
    (line,) = found(tmp_path, bgp=bgp).problems
    assert line.startswith(f"bgp.exabgp: exabgp 4.2.21 at {tmp_path}/exabgp is too old: install 5.0.13 or newer")


def test_without_peers_exabgp_is_not_looked_for(tmp_path: Path) -> None:
    """Who announces nothing needs no ExaBGP."""
    assert found(tmp_path, bgp={"exabgp": {"command": "/nonexistent/exabgp"}}).problems == ()


def test_a_script_must_be_executable(tmp_path: Path) -> None:
    """A hook without its bit is named with the command that gives it."""
    script = tmp_path / "hook.sh"
    script.touch(0o644)
    (line,) = found(tmp_path, notify={"script": {"path": str(script)}}).problems
    assert line == f"notify.script: {script}: not executable: chmod +x {script}"


def test_a_broken_template_is_a_problem(tmp_path: Path) -> None:
    """An operator's template is tried with an example, and its place named."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "banned.subject.j2").write_text("{{ nonsense")
    (line,) = found(tmp_path, notify={"templates": str(tmp_path / "templates")}).problems
    assert "banned.subject.j2: line 1" in line


def test_a_missing_group_is_a_warning(tmp_path: Path) -> None:
    """The socket works for root without its group, so it is no problem."""
    findings = found(tmp_path, api={"group": "nosuchgroup"})
    assert findings.problems == ()
    assert [line for line in findings.warnings if "there is no group nosuchgroup" in line]


def test_a_folder_that_can_be_made_is_good(tmp_path: Path) -> None:
    """A folder need not be there, if it can be made; nothing is made by looking."""
    assert folder_problem(tmp_path / "a" / "b") == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else_is_a_problem() -> None:
    """A folder that this user cannot write to, or make, is named."""
    assert "cannot be written to" in folder_problem(Path("/usr"))
    assert "cannot be made in /usr" in folder_problem(Path("/usr/nothere/x"))


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Something else in its place, or above it, is named."""
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "x"):
        assert folder_problem(folder) == f"{tmp_path / 'file'} is no folder"


def test_pf_ring_devices_are_no_interfaces(tmp_path: Path) -> None:
    """`zc:eth3@1` is not looked for among the kernel's interfaces; the one behind it still is what it is."""
    capture = [{"source": "pf_ring", "interfaces": ["zc:nothere0@0", "zc:nothere0@1", "zc:lo", "lo@0"]}]
    problems = found(tmp_path, capture=capture).problems
    assert not [line for line in problems if "does not exist" in line]
    assert [line for line in problems if "same packets twice" in line] == [
        "interfaces zc:lo and lo@0 show the same packets twice; allowed: queues of their own"
    ]
