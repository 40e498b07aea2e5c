"""Values of the core with everything filled in: a test names what it is about."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from netaddr import IPAddress, IPNetwork, IPSet

from fnm_guard.core.events import BanRefused, Event, Refusal
from fnm_guard.core.guard import Guard
from fnm_guard.core.life import Attack, Ban
from fnm_guard.core.model import Audit, AuditPacket, BanOrigin, Crossing, Direction, Metric, Rates, Reading, Thresholds
from fnm_guard.core.policy import AttackPolicy, BanPolicy, PeerProfile

OURS = IPNetwork("198.51.100.0/24")
OURS_IPV6 = IPNetwork("2001:db8:100::/48")
HOST = IPAddress("198.51.100.7")
OTHER_HOST = IPAddress("198.51.100.8")
HOST_IPV6 = IPAddress("2001:db8:100::7")
NEVER = IPAddress("198.51.100.1")
FOREIGN = IPAddress("203.0.113.9")
POLICY = BanPolicy(networks=IPSet([OURS, OURS_IPV6]), never_ban=IPSet([IPNetwork("198.51.100.0/30")]))

IN, OUT = Direction.INCOMING, Direction.OUTGOING
THRESHOLDS = Thresholds(pps=30_000)
ATTACKS = AttackPolicy(release=0.8, hold_seconds=10)


def policy(**changes: Any) -> BanPolicy:
    """Give the policy of these tests with changes."""
    return replace(POLICY, **changes)


def crossing(host: IPAddress = HOST, direction: Direction = IN, at: float = 0.0, **changes: Any) -> Crossing:
    """Give a crossing of 40,000 pps of UDP over 30,000."""
    values: dict[str, Any] = {
        "metric": Metric.PPS,
        "rate": 40_000.0,
        "threshold": 30_000.0,
        "power": 100_000.0,
        "group": "",
        "started": at - 0.3,
        "rates": Rates(pps=40_000, udp_pps=40_000),
    }
    return Crossing(host=host, direction=direction, at=at, **(values | changes))


def reading(
    host: IPAddress = HOST, direction: Direction = IN, at: float = 0.0, pps: float = 100_000, **changes: Any
) -> Reading:
    """Give a reading of UDP at a rate, with nothing counted unless told."""
    values: dict[str, Any] = {
        "rates": Rates(pps=pps, udp_pps=pps),
        "thresholds": THRESHOLDS,
        "peak": pps,
        "packets": (0, 0, 0, 0, 0, 0),
    }
    return Reading(host=host, direction=direction, at=at, **(values | changes))


def attack(number: int = 1, host: IPAddress = HOST, direction: Direction = IN, **changes: Any) -> Attack:
    """Give the attack that `crossing()` starts."""
    values: dict[str, Any] = {
        "metric": Metric.PPS,
        "threshold": 30_000.0,
        "rate": 40_000.0,
        "group": "",
        "power": 100_000.0,
        "peak": 100_000.0,
        "started": -0.3,
        "detected": 0.0,
        "rates": Rates(pps=40_000, udp_pps=40_000),
    }
    return Attack(number=number, host=host, direction=direction, **(values | changes))


def ban(number: int = 1, host: IPAddress = HOST, **changes: Any) -> Ban:
    """Give a ban by hand, begun at 0 and due at 1800."""
    values: dict[str, Any] = {"origin": BanOrigin.MANUAL, "by": "noc", "reason": "", "started": 0.0, "expires": 1800.0}
    return Ban(number=number, host=host, **(values | changes))


def audit_packet(**changes: Any) -> AuditPacket:
    """Give a UDP packet to `HOST`, seen after the crossing."""
    values: dict[str, Any] = {
        "timestamp_ns": 0,
        "source": FOREIGN,
        "destination": HOST,
        "source_port": 40_000,
        "destination_port": 80,
        "protocol": 17,
        "ip_bytes": 500,
        "tcp_flags": 0,
        "fragment": False,
        "before": False,
        "link_type": 1,
        "frame_bytes": 514,
        "frame": b"",
    }
    return AuditPacket(**(values | changes))


def audit(*packets: AuditPacket, host: IPAddress = HOST, direction: Direction = IN) -> Audit:
    """Give an audit of these packets."""
    return Audit(host=host, direction=direction, packets=packets, full=False)


def peer(name: str = "upstream-a", **changes: Any) -> PeerProfile:
    """Give a peer with next hops of both families."""
    values: dict[str, Any] = {
        "address": IPAddress("192.0.2.254"),
        "remote_as": 64500,
        "local_as": 64512,
        "router_id": IPAddress("192.0.2.2"),
        "next_hop_ipv4": IPAddress("192.0.2.1"),
        "next_hop_ipv6": IPAddress("100::1"),
    }
    return PeerProfile(name=name, **(values | changes))


def guard(**changes: Any) -> Guard:
    """Give a guard with the policy of these tests and changes."""
    return Guard(ATTACKS, policy(**changes))


def kinds(events: Sequence[Event]) -> list[str]:
    """Give the names of the events."""
    return [type(event).__name__ for event in events]


def refusals(events: Sequence[Event]) -> list[Refusal]:
    """Give why hosts were refused, in order."""
    return [event.refusal for event in events if isinstance(event, BanRefused)]


def banned(of: Guard) -> list[IPAddress]:
    """Give the banned hosts, oldest ban first."""
    return [each.host for each in of.bans()]
