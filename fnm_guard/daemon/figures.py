"""Figures of the parts as the API shows them."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from fnm_guard.api.desk import DirectionTraffic, PeerStatus, SourceStatus, Traffic
from fnm_guard.core.routes import wanted_routes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fnm_guard.announcer.peers import PeerState
    from fnm_guard.capture.live import Capture
    from fnm_guard.config.settings import Settings
    from fnm_guard.core.life import Ban
    from fnm_guard.daemon.parts import Parts
    from fnm_guard.notify import NotifierStatus
    from fnm_guard.store import StoreStatus

__all__ = ["failures", "health", "peer", "sources", "traffic", "unparsed", "wanted_at"]


def sources(capture: "Capture") -> "Sequence[SourceStatus]":
    """Give every source of frames."""
    return [
        SourceStatus(
            description=source.description,
            interface=source.interface,
            state=source.state,
            failure=source.failure,
            received=source.received,
            dropped_ring=source.dropped_ring,
            dropped_interface=source.dropped_interface,
        )
        for source in capture.sources()
    ]


def unparsed(capture: "Capture") -> "Mapping[str, int]":
    """Give how many frames could not be parsed, by reason."""
    return {reason: count for reason, count in capture.traffic().unparsed.items() if count}


def traffic(capture: "Capture") -> Traffic:
    """Give the totals of every direction and what was lost on the way to them."""
    figures = capture.traffic()
    found = capture.sources()
    return Traffic(
        directions={
            direction: DirectionTraffic(item.packets, item.bytes, item.pps, item.bps)
            for direction, item in figures.directions.items()
        },
        received=sum(source.received for source in found),
        dropped=sum(source.dropped_ring + source.dropped_interface for source in found),
        unparsed=sum(figures.unparsed.values()),
    )


def peer(state: "PeerState", parts: "Parts") -> PeerStatus:
    """Give one peer; its `since` is made an instant of the daemon's clock."""
    now = parts.clock.now()
    return PeerStatus(
        name=state.name,
        address=state.address,
        remote_as=state.remote_as,
        state=state.state.value,
        reason=state.reason,
        since=now - (parts.clock.wall(now).timestamp() - state.since),
        wanted=state.wanted,
        announced=state.announced,
    )


def wanted_at(ban: "Ban", settings: "Settings") -> tuple[str, ...]:
    """Name the peers that should hear of a ban."""
    wanted = wanted_routes([ban], settings.peer_profiles(), settings.ban_policy())
    return tuple(name for name, item in wanted.items() if item.routes)


def failures(counters: "Mapping[str, int]") -> int:
    """Add up what went wrong with the messages."""
    return sum(count for name, count in counters.items() if not name.endswith("_sent"))


def health(parts: "Parts", store: "StoreStatus", told: "NotifierStatus") -> dict[str, int]:
    """Give the counters that tell of trouble, and what is in use, by name."""
    engine = asdict(parts.capture.health())
    figures = {"engine_tick_lateness_max_us": round(engine.pop("lateness_seconds") * 1e6)}
    figures |= {f"engine_{name}": count for name, count in engine.items()}
    figures |= {f"store_dropped_{kind}": count for kind, count in store.dropped.items()}
    figures |= {f"notify_{name}": count for name, count in told.counters.items() if not name.endswith("_sent")}
    figures["store_refused"] = store.refused
    figures["sink_failures"] = parts.pipeline.sink_failures
    figures["crossings_dropped"] = parts.guard.crossings_dropped
    figures["holdoffs_dropped"] = parts.guard.holdoffs_dropped
    figures |= {f"left_out_{name}": count for name, count in parts.left_out.items()}
    return figures
