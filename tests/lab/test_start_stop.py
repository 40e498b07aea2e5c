"""A start or a reload that is interrupted, and a second daemon: nothing is left behind, nothing is disturbed."""

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.guard import COMMAND
from lab.outpost import SPARE
from lab.watch import until

if TYPE_CHECKING:
    from lab.outpost import Outposts

pytestmark = [pytest.mark.netns, pytest.mark.timeout(180)]


@pytest.mark.parametrize(
    ("sign", "number"),
    [
        ("state/fnm-guard.lock", signal.SIGINT),
        ("state/guard.db", signal.SIGTERM),
        ("run/api.sock", signal.SIGINT),
        ("run/exabgp.json", signal.SIGTERM),
    ],
)
def test_a_start_that_is_interrupted_leaves_nothing(post: "Outposts", tmp_path: Path, sign: str, number: int) -> None:
    """Stopped anywhere in its start, the daemon prints no traceback and leaves no process and no socket."""
    up = post(peer_as=None)
    up.guard.write()
    process = up.lab.start(up.home, COMMAND, "run", "-c", up.guard.configuration, log=up.guard.log.name)
    assert until((tmp_path / sign).exists, 30, 0.002)
    process.send_signal(number)
    assert process.wait(60) in {0, 130, -number}
    assert "Traceback" not in up.log()
    assert list((tmp_path / "run").glob("*.sock")) == []
    assert until(lambda: not up.processes(), 10, 0.1), up.processes()


def test_a_stop_in_the_middle_of_a_reload(post: "Outposts") -> None:
    """SIGHUP with other networks and peers, and SIGTERM at once: a clean end, nothing left."""
    up = post()
    up.guard.start()
    up.wait_up()
    up.guard.settings["networks"] = ["203.0.113.0/24"]
    up.guard.settings["bgp"]["peers"]["upstream"]["communities"] = ["64511:666"]
    up.guard.write()
    assert up.guard.process
    up.guard.process.send_signal(signal.SIGHUP)
    time.sleep(0.1)
    assert up.guard.stop() == 0
    assert "Traceback" not in up.log()
    assert until(lambda: not up.processes(), 10, 0.1), up.processes()


def test_a_second_daemon_does_not_disturb_the_first(post: "Outposts", tmp_path: Path) -> None:
    """If it shares a folder it is refused with the lock's name, and no route of the first moves."""
    up = post()
    up.guard.start()
    up.wait_up()
    assert up.guard.call("ban", SPARE).returncode == 0
    up.wait_route(SPARE)
    bird = up.bird
    assert bird
    before = bird.attributes(f"{SPARE}/32")
    for shared, own in (("state", "run"), ("run", "state")):
        second = tmp_path / f"{shared}.yaml"
        text = up.guard.configuration.read_text()
        second.write_text(text.replace(f": {tmp_path}/{own}\n", f": {tmp_path}/second\n"))
        done = up.guard.call_alone("run", configuration=second)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert f"{tmp_path}/{shared}/fnm-guard.lock: held by another fnm-guard (process " in line
    time.sleep(1)  # for a withdrawal that should not come
    assert bird.attributes(f"{SPARE}/32") == before
    assert up.guard.ask("peers")["peers"][0]["state"] == "up"
