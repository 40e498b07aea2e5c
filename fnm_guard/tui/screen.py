"""The classic screen as lines: totals, busiest hosts, loss, bans.

On a terminal the lines have to fit.  What must be seen has its place: the totals, the loss, the head of the ban list,
and trouble.  The hosts share what is left with the bans, then come the blank lines; what does not fit is counted.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from fnm_guard.tui.text import clean, clock, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fnm_guard.api.shapes import BanShape, DirectionShape, HostShape, ScreenShape

__all__ = ["Room", "View", "ban_entry", "draw"]

_FIXED_LINES = 10  # title, four totals, three of loss, head of the bans, keys
_BLANK_LINES = 4
_WARNING_LINES = 2
_NAME_WIDTH = 20
_KEYS = "p packets   b bytes   f flows   q quit"
_UNLIMITED = 1_000_000


@dataclass(frozen=True, slots=True)
class View:
    """What the screen shows.

    Attributes:
        screen: The latest figures, None: none yet.
        by: What the hosts are sorted by.
        count: Most hosts of one list.
        failure: Why there are no newer figures, "" when they are fresh.
    """

    screen: "ScreenShape | None"
    by: str
    count: int
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """How the lines of the screen are shared out."""

    hosts: int
    bans: int
    blank: bool

    @classmethod
    def within(cls, height: int, view: View) -> "Room":
        """Share `height` lines."""
        screen = view.screen
        if screen is None:
            return cls(0, 0, blank=False)
        trouble = min(_WARNING_LINES, len(screen.warnings)) + (1 if view.failure else 0)
        free = max(0, height - _FIXED_LINES - trouble)
        bans = len(screen.bans)
        asked = max(min(view.count, len(screen.incoming)), min(view.count, len(screen.outgoing)))
        hosts = min(asked, max(0, free - min(bans, free // 3)) // 2)
        used = min(hosts, len(screen.incoming)) + min(hosts, len(screen.outgoing))
        blank = free - used - min(bans, free // 3) >= _BLANK_LINES
        return cls(hosts, free - used - (_BLANK_LINES if blank else 0), blank=blank)


def draw(view: View, height: int | None = None) -> list[Text]:
    """Give the lines: as many as fit into `height`, or all of them without the keys."""
    screen = view.screen
    trouble = [Text(f"! {clean(view.failure)}", style="bold red")] if view.failure else []
    if screen is None:
        return trouble
    room = Room(view.count, _UNLIMITED, blank=True) if height is None else Room.within(height, view)
    banned = {ban.host for ban in screen.bans}
    width = max([_NAME_WIDTH, *(len(host.host) for host in (*screen.incoming, *screen.outgoing))])
    blank = [Text()] if room.blank else []
    traffic = screen.traffic
    lines = [_title(screen), *trouble]
    lines += [Text(f"! {clean(text)}", style="yellow") for text in screen.warnings[:_WARNING_LINES]]
    lines += [*blank, _total("Incoming traffic", traffic.incoming, width)]
    lines += [_host(host, width, banned) for host in screen.incoming[: room.hosts]]
    lines += [*blank, _total("Outgoing traffic", traffic.outgoing, width)]
    lines += [_host(host, width, banned) for host in screen.outgoing[: room.hosts]]
    lines += [
        *blank,
        _total("Internal traffic", traffic.internal, width),
        _total("Other traffic", traffic.other, width),
    ]
    lines += [Text(f"{'Packets received:':<{width}}{traffic.received:>9}")]
    lines += _loss(traffic.dropped, traffic.dropped_percent, width)
    lines += [*blank, *_bans(screen.bans, room.bans)]
    if height is not None:
        lines += [Text() for _ in range(height - 1 - len(lines))]
        lines.append(Text(_KEYS, style="dim"))
    return lines


def ban_entry(ban: "BanShape") -> str:
    """Give a ban as the list shows it: `address/power pps direction`."""
    return f"{ban.host}/{number(ban.power_pps)} pps {ban.direction or 'manual'}"


def _title(screen: "ScreenShape") -> Text:
    title = Text(f"fnm-guard {clean(screen.instance)}  ", style="bold")
    title.append(screen.mode, style="green" if screen.mode == "act" else "yellow")
    title.append(f"  attacks {screen.attacks}  ", style="bold red" if screen.attacks else "")
    title.append(f"peers {screen.peers_up}/{screen.peers}", style="" if screen.peers_up == screen.peers else "bold red")
    title.append(f"  by {screen.by}  {clock(screen.at)}")
    return title


def _total(name: str, total: "DirectionShape", width: int) -> Text:
    figures = f"{number(total.pps):>9} pps{number(total.mbps):>8} mbps{total.packets:>12} packets"
    return Text(f"{name:<{width}}{figures}", style="bold")


def _host(host: "HostShape", width: int, banned: "set[str]") -> Text:
    figures = f"{number(host.pps):>9} pps{number(host.mbps):>8} mbps{number(host.flows):>8} flows"
    line = Text(f"{host.host:<{width}}{figures}")
    if host.host in banned:
        line.append("  banned", style="bold")
        line.stylize("red")
    return line


def _loss(dropped: int, percent: float, width: int) -> list[Text]:
    style = "bold red" if dropped else ""
    return [
        Text(f"{'Packets dropped:':<{width}}{dropped:>9}", style=style),
        Text(f"{'Packets dropped %:':<{width}}{percent:>9.3f} %", style=style),
    ]


def _bans(bans: "Sequence[BanShape]", room: int) -> list[Text]:
    if not bans:
        return [Text("Ban list: no bans")]
    if len(bans) <= room:
        return [Text("Ban list:"), *(Text(ban_entry(ban)) for ban in bans)]
    shown = bans[: max(0, room)]
    head = f"Ban list ({len(shown)} of {len(bans)}, all: fnm-guard bans):"
    return [Text(head), *(Text(ban_entry(ban)) for ban in shown)]
