"""The engine's figures as values of the core: the same for a live capture and for a replay."""

import secrets
from typing import TYPE_CHECKING

from netaddr import IPAddress

from capture_ext import census, reports
from capture_ext.engine import Engine, EngineSizes
from capture_ext.xdp_worker import XdpWorker
from fnm_guard.capture.groups import limits_of, network_numbers, to_ns
from fnm_guard.capture.model import DirectionTotals, Health, HostTotals, SideTotals, TopOrder, Traffic
from fnm_guard.core.model import Audit, AuditPacket, Crossing, Direction, HostRates, Metric, Rates, Reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from capture_ext.kept import KeptFrame
    from capture_ext.worker import Worker
    from fnm_guard.capture.model import AuditSpec
    from fnm_guard.capture.overlap import Counted
    from fnm_guard.core.model import Thresholds
    from fnm_guard.core.policy import DetectionPolicy

__all__ = ["Reader"]

_SEED_BYTES = 24
_IPV6 = 6
_METRICS = tuple(Metric)
_COURSES = (Direction.OTHER, Direction.INCOMING, Direction.OUTGOING, Direction.INTERNAL)
_TOP_COLUMNS = {TopOrder.PACKETS: 0, TopOrder.BYTES: 1, TopOrder.FLOWS: 2}


def _address(host: "reports.Host") -> IPAddress:
    return _number(host[1], host[0])


def _number(number: int, family: int) -> IPAddress:
    return IPAddress(number, 6 if family == _IPV6 else 4)


def _host(address: IPAddress) -> "reports.Host":
    return address.version, int(address)


def _direction(outgoing: bool) -> Direction:
    return Direction.OUTGOING if outgoing else Direction.INCOMING


def _seconds(nanoseconds: int) -> float:
    return nanoseconds / 1e9


def _side(side: census.SideReport) -> SideTotals:
    tcp, udp, icmp, other, fragments, syn = side.packets
    return SideTotals(tcp + udp + icmp + other, side.bytes, tcp, syn, udp, icmp, other, fragments)


def _packet(frame: "KeptFrame") -> AuditPacket:
    return AuditPacket(
        timestamp_ns=frame.timestamp_ns,
        source=_number(frame.source, frame.family),
        destination=_number(frame.destination, frame.family),
        source_port=frame.source_port,
        destination_port=frame.destination_port,
        protocol=frame.protocol,
        ip_bytes=frame.ip_bytes,
        tcp_flags=frame.tcp_flags,
        fragment=frame.fragment,
        before=frame.before,
        link_type=frame.link_type,
        frame_bytes=frame.wire_bytes,
        frame=frame.frame,
    )


def _crossing(report: reports.CrossingReport, group: str) -> Crossing:
    return Crossing(
        host=_address(report.host),
        direction=_direction(report.outgoing),
        metric=_METRICS[report.column],
        rate=report.rate,
        threshold=report.threshold,
        power=report.power,
        group=group,
        started=_seconds(report.started_ns),
        at=_seconds(report.at_ns),
        rates=Rates(*report.rates),
    )


def _audit(report: reports.AuditReport) -> Audit:
    packets = tuple(_packet(frame) for frame in report.frames)
    return Audit(_address(report.host), _direction(report.outgoing), packets, report.full)


class Reader:
    """An engine and what may be asked of it.  Everything in the thread of the event loop.

    Args:
        policy: Networks and thresholds.
        audit: What is kept of an attack.

    Raises:
        ValueError: If the policy asks for more than the engine can hold; the text names the value and the limit.
    """

    def __init__(self, policy: "DetectionPolicy", audit: "AuditSpec") -> None:
        self.policy = policy
        self._watched: dict[reports.Host, IPAddress] = {}
        sizes = EngineSizes(
            ipv6_hosts=policy.ipv6_hosts,
            audits=audit.hosts,
            audit_packets=audit.packets,
            audit_before=audit.before,
            frame_bytes=audit.frame_bytes,
        )
        if not policy.flows:
            sizes = EngineSizes(**{**vars(sizes), "flows": 0})
        self._engine = Engine(
            network_numbers(policy.networks),
            limits_of(policy),
            to_ns(policy.window_seconds),
            to_ns(policy.tick_seconds),
            sizes,
            secrets.token_bytes(_SEED_BYTES),
        )

    def set_policy(self, policy: "DetectionPolicy") -> None:
        """Put other thresholds and groups in place, between two ticks.

        Raises:
            ValueError: If anything else of the policy differs: that needs a new capture.
        """
        for name in ("networks", "window_seconds", "tick_seconds", "ipv6_hosts", "flows"):
            if getattr(policy, name) != getattr(self.policy, name):
                raise ValueError(f"{name} cannot be changed while the capture runs")
        self._engine.set_limits(limits_of(policy))
        self.policy = policy

    def crossings(self) -> list[Crossing]:
        """Take the crossings since the last call."""
        return list(self.take_crossings())

    def take_crossings(self) -> "Iterator[Crossing]":
        """Take the crossings since the last call; each value is made when it is asked for."""
        groups = ("", *(group.name for group in self.policy.groups))
        return (_crossing(report, groups[report.group]) for report in reports.crossings(self._engine))

    def readings(self, now: float) -> list[Reading]:
        """Read every watched host; rates as of the last tick, taken at `now`."""
        return list(self.take_readings(now))

    def take_readings(self, now: float) -> "Iterator[Reading]":
        """Read every watched host now; each value is made when it is asked for."""
        sides = [(self.policy.incoming, self.policy.outgoing)]
        sides += [(group.incoming, group.outgoing) for group in self.policy.groups]
        return self._make_readings(reports.Watched(self._engine), sides, now)

    def _make_readings(
        self, watched: "Iterable[reports.WatchReport]", sides: "list[tuple[Thresholds, Thresholds]]", now: float
    ) -> "Iterator[Reading]":
        # Making an address is half the work; watched hosts are the same from pulse to pulse.
        known, self._watched = self._watched, {}
        for report in watched:
            host = self._watched[report.host] = known.get(report.host) or _address(report.host)
            yield Reading(
                host=host,
                direction=_direction(report.outgoing),
                rates=Rates(*report.rates),
                thresholds=sides[report.group][report.outgoing],
                peak=report.peak,
                packets=report.packets,
                at=now,
            )

    def audits(self) -> list[Audit]:
        """Take the audits that became full since the last call."""
        return [_audit(report) for report in reports.full_audits(self._engine)]

    def take_audits(self, limit: int) -> list[Audit]:
        """Take up to `limit` of the audits that became full; the others wait."""
        return [_audit(report) for report in reports.full_audits(self._engine, limit)]

    def audit(self, host: IPAddress, direction: Direction) -> Audit:
        """Give the audit of a watched host with what there is; empty once `audits` has given it."""
        return _audit(reports.audit(self._engine, _host(host), direction is Direction.OUTGOING))

    def watch(self, host: IPAddress, direction: Direction) -> bool:
        """Give readings of a host from now on, with traffic or without; False if it is not ours or no room is left."""
        return self._engine.watch(*_host(host), direction is Direction.OUTGOING)

    def release(self, host: IPAddress, direction: Direction) -> None:
        """Stop watching a host: its audit ends, and it may cross again."""
        self._engine.release(*_host(host), direction is Direction.OUTGOING)

    def rates(self, host: IPAddress) -> HostRates:
        """Read both directions of a host; zero if it is silent or not ours."""
        incoming, outgoing = (reports.rates(self._engine, _host(host), side) for side in (False, True))
        return HostRates(host, Rates(*(incoming or ())), Rates(*(outgoing or ())))

    def top(self, by: TopOrder | str, direction: Direction, count: int) -> list[HostRates]:
        """Give up to `count` (at most 1,000) hosts with the most traffic in the window, most first."""
        found = census.top(self._engine, _TOP_COLUMNS[TopOrder(by)], direction is Direction.OUTGOING, count)
        return [self.rates(_address(host)) for host in found]

    def traffic(self) -> Traffic:
        """Give the totals of the four directions, as of the last tick, and the frames."""
        courses = zip(_COURSES, census.courses(self._engine), strict=True)
        frames, unparsed = census.frames(self._engine)
        return Traffic({direction: DirectionTotals(*course) for direction, course in courses}, frames, unparsed)

    def counted(self, worker: "Worker") -> "Counted":
        """Give what one source has counted in the kernel."""
        if not isinstance(worker, XdpWorker):
            return {}, 0, {}
        courses, frames, unparsed = worker.counted()
        return dict(zip(_COURSES, courses, strict=True)), frames, unparsed

    def hosts(self) -> "Iterator[HostTotals]":
        """Give the totals of every host that had any; IPv6 hosts as long as they are in the table."""
        for host, incoming, outgoing in census.hosts(self._engine):
            totals = HostTotals(_address(host), _side(incoming), _side(outgoing))
            if totals.incoming.packets or totals.outgoing.packets:
                yield totals

    def internal_destinations(self, count: int) -> list[tuple[IPAddress, int]]:
        """Give up to `count` hosts that internal traffic goes to, with their part of the last samples, most first."""
        found = census.internal_destinations(self._engine, count)
        return [(_address(host), samples) for host, samples in found]

    def health(self) -> Health:
        """Give what is in use and what did not fit."""
        figures = census.health(self._engine)._asdict()
        lateness_seconds = _seconds(figures.pop("lateness_ns"))
        return Health(**figures, lateness_seconds=lateness_seconds)
