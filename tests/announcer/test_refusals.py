"""Sessions that do not come about, or not whole: the state says why, in words that lead to the cause."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from netaddr import IPAddress

from announcer.peers import Bird, Frr, Neighbour
from announcer.stage import GUARD, OTHER, OTHER_GUARD, PEER, eventually, profile, routes
from fnm_guard.announcer.configuration import bridge_path

if TYPE_CHECKING:
    from announcer.stage import Stage

pytestmark = pytest.mark.netns

HOST, HOST6 = "203.0.113.7/32", "2001:db8:113::7/128"
PASSWORD = "correct horse #;{}[],battery\\n"


async def test_the_right_password(stage: "Stage") -> None:
    """A session with TCP MD5 comes up, whatever printable characters the password has."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD, password=PASSWORD))
    bird.start()
    async with stage.announcer(profile(password=PASSWORD)) as announcer:
        announcer.want(routes(HOST))
        await eventually(lambda: bird.kernel_routes() == {HOST})


async def test_the_wrong_password(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """With the wrong password nothing at all is heard: after a while the reason says where to look."""
    monkeypatch.setattr("fnm_guard.announcer.peers.SILENT_SECONDS", 2.0)
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD, password=PASSWORD))
    bird.start()
    async with stage.announcer(profile(password="wrong")) as announcer:
        announcer.want(routes(HOST))
        await eventually(lambda: announcer.peers()[0].reason != "")
        state = announcer.peers()[0]
        assert state.state == "down"
        assert "MD5" in state.reason
        assert PEER in state.reason
        assert (state.wanted, state.announced) == (1, 1)


async def test_the_wrong_as(stage: "Stage") -> None:
    """A peer that expects another AS says so, and the reason names the setting; other peers do not notice."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    second = Bird(stage.lab, stage.other(), Neighbour(OTHER, OTHER_GUARD, local_as=64501))
    bird.start()
    second.start()
    other = profile("second", address=IPAddress(OTHER), remote_as=64501)
    async with stage.announcer(profile(remote_as=64502), other) as announcer:
        announcer.want({"second": routes(HOST)["upstream"], **routes(HOST)})
        await eventually(lambda: second.kernel_routes() == {HOST})
        await eventually(lambda: "AS number" in announcer.peers()[0].reason)
        assert announcer.peers()[0].state == "down"
        assert announcer.peers()[1].state == "up"


async def test_too_many_routes(stage: "Stage") -> None:
    """A peer that ends the session over its prefix limit is named as such, although every route was acknowledged."""
    peer = Frr(stage.lab, stage.peer, Neighbour(PEER, GUARD, limit=2))
    peer.start()
    async with stage.announcer() as announcer:
        await eventually(lambda: announcer.peers()[0].state == "up")
        hosts = [f"203.0.113.{number}/32" for number in range(1, 5)]
        announcer.want(routes(*hosts[:3]))
        await eventually(lambda: len(peer.routes()) == 3, "FRR looks at its limit with the next UPDATE only")
        announcer.want(routes(*hosts))
        await eventually(lambda: "max-prefix" in announcer.peers()[0].reason)
        assert announcer.peers()[0].state == "down"


async def test_a_family_that_the_peer_has_not(stage: "Stage") -> None:
    """The session is up for one family; the reason names the other, whose routes go nowhere."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD, families="4"))
    bird.start()
    async with stage.announcer() as announcer:
        announcer.want(routes(HOST, HOST6))
        await eventually(lambda: bird.kernel_routes() == {HOST})
        state = announcer.peers()[0]
        assert state.state == "up"
        assert state.reason.startswith("family ipv6 unicast not negotiated")


async def test_no_exabgp(stage: "Stage") -> None:
    """Without ExaBGP the announcer runs on, and says what to install."""
    async with stage.announcer(command=Path("/nonexistent/exabgp")) as announcer:
        announcer.want(routes(HOST))
        await eventually(lambda: announcer.peers()[0].reason != "")
        assert "pip install 'exabgp>=5.0.13'" in announcer.peers()[0].reason
        assert announcer.peers()[0].wanted == 1


async def test_exabgp_that_is_too_old(stage: "Stage") -> None:
    """An ExaBGP that a peer could lie to is not run."""
    old = stage.lab.folder / "exabgp"
    old.write_text("#!/bin/sh\necho 'ExaBGP : 4.2.21'\n")
    old.chmod(0o755)
    async with stage.announcer(command=old) as announcer:
        await eventually(lambda: "4.2.21" in announcer.peers()[0].reason)
        assert "too old" in announcer.peers()[0].reason


async def test_exabgp_that_always_fails(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """An ExaBGP that cannot start is tried again and again, ever more seldom, and its last words are told."""
    monkeypatch.setattr("fnm_guard.announcer.supervisor.BACKOFF_SECONDS", (0.05, 0.1))
    tries = stage.lab.folder / "tries"
    broken = _program(stage, f"version) echo 5.0.15;; validate) ;; *) echo x >> {tries}; echo boom >&2; exit 1;;")
    async with stage.announcer(command=broken) as announcer:
        await eventually(lambda: tries.exists() and len(tries.read_text()) >= 6)
        assert "exabgp ended: boom" in announcer.peers()[0].reason


def _program(stage: "Stage", cases: str) -> Path:
    made = stage.lab.folder / "exabgp"
    made.write_text(f"#!/bin/sh\ncase $1 in {cases} esac\n")
    made.chmod(0o755)
    return made


async def test_two_daemons_in_one_folder(stage: "Stage") -> None:
    """A second daemon does not touch the routes of the first, and says what is wrong."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    async with stage.announcer() as first:
        first.want(routes(HOST))
        await eventually(lambda: bird.kernel_routes() == {HOST})
        async with stage.announcer() as second:
            await eventually(lambda: "another fnm-guard" in second.peers()[0].reason)
        assert bird.kernel_routes() == {HOST}
        assert first.peers()[0].state == "up"


async def test_exabgp_as_another_user(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """ExaBGP runs as the user of the settings, its bridge too, and the socket lets that user in."""
    bird = Bird(stage.lab, stage.peer, Neighbour(PEER, GUARD))
    bird.start()
    _open_to_all(stage)
    stage.settings().runtime.mkdir(mode=0o711)
    command = Path(sys.executable).with_name("exabgp")
    # The test's own interpreter and bridge may lie in a home folder that is closed to others.
    bridge = stage.lab.folder / "open" / "bridge.py"
    shutil.copytree(bridge_path().parent, bridge.parent)
    for module in ("configuration", "runtime"):
        monkeypatch.setattr(f"fnm_guard.announcer.{module}.bridge_path", lambda: bridge)
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    async with stage.announcer(user="nobody", command=command) as announcer:
        announcer.want(routes(HOST))
        await eventually(lambda: bird.kernel_routes() == {HOST})
        assert _owner(stage.exabgp()) == _owner(stage.bridge()) == "nobody"
        assert "ExaBGP" not in stage.settings().output.read_text(), "the log is where it should be"


async def test_another_user_who_cannot_reach_the_socket(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """A user to whom the runtime folder is closed is told so, with the folder."""
    command = Path(sys.executable).with_name("exabgp")
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    async with stage.announcer(user="nobody", command=command) as announcer:
        await eventually(lambda: announcer.peers()[0].reason != "")
        assert "Permission denied" in announcer.peers()[0].reason


async def test_another_user_who_cannot_run_the_bridge(stage: "Stage", monkeypatch: pytest.MonkeyPatch) -> None:
    """A user to whom the interpreter is closed is told before ExaBGP is started: ExaBGP itself would say nothing."""
    command = Path(sys.executable).with_name("exabgp")
    closed = stage.lab.folder / "closed" / "python3"
    closed.parent.mkdir(mode=0o700)
    closed.symlink_to("/usr/bin/python3")
    monkeypatch.setattr(sys, "executable", str(closed))
    async with stage.announcer(user="nobody", command=command) as announcer:
        await eventually(lambda: announcer.peers()[0].reason != "")
        assert announcer.peers()[0].reason.startswith(f"user nobody cannot run the bridge: {closed}")


def _open_to_all(stage: "Stage") -> None:
    for folder in (stage.lab.folder, *stage.lab.folder.parents[:2]):
        folder.chmod(0o755)


def _owner(pid: int) -> str:
    return Path(f"/proc/{pid}").owner()
