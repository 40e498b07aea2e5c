"""What is killed comes back with the right routes: daemon, ExaBGP, bridge, peer."""

import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lab import topology
from lab.flood import start_flood
from lab.watch import until

if TYPE_CHECKING:
    from lab.conftest import Build, Site

pytestmark = [pytest.mark.netns, pytest.mark.timeout(180)]

SPARE = "203.0.113.99"
HEAL_SECONDS = 30


def _exabgp(site: "Site") -> int:
    record = json.loads((site.lab.folder / "run" / "exabgp.json").read_text())
    return int(record["pid"])


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _ban(site: "Site", *words: str) -> None:
    done = site.guard.call("ban", SPARE, "--reason", "test", *words)
    assert done.returncode == 0, done.stderr
    assert until(lambda: SPARE in site.routes.blackholes(), 10, 0.05)


def _kill_daemon(site: "Site") -> None:
    """Kill the daemon itself; `ip netns exec` has become it."""
    assert site.guard.process
    site.guard.process.send_signal(signal.SIGKILL)
    site.guard.process.wait()


def test_a_killed_daemon_finds_its_ban_and_its_route(site: "Build") -> None:
    """Kill -9 of the daemon with a ban open: the route stays, the next daemon adopts ExaBGP and knows the ban."""
    up = site()
    _ban(up)
    exabgp = _exabgp(up)
    before = up.guard.ask("bans")["bans"][0]
    killed = time.time()
    _kill_daemon(up)
    assert SPARE in up.routes.blackholes()
    up.guard.start()
    up.wait_up()
    assert _exabgp(up) == exabgp
    after = up.guard.ask("bans")["bans"][0]
    assert (after["number"], after["host"], after["reason"]) == (before["number"], SPARE, "test")
    assert up.routes.wait(SPARE, present=False, after=killed, seconds=3) is None
    assert up.guard.call("unban", SPARE).returncode == 0
    assert until(lambda: SPARE not in up.routes.blackholes(), 10, 0.05)
    assert up.guard.stop() == 0


def test_a_ban_that_fell_due_while_the_daemon_was_down_is_withdrawn(site: "Build") -> None:
    """A ban whose end nobody saw ends when the daemon is back."""
    up = site()
    _ban(up, "--for", "3s")
    _kill_daemon(up)
    time.sleep(4)
    up.guard.start()
    assert until(lambda: SPARE not in up.routes.blackholes(), HEAL_SECONDS, 0.1)
    assert up.guard.ask("bans")["bans"] == []


def test_a_killed_exabgp_is_replaced_with_its_routes(site: "Build") -> None:
    """Kill -9 of ExaBGP: another one is started and has the route again."""
    up = site()
    _ban(up)
    os.kill(_exabgp(up), signal.SIGKILL)
    assert until(lambda: up.guard.ask("peers")["peers"][0]["state"] != "up", HEAL_SECONDS, 0.05)
    up.wait_up()
    assert until(lambda: SPARE in up.routes.blackholes(), HEAL_SECONDS, 0.1)


def test_a_killed_bridge_is_replaced_and_obeys(site: "Build") -> None:
    """Kill -9 of the bridge: the route stays, and an unban after it still works."""
    up = site()
    _ban(up)
    for bridge in _children(_exabgp(up)):
        os.kill(bridge, signal.SIGKILL)
    assert until(lambda: up.guard.call("unban", SPARE).returncode == 0, HEAL_SECONDS, 0.2)
    assert until(lambda: SPARE not in up.routes.blackholes(), HEAL_SECONDS, 0.1)


def test_a_restarted_peer_hears_the_routes_again(site: "Build") -> None:
    """The peer's BGP daemon dies and comes back: the route is announced again."""
    up = site()
    _ban(up)
    up.upstream.kill()
    up.upstream.start()
    up.wait_up()
    assert until(lambda: SPARE in up.routes.blackholes(), HEAL_SECONDS, 0.1)


def test_the_daemon_is_killed_in_the_middle_of_a_flood(site: "Build") -> None:
    """Kill -9 just after the ban, flood still running: the route is there after the restart, and the ban is known."""
    up = site()
    flood = start_flood(up.network, topology.VICTIM, pps=60_000, seconds=20)
    try:
        assert up.tap.wait(topology.VICTIM, announced=True, after=flood.first_frame)
        assert until(lambda: bool(up.guard.ask("bans")["bans"]), 5, 0.05)
        _kill_daemon(up)
        up.guard.start()
        up.wait_up()
        assert [ban["host"] for ban in up.guard.ask("bans")["bans"]] == [topology.VICTIM]
        assert topology.VICTIM in up.routes.blackholes()
    finally:
        flood.close()


def test_a_planned_stop_withdraws_everything(site: "Build") -> None:
    """SIGTERM with the default `on_stop`: no route stays, no process stays."""
    up = site()
    _ban(up)
    exabgp = _exabgp(up)
    assert up.guard.stop() == 0
    assert until(lambda: SPARE not in up.routes.blackholes(), 10, 0.05)
    assert not Path(f"/proc/{exabgp}").exists()


def test_a_reload_swaps_or_keeps(site: "Build") -> None:
    """A good file is applied without a restart, a bad one is refused with its place, and the old one stays."""
    up = site()
    up.guard.settings["never_ban"] = ["203.0.113.0/28"]
    up.guard.write()
    assert up.guard.call("reload").returncode == 0
    refused = up.guard.call("ban", topology.VICTIM)
    assert refused.returncode == 1
    assert "never" in refused.stderr
    up.guard.settings["detection"] = {"window": "0.123s", "nonsense": 1}
    up.guard.write()
    done = up.guard.call("reload")
    assert done.returncode == 1
    assert "fnm-guard.yaml:" in done.stderr
    assert "nonsense" in done.stderr
    assert up.guard.call("status").returncode == 0
    assert up.guard.process
    up.guard.process.send_signal(signal.SIGHUP)
    assert until(lambda: up.guard.log.read_text().count("configuration refused") >= 2, 5, 0.1)
