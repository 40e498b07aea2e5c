"""A desk on paper: small, in memory, with the figures of one busy afternoon, for the tests of everything above it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from netaddr import IPAddress, IPSet

from fnm_guard.api.desk import (
    AttackEntry,
    AttackReport,
    BanEntry,
    ChannelResult,
    OrderRefusedError,
    PeerStatus,
    ServiceStatus,
    Status,
    Traffic,
)
from fnm_guard.capture.model import DirectionTotals, SourceState, TopOrder
from fnm_guard.core.life import Attack, Ban
from fnm_guard.core.model import AttackType, Audit, AuditPacket, BanOrigin, Direction, HostRates, Metric, Rates
from fnm_guard.core.policy import Mode

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NOW", "PaperDesk"]

NOW = 5_000.0
"""The instant at which the desk stands still, on its own clock."""

_WALL_AT_ZERO = datetime(2026, 3, 29, 12, 0, 0, tzinfo=UTC).timestamp()
_DEFAULT_SECONDS = 1_800.0
_PACKETS = 3


def _rates(pps: float, mbps: float, flows: float) -> Rates:
    return Rates(pps=pps, bps=mbps * 1e6, flows=flows, udp_pps=pps, udp_bps=mbps * 1e6)


def _attack() -> Attack:
    return Attack(
        number=17,
        host=IPAddress("203.0.113.7"),
        direction=Direction.INCOMING,
        metric=Metric.PPS,
        threshold=30_000.0,
        rate=31_250.0,
        group="",
        power=120_613.4,
        peak=131_072.0,
        started=NOW - 60.25,
        detected=NOW - 60.0,
        rates=_rates(31_250, 250, 12_000),
        packets=(0, 7_000_000, 0, 0, 12, 0),
        type=AttackType.AMPLIFICATION,
        port=53,
    )


def _packet(index: int) -> AuditPacket:
    return AuditPacket(
        timestamp_ns=int((_WALL_AT_ZERO + NOW - 60) * 1e9) + index * 8_001,
        source=IPAddress("198.51.100.53") + index,
        destination=IPAddress("203.0.113.7"),
        source_port=53,
        destination_port=46_804,
        protocol=17,
        ip_bytes=1_000 + index,
        tcp_flags=0,
        fragment=False,
        before=index == 0,
        link_type=1,
        frame_bytes=1_014 + index,
        frame=b"\x00" * 42,
    )


@dataclass
class PaperDesk:
    """Bans and unbans for real, in its own list; everything else stands still.

    Attributes:
        orders: Who ordered what, in order.
        changes: What the next reload says; None: refuse it.
    """

    entries: list[BanEntry] = field(default_factory=list)
    history: list[Attack] = field(default_factory=lambda: [_attack()])
    orders: list[tuple[str, str]] = field(default_factory=list)
    changes: list[str] | None = field(default_factory=lambda: ["ban.duration: 30m -> 1h"])
    warnings: tuple[str, ...] = ()
    hosts: list[HostRates] = field(
        default_factory=lambda: [
            HostRates(IPAddress("203.0.113.7"), _rates(120_613, 964.9, 12_000), _rates(12, 0.1, 3)),
            HostRates(IPAddress("203.0.113.80"), _rates(900, 8.25, 250), _rates(14_000, 160.5, 900)),
            HostRates(IPAddress("2001:db8:100::7"), _rates(40, 0.32, 4), Rates()),
        ]
    )

    def with_attack_ban(self) -> "PaperDesk":
        """Give this desk with the ban that its attack led to."""
        ban = Ban(
            number=4,
            host=IPAddress("203.0.113.7"),
            origin=BanOrigin.AUTOMATIC,
            by="detector",
            reason="incoming pps 31250 above 30000",
            started=NOW - 60,
            expires=NOW + 1_740,
            direction=Direction.INCOMING,
            power=120_613.4,
            attack=17,
        )
        self.entries.append(BanEntry(ban, ("upstream-a",), ("upstream-a", "upstream-b")))
        return self

    def wall(self, at: float) -> datetime:
        return datetime.fromtimestamp(_WALL_AT_ZERO + at, UTC)

    def status(self) -> Status:
        return Status(
            version="0.1.0",
            instance="guard-1",
            mode=Mode.ACT,
            started=NOW - 4_321.5,
            uptime_seconds=4_321.5,
            sources=(
                SourceState(
                    "af_packet eth3", "eth3", "running", "", 9_000_000, 600, 400, 70_000, ("eth3: no carrier",)
                ),
                SourceState("pf_ring eth4", "eth4", "failed", "eth4: no such interface", 0, 0, 0),
            ),
            unparsed={"truncated": 7, "not ip": 120},
            bans=len(self.entries),
            bans_limit=100,
            attacks=1,
            peers=self.peers(),
            exabgp=ServiceStatus("running", "5.0.13, pid 4242"),
            notifications=ServiceStatus("failed", "mail: connection refused", waiting=2, failures=5),
            store=ServiceStatus("running"),
            health={"clock_jumps": 0, "sink_failures": 1},
            warnings=self.warnings,
        )

    def traffic(self) -> Traffic:
        return Traffic(
            directions={
                Direction.INCOMING: DirectionTotals(8_000_000, 7_000_000_000, 121_553.0, 973.47e6),
                Direction.OUTGOING: DirectionTotals(900_000, 1_200_000_000, 14_012.0, 160.6e6),
                Direction.INTERNAL: DirectionTotals(90_000, 9_000_000, 85.0, 0.68e6),
                Direction.OTHER: DirectionTotals(9_873, 990_000, 0.0, 0.0),
            },
            received=9_000_000,
            dropped=1_000,
            unparsed=127,
        )

    def top(self, by: TopOrder, direction: Direction, count: int) -> "Sequence[HostRates]":
        field_name = {TopOrder.PACKETS: "pps", TopOrder.BYTES: "bps", TopOrder.FLOWS: "flows"}[by]
        found = [host for host in self.hosts if getattr(host, direction.value).pps > 0]
        return sorted(found, key=lambda host: -getattr(getattr(host, direction.value), field_name))[:count]

    def bans(self) -> "Sequence[BanEntry]":
        return self.entries

    async def attacks(self, limit: int) -> "Sequence[AttackEntry]":
        return [AttackEntry(attack, 4, _PACKETS) for attack in self.history[:limit]]

    async def attack(self, number: int) -> AttackReport | None:
        for attack in self.history:
            if attack.number == number:
                audit = Audit(attack.host, attack.direction, tuple(_packet(i) for i in range(_PACKETS)), full=False)
                return AttackReport(AttackEntry(attack, 4, _PACKETS), audit)
        return None

    def peers(self) -> "Sequence[PeerStatus]":
        return (
            PeerStatus("upstream-a", IPAddress("192.0.2.1"), 64_496, "up", "", NOW - 4_000, 1, 1),
            PeerStatus("upstream-b", IPAddress("2001:db8::1"), 64_497, "down", "connection refused", None, 1, 0),
        )

    async def ban(
        self, host: IPAddress, *, duration_seconds: float | None, reason: str, permanent: bool, by: str
    ) -> BanEntry:
        self.orders.append((by, f"ban {host} {duration_seconds} {permanent} {reason}"))
        if host not in IPSet(["203.0.113.0/24", "2001:db8:100::/48"]):
            raise OrderRefusedError(f"{host} is in none of our networks")
        if host == IPAddress("203.0.113.1"):
            raise OrderRefusedError(f"{host} is on the never-ban list")
        seconds = _DEFAULT_SECONDS if duration_seconds is None else duration_seconds
        ban = Ban(
            number=5 + len(self.entries),
            host=host,
            origin=BanOrigin.MANUAL,
            by=by,
            reason=reason,
            started=NOW,
            expires=None if permanent else NOW + seconds,
        )
        self.entries.append(BanEntry(ban, (), ("upstream-a", "upstream-b")))
        return self.entries[-1]

    async def unban(self, host: IPAddress, *, reason: str, by: str) -> Ban:
        self.orders.append((by, f"unban {host} {reason}"))
        for entry in self.entries:
            if entry.ban.host == host:
                self.entries.remove(entry)
                return replace(entry.ban, reason=reason)
        raise OrderRefusedError(f"{host} is not banned")

    async def unban_all(self, *, reason: str, by: str) -> "Sequence[Ban]":
        self.orders.append((by, f"unban all {reason}"))
        bans = [entry.ban for entry in self.entries]
        self.entries.clear()
        return bans

    async def reload(self, *, by: str) -> "Sequence[str]":
        self.orders.append((by, "reload"))
        if self.changes is None:
            details = ["fnm-guard.yaml:3:5: ban.duration: no duration", "fnm-guard.yaml:9:1: bgpp: unknown key"]
            raise OrderRefusedError("the new configuration has 2 errors; the old one stays", details)
        return self.changes

    async def notify_test(self, *, by: str) -> "Sequence[ChannelResult]":
        self.orders.append((by, "notify-test"))
        return [
            ChannelResult("mail", sent=True, text="noc@example.net by 127.0.0.1"),
            ChannelResult("script", sent=False, text="/usr/local/bin/notify_about_attack.sh: not executable"),
        ]
