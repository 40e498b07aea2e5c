"""What fails for a while costs no ban, and nothing is lost: mail server, disk."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab.guard import MailSink
from lab.namespaces import run
from lab.outpost import SPARE
from lab.watch import until

if TYPE_CHECKING:
    from lab.outpost import Outposts

pytestmark = [pytest.mark.netns, pytest.mark.timeout(180)]


def test_mails_wait_for_their_server(post: "Outposts") -> None:
    """With no mail server `status` says failing and why; the mail is kept, and arrives once there is one."""
    up = post(peer_as=None)
    up.guard.start()
    assert up.guard.call("ban", SPARE, "--reason", "test").returncode == 0
    assert until(lambda: "notifications  failing: " in up.line("status"), 30, 0.2), up.line("status")
    told = up.guard.ask("status")["notifications"]
    assert "127.0.0.1 port 2525" in told["text"]
    assert told["waiting"] == 1
    sink = MailSink(up.lab, up.home)
    assert until(lambda: len(sink.mails()) == 1, 60, 0.5)
    assert until(lambda: up.guard.ask("status")["notifications"]["state"] == "running", 30, 0.2)


def test_a_full_disk_costs_no_ban(post: "Outposts", tmp_path: Path) -> None:
    """With no room for the history a ban goes out and `status` says so; with room again the ban is kept."""
    state = tmp_path / "state"
    state.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(state)])
    try:
        up = post()
        up.guard.start()
        up.wait_up()
        fill(state / "fill")
        assert up.guard.call("ban", SPARE).returncode == 0
        up.wait_route(SPARE)
        assert until(lambda: "store          failing: " in up.line("status"), 30, 0.2), up.line("status")
        (state / "fill").unlink()
        assert until(lambda: up.guard.ask("status")["store"]["state"] == "running", 30, 0.2)
        assert up.guard.process
        up.guard.process.send_signal(signal.SIGKILL)
        up.guard.process.wait()
        up.guard.start()
        assert [ban["host"] for ban in up.guard.ask("bans")["bans"]] == [SPARE]
        assert up.guard.stop() == 0
    finally:
        run(["umount", "-l", str(state)], check=False)


def fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return
