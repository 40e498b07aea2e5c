"""The reports of the command line, each with the paper desk's figures: a name and the lines."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from netaddr import IPAddress

from api.paperdesk import NOW, PaperDesk
from fnm_guard.api import answers, records
from fnm_guard.api.desk import AttackEntry, AttackReport, BanEntry
from fnm_guard.cli import reports
from fnm_guard.core.life import Ban
from fnm_guard.core.model import Audit, BanOrigin, Direction
from fnm_guard.core.policy import Mode

if TYPE_CHECKING:
    from fnm_guard.api.shapes import BanShape

__all__ = ["GOLDEN", "all_reports"]

GOLDEN = Path(__file__).parent / "golden"


def all_reports() -> dict[str, list[str]]:
    """Give every report without its colours, by the name of its golden file."""
    desk = PaperDesk().with_attack_ban()
    desk.warnings = ("ring of eth3 drops frames",)
    now = desk.wall(NOW)
    (entry,) = asyncio.run(desk.attacks(1))
    report = asyncio.run(desk.attack(17))
    assert report is not None
    found = {
        "status": reports.status_lines(answers.status_shape(desk.status(), desk.wall)),
        "peers": reports.peers_lines([answers.peer_shape(peer, desk.wall) for peer in desk.peers()]),
        "peers-none": reports.peers_lines([]),
        "bans": reports.bans_lines(_bans(desk), now),
        "bans-none": reports.bans_lines([], now),
        "attacks": reports.attacks_lines([records.attack_shape(entry, desk.wall)]),
        "attacks-none": reports.attacks_lines([]),
        "attack": reports.attack_lines(records.report_shape(report, desk.wall)),
    }
    ended = replace(entry.attack, ended=entry.attack.started + 75)
    for name, cut in (("attack-ended", False), ("attack-cut", True)):
        one = AttackReport(AttackEntry(ended, None, 0, cut), Audit(ended.host, ended.direction, (), full=False))
        found[name] = reports.attack_lines(records.report_shape(one, desk.wall))
    return {name: [click.unstyle(line) for line in lines] for name, lines in found.items()}


def _bans(desk: PaperDesk) -> "list[BanShape]":
    """Give one ban of every kind."""
    manual = Ban(
        number=5,
        host=IPAddress("2001:db8:100::7"),
        origin=BanOrigin.MANUAL,
        by="alice",
        reason="spam \x1b[31m until fixed",
        started=NOW - 200_000,
        expires=None,
    )
    decided = Ban(
        number=6,
        host=IPAddress("203.0.113.80"),
        origin=BanOrigin.AUTOMATIC,
        by="detector",
        reason="outgoing flows 21000 above 20000",
        started=NOW - 3,
        expires=NOW + 90,
        direction=Direction.OUTGOING,
        power=0.5,
        attack=18,
        mode=Mode.MONITOR,
        announce=False,
    )
    upstream = ("upstream-a",)
    entries = [*desk.bans(), BanEntry(manual, upstream, upstream), BanEntry(decided)]
    return [records.ban_shape(entry.ban, desk.wall, entry) for entry in entries]
