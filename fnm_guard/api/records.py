"""Turn bans and attacks into the shapes that go out as JSON."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fnm_guard.api.shapes import AttackReportShape, AttackShape, AuditPacketShape, BanShape, RatesShape
from fnm_guard.api.units import mbps, rounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from fnm_guard.api.desk import AttackEntry, AttackReport, BanEntry
    from fnm_guard.core.life import Ban
    from fnm_guard.core.model import AuditPacket, Rates

    Wall = Callable[[float], datetime]

__all__ = ["attack_shape", "ban_shape", "report_shape"]

_PACKET_KINDS = ("tcp", "udp", "icmp", "other", "fragments", "syn")
_PROTOCOL_NAMES = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 58: "icmp6", 132: "sctp"}


def ban_shape(ban: "Ban", wall: "Wall", entry: "BanEntry | None" = None) -> BanShape:
    """Show a ban, with how far its routes are if `entry` is given."""
    return BanShape(
        number=ban.number,
        host=str(ban.host),
        origin=ban.origin.value,
        by=ban.by,
        reason=ban.reason,
        started=wall(ban.started),
        expires=None if ban.expires is None else wall(ban.expires),
        direction=None if ban.direction is None else ban.direction.value,
        power_pps=rounded(ban.power),
        attack=ban.attack,
        joined=ban.joined,
        mode=ban.mode.value,
        announce=ban.announce,
        announced_to=list(entry.announced_to) if entry else [],
        wanted_at=list(entry.wanted_at) if entry else [],
    )


def attack_shape(entry: "AttackEntry", wall: "Wall") -> AttackShape:
    """Show one attack."""
    attack = entry.attack
    return AttackShape(
        number=attack.number,
        host=str(attack.host),
        direction=attack.direction.value,
        type=attack.type.value,
        port=attack.port,
        metric=attack.metric.value,
        rate=rounded(attack.rate),
        threshold=attack.threshold,
        group=attack.group,
        power_pps=rounded(attack.power),
        peak_pps=rounded(attack.peak),
        started=wall(attack.started),
        detected=wall(attack.detected),
        ended=None if attack.ended is None else wall(attack.ended),
        cut=entry.cut,
        ban=entry.ban,
        audit_packets=entry.audit_packets,
        rates=_rates_shape(attack.rates),
        packets=dict(zip(_PACKET_KINDS, attack.packets, strict=True)),
    )


def report_shape(report: "AttackReport", wall: "Wall") -> AttackReportShape:
    """Show one attack with its kept packets."""
    return AttackReportShape(
        attack=attack_shape(report.entry, wall),
        audit=[_packet_shape(packet) for packet in report.audit.packets],
        audit_full=report.audit.full,
    )


def _rates_shape(rates: "Rates") -> RatesShape:
    return RatesShape(
        pps=rounded(rates.pps),
        bps=rounded(rates.bps),
        mbps=mbps(rates.bps),
        flows=rounded(rates.flows),
        tcp_pps=rounded(rates.tcp_pps),
        udp_pps=rounded(rates.udp_pps),
        icmp_pps=rounded(rates.icmp_pps),
        other_pps=rounded(rates.other_pps),
        fragment_pps=rounded(rates.fragment_pps),
        syn_pps=rounded(rates.syn_pps),
        tcp_mbps=mbps(rates.tcp_bps),
        udp_mbps=mbps(rates.udp_bps),
        icmp_mbps=mbps(rates.icmp_bps),
    )


def _packet_shape(packet: "AuditPacket") -> AuditPacketShape:
    seconds, nanoseconds = divmod(packet.timestamp_ns, 1_000_000_000)
    return AuditPacketShape(
        time=f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z",
        source=str(packet.source),
        source_port=packet.source_port,
        destination=str(packet.destination),
        destination_port=packet.destination_port,
        protocol=_PROTOCOL_NAMES.get(packet.protocol, str(packet.protocol)),
        bytes=packet.ip_bytes,
        tcp_flags=packet.tcp_flags,
        fragment=packet.fragment,
        before=packet.before,
    )
