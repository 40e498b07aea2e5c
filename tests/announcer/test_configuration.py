"""ExaBGP's configuration.  `exabgp.conf` beside this is what a network engineer reviews."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from netaddr import IPAddress

from announcer.stage import PEER6, profile
from fnm_guard.announcer.configuration import bridge_path, build_environment, quoted, render
from fnm_guard.announcer.errors import AnnouncerError
from fnm_guard.announcer.program import Program
from fnm_guard.announcer.settings import AnnouncerSettings

SETTINGS = AnnouncerSettings(runtime=Path("/run/fnm-guard"))
PROGRAM = Program(Path("/usr/bin/exabgp"), "5.0.15")
PEERS = (
    profile(),
    profile(
        "inside",
        address=IPAddress(PEER6),
        remote_as=64512,
        local_address=IPAddress("2001:db8:51:3::2"),
        next_hop_ipv6=None,
        password="back\\slash #;{}[]",
        ttl_security=True,
        graceful_restart_seconds=0,
    ),
    profile("far", address=IPAddress("192.0.2.65"), multihop=3, next_hop_ipv4=None, hold_seconds=30),
)  # fmt: skip
GOLDEN = Path(__file__).with_name("exabgp.conf")


def _text() -> str:
    made = render(SETTINGS, PEERS, PROGRAM)
    named = made.text.replace(sys.executable, "/usr/bin/python3").replace(str(bridge_path()), "/usr/lib/bridge.py")
    return named.replace(made.digest, "0123456789abcdef")


def test_the_file_is_as_reviewed() -> None:
    """Every setting of a profile has its line, and nothing is announced by the file."""
    assert _text() == GOLDEN.read_text("ascii")


def test_exabgp_takes_it(tmp_path: Path) -> None:
    """ExaBGP itself finds no fault with it."""
    file = tmp_path / "exabgp.conf"
    file.write_text(render(SETTINGS, PEERS, PROGRAM).text)
    program = Path(sys.executable).with_name("exabgp")
    environment = build_environment(SETTINGS, {}) | {"exabgp.log.destination": "stderr"}
    done = subprocess.run([program, "validate", "-nr", file], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_digest_tells_whether_exabgp_must_run_anew() -> None:
    """A session's parameters, ExaBGP's version and its environment count; what is announced does not."""
    digest = render(SETTINGS, PEERS, PROGRAM).digest
    same = (replace(PEERS[0], communities=("64500:1",), max_routes=5), *PEERS[1:])
    assert render(SETTINGS, same, PROGRAM).digest == digest
    others = [
        render(SETTINGS, PEERS[:2], PROGRAM),
        render(SETTINGS, (profile(hold_seconds=30), *PEERS[1:]), PROGRAM),
        render(SETTINGS, PEERS, Program(PROGRAM.path, "5.0.16")),
        render(AnnouncerSettings(runtime=SETTINGS.runtime, log_level="INFO"), PEERS, PROGRAM),
        render(AnnouncerSettings(runtime=SETTINGS.runtime, instance="second"), PEERS, PROGRAM),
    ]
    assert len({digest, *(made.digest for made in others)}) == 6


@pytest.mark.parametrize("value", ["it's", 'a "word"', "line\nbreak", "stra\u00dfe", "nul\x00"])
def test_what_cannot_be_quoted(value: str) -> None:
    """A value that could leave its quotes is refused: it would be configuration."""
    with pytest.raises(AnnouncerError, match="printable ASCII without quotes"):
        quoted(value)


def test_two_peers_behind_one_address() -> None:
    """They would hear each other's routes."""
    with pytest.raises(AnnouncerError, match="peers upstream and twin have the same address"):
        render(SETTINGS, (profile(), profile("twin")), PROGRAM)


def test_the_environment_is_ours() -> None:
    """ExaBGP's own variables of whoever started us do not reach it, whatever their spelling."""
    inherited = {"PATH": "/bin", "exabgp_tcp_bind": "0.0.0.0", "exabgp.api.ack": "false", "EXABGP_ENVFILE": "/etc/x"}
    made = build_environment(SETTINGS, inherited)
    assert made["PATH"] == "/bin"
    assert made["exabgp.tcp.bind"] == ""
    assert made["exabgp.api.ack"] == "true"
    assert made["EXABGP_ENVFILE"] == "/dev/null"
    assert "exabgp_tcp_bind" not in made


if __name__ == "__main__":
    GOLDEN.write_text(_text(), encoding="ascii")
