"""What the commands print: a shape in, lines out."""

from typing import TYPE_CHECKING

from fnm_guard.cli.tables import columns, fields, paint
from fnm_guard.tui.text import number, plural, span, when

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from fnm_guard.api.shapes import (
        AttackReportShape,
        AttackShape,
        AuditPacketShape,
        BanShape,
        PeerShape,
        ServiceShape,
        SourceShape,
        StatusShape,
    )

__all__ = ["attack_lines", "attacks_lines", "ban_line", "bans_lines", "peers_lines", "status_lines"]

_COLOURS = {
    **dict.fromkeys(("up", "running", "act"), "green"),
    **dict.fromkeys(("failed", "down", "stopped"), "red"),
    **dict.fromkeys(("monitor", "connecting", "WARNING"), "yellow"),
}


def status_lines(status: "StatusShape") -> list[str]:
    """Tell how the daemon is: warnings first, then what runs, then what was lost."""
    up = sum(peer.state == "up" for peer in status.peers)
    lines = [f"WARNING {text}" for text in status.warnings]
    lines += fields(
        [
            ("fnm-guard", f"{status.version}, instance {status.instance}"),
            ("mode", status.mode),
            ("started", f"{when(status.started)}, {span(status.uptime_seconds)} ago"),
            ("bans", f"{status.bans} of at most {status.bans_limit}"),
            ("attacks", f"{status.attacks} now"),
            ("peers", f"{up} of {len(status.peers)} up"),
            ("exabgp", _service(status.exabgp)),
            ("notifications", _service(status.notifications)),
            ("store", _service(status.store)),
        ]
    )
    lines += ["", *_source_lines(status.sources)]
    if status.unparsed:
        lines += ["", "unparsed frames", *_counts(status.unparsed)]
    troubles = {name: count for name, count in status.health.items() if count}
    if troubles:
        lines += ["", "health", *_counts(troubles)]
    return paint(lines, _COLOURS)


def peers_lines(peers: "Sequence[PeerShape]") -> list[str]:
    """Tell about every BGP neighbour."""
    if not peers:
        return ["no peers"]
    rows = [
        [
            *(peer.name, peer.address, str(peer.remote_as), peer.state),
            *(f"{peer.announced_routes} of {peer.wanted_routes}", when(peer.since) if peer.since else "-", peer.reason),
        ]
        for peer in peers
    ]
    return paint(columns(["PEER", "ADDRESS", "AS", "STATE", "ROUTES", "SINCE", "REASON"], rows, right=[2]), _COLOURS)


def bans_lines(bans: "Sequence[BanShape]", now: "datetime") -> list[str]:
    """Tell which hosts are banned, why, and for how much longer."""
    if not bans:
        return ["no bans"]
    rows = [
        [
            *(ban.host, f"{number(ban.power_pps)} pps", ban.direction or "manual", when(ban.started)),
            *(_end(ban, now), _reach(ban), ban.by, ban.reason),
        ]
        for ban in bans
    ]
    header = ["HOST", "POWER", "DIRECTION", "SINCE", "ENDS IN", "ANNOUNCED", "BY", "REASON"]
    return columns(header, rows, right=[1])


def ban_line(ban: "BanShape") -> str:
    """Tell of one ban in a sentence."""
    end = "for ever" if ban.expires is None else f"until {when(ban.expires)}"
    reason = f": {ban.reason}" if ban.reason else ""
    quiet = "" if ban.announce else " (not announced)"
    return f"{ban.host} is banned {end} by {ban.by}{reason}{quiet}"


def attacks_lines(attacks: "Sequence[AttackShape]") -> list[str]:
    """Tell of many attacks, a line each."""
    if not attacks:
        return ["no attacks"]
    rows = [
        [
            *(str(one.number), one.host, one.direction, _type(one)),
            *(f"{number(one.power_pps)} pps", f"{number(one.peak_pps)} pps", when(one.detected), _length(one)),
            str(one.ban) if one.ban is not None else "-",
        ]
        for one in attacks
    ]
    header = ["ID", "HOST", "DIRECTION", "TYPE", "POWER", "PEAK", "DETECTED", "LASTED", "BAN"]
    return columns(header, rows, right=[0, 4, 5])


def attack_lines(report: "AttackReportShape") -> list[str]:
    """Tell all about one attack, its kept packets included."""
    one = report.attack
    lines = fields(
        [
            ("attack", str(one.number)),
            ("host", one.host),
            ("direction", one.direction),
            ("type", _type(one)),
            ("power", f"{number(one.power_pps)} pps"),
            ("peak", f"{number(one.peak_pps)} pps"),
            ("crossed", f"{one.metric} {number(one.rate)} above {number(one.threshold)}, {_group(one)}"),
            ("started", when(one.started)),
            ("detected", f"{when(one.detected)}, {(one.detected - one.started).total_seconds():.3f} s later"),
            ("ended", _ending(one)),
            ("ban", str(one.ban) if one.ban is not None else "none"),
            ("rates", _rates(one)),
            ("packets", ", ".join(f"{name} {count}" for name, count in one.packets.items() if count) or "none"),
        ]
    )
    if not report.audit:
        return [*lines, "", "no audit packets"]
    return [*lines, "", f"{plural(len(report.audit), 'audit packet')}, times in UTC", *map(_packet, report.audit)]


def _source_lines(sources: "Sequence[SourceShape]") -> list[str]:
    if not sources:
        return ["no sources"]
    rows = [
        [
            *(one.description, one.state, str(one.received)),
            *(str(one.dropped), f"{one.dropped_percent:.3f} %", one.failure),
        ]
        for one in sources
    ]
    return columns(["SOURCE", "STATE", "RECEIVED", "DROPPED", "DROPPED %", "FAILURE"], rows, right=[2, 3, 4])


def _service(service: "ServiceShape") -> str:
    parts = [f"{service.state}: {service.text}" if service.text else service.state]
    if service.waiting:
        parts.append(f"{service.waiting} waiting")
    if service.failures:
        parts.append(plural(service.failures, "failure"))
    return ", ".join(parts)


def _counts(counts: "dict[str, int]") -> list[str]:
    return [f"  {line}" for line in fields([(name, str(count)) for name, count in sorted(counts.items())])]


def _end(ban: "BanShape", now: "datetime") -> str:
    return "never" if ban.expires is None else span((ban.expires - now).total_seconds())


def _reach(ban: "BanShape") -> str:
    if not ban.announce:
        return "monitor" if ban.mode == "monitor" else "told only"
    return f"{len(ban.announced_to)} of {len(ban.wanted_at)}"


def _type(attack: "AttackShape") -> str:
    return attack.type if attack.port is None else f"{attack.type} port {attack.port}"


def _group(attack: "AttackShape") -> str:
    return f"group {attack.group}" if attack.group else "default thresholds"


def _length(attack: "AttackShape") -> str:
    return span((attack.ended - attack.started).total_seconds()) if attack.ended else "goes on"


def _ending(attack: "AttackShape") -> str:
    if attack.ended is None:
        return "not yet"
    if attack.cut:
        return f"last seen {when(attack.ended)}, after {_length(attack)}: the daemon ended before it"
    return f"{when(attack.ended)}, after {_length(attack)}"


def _rates(attack: "AttackShape") -> str:
    rates = attack.rates
    return f"{number(rates.pps)} pps, {number(rates.mbps)} mbps, {number(rates.flows)} flows"


def _packet(packet: "AuditPacketShape") -> str:
    """Give a kept packet as the mail has it."""
    ends = [
        f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        for address, port in ((packet.source, packet.source_port), (packet.destination, packet.destination_port))
    ]
    moment = packet.time[:26].replace("T", " ")
    return f"{moment} {ends[0]} > {ends[1]} protocol: {packet.protocol} size: {packet.bytes} bytes"
