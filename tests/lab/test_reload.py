"""A reload that changes the engine, while packets come in: what people see goes on."""

import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from lab.watch import until

if TYPE_CHECKING:
    from lab.outpost import Outpost, Outposts

pytestmark = [pytest.mark.netns, pytest.mark.timeout(180)]

HOST, NEXT = "203.0.113.7", "203.0.113.8"
BOTH = ["203.0.113.0/24", "2001:db8:113::/48"]
OTHERS = [["203.0.113.0/24"], [*BOTH, "192.0.2.0/24"], BOTH]
"""Networks of one reload after another; each needs another engine."""
PPS = 5_000


def counts(up: "Outpost") -> tuple[int, int, int]:
    """Give what people see: incoming packets and bytes, and frames received."""
    traffic = up.traffic()
    return traffic["incoming"]["packets"], traffic["incoming"]["bytes"], traffic["received"]


def reload(up: "Outpost", networks: list[str]) -> None:
    """Give the guard other networks."""
    up.guard.settings["networks"] = networks
    up.guard.write()
    done = up.guard.call("reload")
    assert done.returncode == 0, done.stderr
    assert "networks changed" in done.stdout


def test_no_total_goes_back(post: "Outposts") -> None:
    """Three engines later every total is what was sent, but for what lay in a ring at each change; none went back."""
    up = post(peer_as=None, capture=[{"source": "af_packet", "interfaces": ["cap0"], "threads": 2}])
    up.guard.start()
    seen: list[tuple[int, int, int]] = []
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.append(counts(up))

    watcher = threading.Thread(target=look)
    flood = up.send(HOST, pps=PPS, seconds=100)
    watcher.start()
    try:
        for networks in OTHERS:
            time.sleep(1)
            reload(up, networks)
        time.sleep(1)
        sent = flood.stop()
    finally:
        done.set()
        watcher.join()
        flood.close()
    # Far more than a ring holds at a change, far less than any one engine counts.
    slack = len(OTHERS) * PPS // 5
    assert until(lambda: counts(up)[0] >= sent - slack, 10, 0.2), (counts(up), sent)
    time.sleep(1.5)  # frames received are asked for once a second
    seen.append(counts(up))
    for before, after in pairwise(seen):
        assert all(new >= old for old, new in zip(before, after, strict=True)), (before, after)
    assert abs(seen[-1][0] - sent) <= slack, (seen[-1], sent)
    assert abs(seen[-1][2] - sent) <= slack, (seen[-1], sent)


def test_an_attack_runs_on(post: "Outposts") -> None:
    """A host under attack stays banned and watched by the new engine, which finds the next one; all end in time."""
    up = post(detection={"thresholds": {"incoming": {"pps": 500}}, "hold": "2s"})
    up.guard.start()
    up.wait_up()

    def packets() -> int:
        return sum(up.guard.ask("attacks")["attacks"][-1]["packets"].values())

    flood = up.send(HOST, pps=PPS, seconds=100)
    try:
        up.wait_route(HOST)
        number = up.guard.ask("attacks")["attacks"][0]["number"]
        before = packets()
        reload(up, OTHERS[0])
        time.sleep(3)  # longer than `hold`: an engine that did not watch it would have ended the attack
        (attack,) = up.guard.ask("attacks")["attacks"]
        assert (attack["number"], attack["ended"]) == (number, None)
        assert until(lambda: packets() > before, 10, 0.2)
        assert bird_routes(up) == {f"{HOST}/32"}
        after = up.send(NEXT, pps=PPS, seconds=100)
        try:
            up.wait_route(NEXT)
        finally:
            after.close()
    finally:
        flood.close()
    assert until(lambda: all(attack["ended"] for attack in up.guard.ask("attacks")["attacks"]), 30, 0.2)
    assert {ban["host"] for ban in up.guard.ask("bans")["bans"]} == {HOST, NEXT}


def bird_routes(up: "Outpost") -> set[str]:
    """Give the routes that the peer has."""
    assert up.bird
    return up.bird.routes()
