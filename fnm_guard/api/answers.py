"""Turn the figures of the desk into the shapes that go out as JSON."""

from typing import TYPE_CHECKING

from fnm_guard.api.records import ban_shape
from fnm_guard.api.shapes import (
    DirectionShape,
    HostShape,
    PeerShape,
    ScreenShape,
    ServiceShape,
    SourceShape,
    StatusShape,
    TopShape,
    TrafficShape,
)
from fnm_guard.api.units import mbps, percent, rounded
from fnm_guard.core.model import Direction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from fnm_guard.api.desk import (
        Desk,
        PeerStatus,
        ServiceStatus,
        Status,
        Traffic,
    )
    from fnm_guard.capture.model import DirectionTotals, SourceState, TopOrder
    from fnm_guard.core.model import HostRates

    Wall = Callable[[float], datetime]

__all__ = [
    "peer_shape",
    "screen_shape",
    "status_shape",
    "top_shape",
    "traffic_shape",
]


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
        dropped_percent=percent(traffic.received, traffic.dropped),
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
            HostShape(host=str(host), pps=rounded(r.pps), bps=rounded(r.bps), mbps=mbps(r.bps), flows=rounded(r.flows))
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
        uptime_seconds=rounded(status.uptime_seconds),
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


def _direction_shape(one: "DirectionTotals") -> DirectionShape:
    return DirectionShape(
        packets=one.packets, bytes=one.bytes, pps=rounded(one.pps), bps=rounded(one.bps), mbps=mbps(one.bps)
    )


def _source_shape(source: "SourceState") -> SourceShape:
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
        dropped_percent=percent(source.received, dropped),
        dropped_kernel=source.dropped_kernel,
        warnings=list(source.warnings),
    )


def _service_shape(one: "ServiceStatus") -> ServiceShape:
    return ServiceShape(state=one.state, text=one.text, waiting=one.waiting, failures=one.failures)
