"""What is wrong on a machine or in an order: one clear line, and the rest runs on."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lab.outpost import SPARE
from lab.watch import until

if TYPE_CHECKING:
    from lab.outpost import Outpost, Outposts

pytestmark = [pytest.mark.netns, pytest.mark.timeout(180)]


def sources(up: "Outpost") -> dict[str, dict[str, Any]]:
    """Give the sources by interface."""
    return {source["interface"]: source for source in up.guard.ask("status")["sources"]}


def test_an_interface_that_comes_later_is_taken_up(post: "Outposts") -> None:
    """With one of two interfaces missing the daemon runs with the other; the missing one is read once it is there."""
    up = post(capture=[{"source": "af_packet", "interfaces": ["cap0", "late0"]}])
    up.guard.start()
    found = sources(up)
    assert (found["cap0"]["state"], found["late0"]["state"]) == ("running", "failed")
    assert "no such interface" in found["late0"]["failure"]
    assert until(lambda: bool([text for text in up.guard.ask("status")["warnings"] if "late0" in text]), 30, 0.2)
    up.home.ip("link", "add", "name", "late0", "type", "veth", "peer", "name", "late1")
    for name in ("late0", "late1"):
        up.home.ip("link", "set", "dev", name, "up")
    assert until(lambda: sources(up)["late0"]["state"] == "running", 30, 0.2)
    assert until(lambda: not [text for text in up.guard.ask("status")["warnings"] if "late0" in text], 30, 0.2)
    assert up.log().count("source failed") == 1


def test_all_interfaces_missing_is_one_line(post: "Outposts") -> None:
    """Exit code 1, and one line that names those that exist; ExaBGP was never started."""
    up = post(peer_as=None, capture=[{"source": "af_packet", "interfaces": ["no0", "no1"]}])
    up.guard.write()
    done = up.guard.call_alone("run")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "cannot run" in line]
    assert "af_packet no0, af_packet no1: no such interface; there are: lo, " in line
    assert "cap0" in line
    assert "exabgp" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("", "cannot be run: No such file or directory; install 5.0.13 or newer"),
        ("4.2.21", "exabgp 4.2.21 at .* is too old: install 5.0.13 or newer"),
    ],
)
def test_without_exabgp_all_else_works(post: "Outposts", tmp_path: Path, version: str, reason: str) -> None:
    """The daemon runs, bans are decided and kept, and `peers` and `status` say what to install."""
    program = tmp_path / "exabgp"
    if version:
        program.write_text(f"#!/bin/sh\necho 'ExaBGP : {version}'\n")
        program.chmod(0o755)
    up = post(peer_as=None)
    up.guard.settings["bgp"]["exabgp"] = {"command": str(program)}
    up.guard.start()
    assert until(lambda: bool(re.search(reason, up.line("peers"))), 30, 0.2), up.line("peers")
    wanted = f"exabgp +failed: 0 of 1 sessions up: .*{reason}"
    assert until(lambda: bool(re.search(wanted, up.line("status"))), 30, 0.2), up.line("status")
    assert up.guard.call("ban", SPARE).returncode == 0
    assert [ban["host"] for ban in up.guard.ask("bans")["bans"]] == [SPARE]
    assert up.guard.stop() == 0


def test_a_refused_session_names_the_setting(post: "Outposts") -> None:
    """A peer that expects another AS: `peers` says wrong AS number, and `status` warns that bans reach nobody."""
    up = post(peer_as=64500)
    up.guard.start()
    assert until(lambda: "wrong AS number: compare `as` and `local_as`" in up.line("peers"), 60, 0.5), up.line("peers")
    assert until(lambda: "bans reach nobody: " in up.line("status"), 30, 0.2)


ORDERS = [
    ("ban", "host.example.net"),
    ("ban", "203.0.113.0/24"),
    ("ban", "198.51.100.7"),
    ("ban", "203.0.113.1"),
    ("ban", "255.255.255.255"),
    ("ban", "\x1b[31m"),
    ("ban", ""),
    ("ban", SPARE, "--for", "-5m"),
    ("ban", SPARE, "--for", "99999d"),
    ("ban", SPARE, "--for", "5m", "--permanent"),
    ("ban", SPARE, "--reason", "x" * 600),
    ("unban", SPARE),
    ("unban",),
    ("attack", "77"),
    ("attack", "x"),
]


def test_orders_that_cannot_be_followed(post: "Outposts") -> None:
    """A wrong address or word: one line, exit code 1 or 2, no control characters, no ban."""
    up = post(peer_as=None)
    up.guard.start()
    for words in ORDERS:
        done = up.guard.call(*words)
        assert done.returncode in {1, 2}, words
        assert done.stdout == "", words
        assert len(done.stderr.splitlines()) == 1, (words, done.stderr)
        assert done.stderr.rstrip("\n").isprintable(), words
    assert up.guard.ask("bans")["bans"] == []
    done = up.guard.call("unban", "--all")
    assert (done.returncode, done.stdout, done.stderr) == (0, "no bans\n", "")
