"""A thousand victims at once: the cap holds, the daemon answers, log and mails stay short."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fnm_guard.api.client import Client
from lab.guard import MailSink
from lab.watch import until

if TYPE_CHECKING:
    from lab.outpost import Outpost, Outposts

pytestmark = [pytest.mark.netns, pytest.mark.timeout(180)]

VICTIMS = 1_000
CAP = 100
RANGES = {"10.64.0.0/16": "10.64.0.0-10.64.3.231", "2001:db8:113::/48": "2001:db8:113::-2001:db8:113::3e7"}
"""For each network of ours `VICTIMS` of its addresses."""
ANSWER_SECONDS = 10.0
"""Far above what an answer takes, on a machine with other things to do."""
REFUSAL_MAILS = 10
"""What the notifier tells of refusals in a minute."""


def storm(post: "Outposts", network: str) -> "Outpost":
    """Give an outpost in whose network a thousand hosts can be flooded with little."""
    up = post(
        networks=[network],
        never_ban=[],
        detection={"thresholds": {"incoming": {"pps": 4}}, "hold": "5m"},
        ban={"duration": "30m", "limits": {"active": CAP}},
    )
    up.guard.start()
    up.wait_up()
    return up


@pytest.mark.parametrize("network", RANGES)
def test_a_thousand_victims_at_once(post: "Outposts", tmp_path: Path, network: str) -> None:
    """100 bans and routes, 900 refusals in the history, few mails and log lines; the daemon answers meanwhile."""
    up = storm(post, network)
    sink = MailSink(up.lab, up.home)
    flood = up.send(RANGES[network], pps=30_000, seconds=100)
    try:
        wait_attacks(up)
    finally:
        flood.close()
    bird = up.bird
    assert bird
    assert until(lambda: len(bird.routes()) == CAP, 40, 0.2), len(bird.routes())
    assert until(lambda: refusals(tmp_path) == VICTIMS - CAP, 40, 0.2), refusals(tmp_path)
    status = up.guard.ask("status")
    assert (status["bans"], status["attacks"]) == (CAP, VICTIMS), status
    health = status["health"]
    assert health["notify_refusals_untold"] == VICTIMS - CAP - REFUSAL_MAILS
    assert health["sink_failures"] == 0
    check_log(up)
    assert until(lambda: told(sink, "not blocked") == REFUSAL_MAILS, 60, 0.5), told(sink, "not blocked")
    assert until(lambda: told(sink, "blocked because") >= CAP, 60, 0.5), told(sink, "blocked because")


def wait_attacks(up: "Outpost") -> None:
    """Ask the daemon over and over until it knows of every attack; no answer within `ANSWER_SECONDS` is an error."""
    with Client(str(up.lab.folder / "run" / "api.sock"), ANSWER_SECONDS) as client:

        def attacks() -> int:
            return int(json.loads(client.get("/v1/status"))["attacks"])

        assert until(lambda: attacks() == VICTIMS, 60, 0.02), attacks()


def refusals(folder: Path) -> int:
    """Give how many refusals the history has."""
    with closing(sqlite3.connect(f"file:{folder}/state/guard.db?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM refusals").fetchone()[0])


def told(sink: MailSink, words: str) -> int:
    """Give how many hosts a mail was sent about with these words in its subject."""
    return len({mail["Subject"] for mail in sink.mails() if words in mail["Subject"]})


def check_log(up: "Outpost") -> None:
    """Every ban has its line; of the rest a few are written and the others counted."""

    def left_out() -> int:
        return sum(int(number) for number in re.findall(r"(?:count|left_out)=(\d+)", up.log()))

    assert up.log().count("host banned") == CAP
    # Refusals come one a second, attacks ten: nine in ten of each are left out, however slow the machine.
    assert until(lambda: left_out() >= (VICTIMS - CAP) * 9 // 10, 30, 0.5), left_out()
    assert len(up.log().splitlines()) < VICTIMS // 2
