"""Figures of the parts as the API shows them."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from fnm_guard.announcer.peers import SessionState
from fnm_guard.api.desk import PeerStatus, Traffic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fnm_guard.announcer.announcer import Announcer
    from fnm_guard.announcer.peers import PeerState
    from fnm_guard.daemon.parts import Parts
    from fnm_guard.daemon.sensor import Sensor
    from fnm_guard.notify import NotifierStatus
    from fnm_guard.store import StoreStatus

__all__ = ["failures", "health", "peer", "peers_up", "traffic", "unparsed"]


def unparsed(sensor: "Sensor") -> "Mapping[str, int]":
    """Give how many frames could not be parsed, by reason."""
    return {reason: count for reason, count in sensor.traffic().unparsed.items() if count}


def traffic(sensor: "Sensor") -> Traffic:
    """Give the totals of every direction and what was lost on the way to them."""
    figures = sensor.traffic()
    received, dropped = sensor.received()
    return Traffic(
        directions=figures.directions,
        received=received,
        dropped=dropped,
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


def peers_up(announcer: "Announcer") -> frozenset[str]:
    """Name the peers whose session is up: only they have heard of what was announced."""
    return frozenset(state.name for state in announcer.peers() if state.state is SessionState.UP)


def failures(counters: "Mapping[str, int]") -> int:
    """Add up what went wrong with the messages."""
    return sum(count for name, count in counters.items() if not name.endswith("_sent"))


def health(parts: "Parts", store: "StoreStatus", told: "NotifierStatus") -> dict[str, int]:
    """Give the counters that tell of trouble, and what is in use, by name."""
    engine = asdict(parts.sensor.health())
    figures = {"engine_tick_lateness_max_us": round(engine.pop("lateness_seconds") * 1e6)}
    figures |= {f"engine_{name}": count for name, count in engine.items()}
    figures |= {f"store_dropped_{kind}": count for kind, count in store.dropped.items()}
    figures |= {f"notify_{name}": count for name, count in told.counters.items() if not name.endswith("_sent")}
    figures["store_refused"] = store.refused
    figures["log_lines_lost"] = parts.log.outlet.lost
    figures["log_lines_left_out"] = parts.log.ration.left_out
    figures["sink_failures"] = parts.pipeline.sink_failures
    figures["crossings_dropped"] = parts.guard.crossings_dropped
    figures["holdoffs_dropped"] = parts.guard.holdoffs_dropped
    figures["loop_stall_max_us"] = round(parts.loop_watch.longest * 1e6)
    figures |= {f"loop_stalls_{name}": count for name, count in parts.loop_watch.stalls.items()}
    figures["clock_jumps_forward"] = parts.clock_watch.forward
    figures["clock_jumps_backward"] = parts.clock_watch.backward
    figures |= {f"left_out_{name}": count for name, count in parts.left_out.items()}
    return figures
