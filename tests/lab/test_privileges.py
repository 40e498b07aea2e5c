"""As another user than root: what the daemon needs, and what it says without."""

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.guard import COMMAND
from lab.watch import until

if TYPE_CHECKING:
    from lab.outpost import Outposts

pytestmark = [pytest.mark.netns, pytest.mark.timeout(180)]

CAPABLE = ["net_raw", "net_admin"]
NOBODY = 65534


def as_nobody(*capabilities: str) -> list[str]:
    """Give the words that run a command as nobody with these capabilities and no others."""
    keep = ",".join(f"+{name}" for name in capabilities)
    identity = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    bounds = [f"--bounding-set=-all{',' if keep else ''}{keep}"]
    return [*identity, *bounds, *([f"--inh-caps=-all,{keep}", f"--ambient-caps=-all,{keep}"] if keep else [])]


def reach() -> list[str]:
    """Give the capability that nobody needs where the interpreter lies below a folder that is root's alone."""
    words = [*as_nobody(), "/bin/sh", "-c", f"exec {COMMAND.parent / 'python'} -c pass"]
    done = subprocess.run(words, capture_output=True, timeout=30, check=False)
    return [] if done.returncode == 0 else ["dac_read_search"]


def open_folders(folder: Path) -> None:
    """Let others pass to the test's folder, and give nobody what the daemon writes into."""
    for place in (folder, *folder.parents):
        if place.is_relative_to("/tmp/pytest-of-root"):
            place.chmod(place.stat().st_mode | 0o055)
    for name in ("run", "state"):
        (folder / name).mkdir(exist_ok=True)
        os.chown(folder / name, NOBODY, NOBODY)


def test_without_privilege_the_capability_is_named(post: "Outposts", tmp_path: Path) -> None:
    """As a user without CAP_NET_RAW: exit code 1 and one line that says which capability, and how a service gets it."""
    up = post(peer_as=None)
    up.guard.write()
    open_folders(tmp_path)
    done = up.guard.call_alone("run", before=as_nobody(*reach()))
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "cannot run" in line]
    assert "needs CAP_NET_RAW: run as root, or give the service AmbientCapabilities=CAP_NET_RAW" in line
    assert "Traceback" not in done.stderr


def test_two_capabilities_are_enough(post: "Outposts", tmp_path: Path) -> None:
    """As another user with CAP_NET_RAW and CAP_NET_ADMIN: frames, ban, ExaBGP and route, without root anywhere."""
    up = post(detection={"thresholds": {"incoming": {"pps": 500}}})
    up.guard.write()
    open_folders(tmp_path)
    before = as_nobody(*CAPABLE, *reach())
    up.guard.process = up.lab.start(
        up.home, *before, COMMAND, "run", "-c", up.guard.configuration, log=up.guard.log.name
    )
    assert until(lambda: up.guard.call("status").returncode == 0, 30, 0.2), up.log()
    up.wait_up()
    flood = up.send("203.0.113.7", pps=5_000, seconds=60)
    try:
        up.wait_route("203.0.113.7")
    finally:
        flood.close()
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in up.processes()} == {NOBODY}
    assert up.guard.stop() == 0
