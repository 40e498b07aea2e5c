"""The screen in several rooms: a name, and the lines as a terminal of that size would show them."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from netaddr import IPAddress
from rich.console import Console, Group

from api.paperdesk import NOW, PaperDesk
from fnm_guard.api import answers
from fnm_guard.api.desk import BanEntry
from fnm_guard.capture.model import TopOrder
from fnm_guard.core.life import Ban
from fnm_guard.core.model import BanOrigin, HostRates, Rates
from fnm_guard.tui.screen import View, draw

if TYPE_CHECKING:
    from fnm_guard.api.shapes import ScreenShape

__all__ = ["GOLDEN", "all_screens", "crowded", "shown"]

GOLDEN = Path(__file__).parent / "golden"


def all_screens() -> dict[str, list[str]]:
    """Give every case by the name of its golden file."""
    quiet = PaperDesk(hosts=[])
    away = "no daemon at /run/fnm-guard/api.sock (nobody listens there): is it running? systemctl status fnm-guard"
    return {
        "attack-80x24": shown(View(_screen(PaperDesk().with_attack_ban()), "packets", 7), 80, 24),
        "crowd-80x24": shown(View(crowded(), "packets", 7), 80, 24),
        "crowd-80x40": shown(View(crowded(), "packets", 7), 80, 40),
        "crowd-60x16": shown(View(crowded(), "packets", 7), 60, 16),
        "quiet-80x24": shown(View(_screen(quiet), "packets", 7), 80, 24),
        "away-80x24": shown(View(_screen(PaperDesk().with_attack_ban()), "packets", 7, failure=away), 80, 24),
        "once": [line.plain for line in draw(View(crowded(), "packets", 7))],
    }


def crowded() -> "ScreenShape":
    """Give a screen with more of everything than fits."""
    desk = PaperDesk()
    desk.warnings = ("ring of eth3 drops frames", "mail: connection refused", "a third one")
    desk.hosts = []
    for index in range(10):
        pps = 50_000.0 - index * 1_111
        rates = Rates(pps=pps, bps=pps * 800, flows=index * 10)
        address = f"203.0.113.{10 + index}" if index else "2001:db8:100:ffff:ffff:ffff:ffff:ffff"
        desk.hosts.append(HostRates(IPAddress(address), rates, rates))
        host = IPAddress(f"203.0.113.{10 + index}")
        manual = Ban(index + 1, host, BanOrigin.MANUAL, "alice", "", NOW, None)
        desk.entries.append(BanEntry(manual))
    return _screen(desk)


def shown(view: View, width: int, height: int) -> list[str]:
    """Give what a terminal of this size shows, colours apart."""
    console = Console(file=io.StringIO(), record=True, width=width, height=height, highlight=False)
    lines = draw(view, height)
    for line in lines:
        line.no_wrap, line.overflow = True, "crop"
    console.print(Group(*lines))
    return console.export_text().splitlines()


def _screen(desk: PaperDesk) -> "ScreenShape":
    return answers.screen_shape(desk, TopOrder.PACKETS, 7)
