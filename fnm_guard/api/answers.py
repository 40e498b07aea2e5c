"""Turn what the desk knows into the shapes that go out as JSON."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fnm_guard.api.shapes import (
    AttackReportShape,
    AttackShape,
    AuditPacketShape,
    BanShape,
    DirectionShape,
    HostShape,
    PeerShape,
    RatesShape,
    ScreenShape,
    ServiceShape,
    SourceShape,
    StatusShape,
    TopShape,
    TrafficShape,
)
from fnm_guard.core.model import Direction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fnm_guard.api.desk import (
        AttackEntry,
        AttackReport,
        BanEntry,
        Desk,
        DirectionTraffic,
        PeerStatus,
        ServiceStatus,
        SourceStatus,
        Status,
        TopOrder,
        Traffic,
    )
    from fnm_guard.core.life import Ban
    from fnm_guard.core.model import AuditPacket, HostRates, Rates

    Wall = Callable[[float], datetime]

__all__ = [
    "attack_shape",
    "ban_shape",
    "peer_shape",
    "report_shape",
    "screen_shape",
    "status_shape",
    "top_shape",
    "traffic_shape",
]

_PACKET_KINDS = ("tcp", "udp", "icmp", "other", "fragments", "syn")
_PROTOCOL_NAMES = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 58: "icmp6", 132: "sctp"}
_BIT = 1e6


def traffic_shape(traffic: "Traffic") -> TrafficShape:
    """Show the totals of every direction."""
    directions = {direction: _direction_shape(traffic.directions[direction]) for direction in Direction}
    return TrafficShape(
        incoming=directions[Direction.INCOMING],
        outgoing=directions[Direction.OUTGOING],
        internal=directions[Direction.INTERNAL],
        other=directions[Direction.OTHER],
        received=traffic.received,
        dropped=traffic.dropped,
        dropped_percent=_percent(traffic.received, traffic.dropped),
        unparsed=traffic.unparsed,
    )


def screen_shape(desk: "Desk", by: "TopOrder", count: int) -> ScreenShape:
    """Show all that the terminal screen needs."""
    status = desk.status()
    lists = {one: top_shape(desk.top(by, one, count), by, one) for one in (Direction.INCOMING, Direction.OUTGOING)}
    return ScreenShape(
        at=desk.wall(status.started + status.uptime_seconds),
        instance=status.instance,
        mode=status.mode.value,
        by=by.value,
        traffic=traffic_shape(desk.traffic()),
        incoming=lists[Direction.INCOMING].hosts,
        outgoing=lists[Direction.OUTGOING].hosts,
        bans=[ban_shape(entry.ban, desk.wall, entry) for entry in desk.bans()],
        attacks=status.attacks,
        peers_up=sum(peer.state == "up" for peer in status.peers),
        peers=len(status.peers),
        warnings=list(status.warnings),
    )


def top_shape(hosts: "Sequence[HostRates]", by: "TopOrder", direction: Direction) -> TopShape:
    """Show the busiest hosts with their rates in one direction."""
    incoming = direction is Direction.INCOMING
    rows = [(host.host, host.incoming if incoming else host.outgoing) for host in hosts]
    return TopShape(
        by=by.value,
        direction=direction.value,
        hosts=[
            HostShape(host=str(host), pps=_round(r.pps), bps=_round(r.bps), mbps=_mbps(r.bps), flows=_round(r.flows))
            for host, r in rows
        ],
    )


def status_shape(status: "Status", wall: "Wall") -> StatusShape:
    """Show how the daemon is."""
    return StatusShape(
        version=status.version,
        instance=status.instance,
        mode=status.mode.value,
        started=wall(status.started),
        uptime_seconds=_round(status.uptime_seconds),
        sources=[_source_shape(source) for source in status.sources],
        unparsed=dict(status.unparsed),
        bans=status.bans,
        bans_limit=status.bans_limit,
        attacks=status.attacks,
        peers=[peer_shape(peer, wall) for peer in status.peers],
        exabgp=_service_shape(status.exabgp),
        notifications=_service_shape(status.notifications),
        store=_service_shape(status.store),
        health=dict(status.health),
        warnings=list(status.warnings),
    )


def peer_shape(peer: "PeerStatus", wall: "Wall") -> PeerShape:
    """Show one BGP neighbour."""
    return PeerShape(
        name=peer.name,
        address=str(peer.address),
        remote_as=peer.remote_as,
        state=peer.state,
        reason=peer.reason,
        since=None if peer.since is None else wall(peer.since),
        wanted_routes=peer.wanted,
        announced_routes=peer.announced,
    )


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
        power_pps=_round(ban.power),
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
        rate=_round(attack.rate),
        threshold=attack.threshold,
        group=attack.group,
        power_pps=_round(attack.power),
        peak_pps=_round(attack.peak),
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


def _direction_shape(one: "DirectionTraffic") -> DirectionShape:
    return DirectionShape(
        packets=one.packets, bytes=one.bytes, pps=_round(one.pps), bps=_round(one.bps), mbps=_mbps(one.bps)
    )


def _source_shape(source: "SourceStatus") -> SourceShape:
    dropped = source.dropped_ring + source.dropped_interface
    return SourceShape(
        description=source.description,
        interface=source.interface,
        state=source.state,
        failure=source.failure,
        received=source.received,
        dropped=dropped,
        dropped_ring=source.dropped_ring,
        dropped_interface=source.dropped_interface,
        dropped_percent=_percent(source.received, dropped),
    )


def _service_shape(one: "ServiceStatus") -> ServiceShape:
    return ServiceShape(state=one.state, text=one.text, waiting=one.waiting, failures=one.failures)


def _rates_shape(rates: "Rates") -> RatesShape:
    return RatesShape(
        pps=_round(rates.pps),
        bps=_round(rates.bps),
        mbps=_mbps(rates.bps),
        flows=_round(rates.flows),
        tcp_pps=_round(rates.tcp_pps),
        udp_pps=_round(rates.udp_pps),
        icmp_pps=_round(rates.icmp_pps),
        other_pps=_round(rates.other_pps),
        fragment_pps=_round(rates.fragment_pps),
        syn_pps=_round(rates.syn_pps),
        tcp_mbps=_mbps(rates.tcp_bps),
        udp_mbps=_mbps(rates.udp_bps),
        icmp_mbps=_mbps(rates.icmp_bps),
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


def _percent(received: int, dropped: int) -> float:
    """Give the share of all frames that was lost; 0 when there was none."""
    return round(100 * dropped / (received + dropped), 3) if dropped else 0.0


def _mbps(bps: float) -> float:
    return round(bps / _BIT, 3)


def _round(value: float) -> float:
    return round(value, 3)
