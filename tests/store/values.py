"""Values that the tests of the store and of the notifications write and read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from netaddr import IPAddress

from fnm_guard.core.life import Attack, Ban
from fnm_guard.core.model import AttackType, Audit, AuditPacket, BanOrigin, Direction, HostRates, Metric, Rates

BOOT = datetime(2014, 7, 4, 13, 0, 0, tzinfo=UTC)
"""Wall time of second 0 of the core."""


def wall(at: float) -> datetime:
    """Give the wall time of core seconds."""
    return BOOT + timedelta(seconds=at)


def attack(number: int = 1, host: str = "203.0.113.7", at: float = 100.0) -> Attack:
    """Give an incoming attack that was seen at `at`."""
    return Attack(
        number=number,
        host=IPAddress(host),
        direction=Direction.INCOMING,
        metric=Metric.PPS,
        threshold=30_000.0,
        rate=30_120.5,
        group="",
        power=120_613.0,
        peak=120_613.0,
        started=at - 0.25,
        detected=at,
        rates=Rates(pps=30_120.5, bps=14_457_840.0, tcp_pps=30_120.5, syn_pps=30_000.0),
        packets=(1, 2, 3, 4, 5, 6),
        type=AttackType.SYN_FLOOD,
    )


def ban(number: int = 1, host: str = "203.0.113.7", at: float = 100.0, by_attack: int | None = 1) -> Ban:
    """Give an automatic ban of half an hour."""
    return Ban(
        number=number,
        host=IPAddress(host),
        origin=BanOrigin.AUTOMATIC,
        by="detector",
        reason="pps 30120 above 30000",
        started=at,
        expires=at + 1800.0,
        direction=Direction.INCOMING,
        power=120_613.0,
        attack=by_attack,
    )


def hand_ban(number: int = 1, host: str = "203.0.113.7", at: float = 100.0) -> Ban:
    """Give a ban by hand."""
    return replace(
        ban(number, host, at, None),
        origin=BanOrigin.MANUAL,
        by="noc",
        reason="customer asked",
        direction=None,
        power=0.0,
    )


def packet(number: int = 0, host: str = "203.0.113.7", source: str = "203.0.113.9") -> AuditPacket:
    """Give one kept packet, a microsecond after the one before."""
    return AuditPacket(
        timestamp_ns=1_404_482_394_778_872_000 + number * 1_000,
        source=IPAddress(source),
        destination=IPAddress(host),
        source_port=80,
        destination_port=46_804,
        protocol=6,
        ip_bytes=233,
        tcp_flags=2,
        fragment=False,
        before=False,
        link_type=1,
        frame_bytes=247,
        frame=bytes([number % 256]) * 128,
    )


def audit(count: int = 100, host: str = "203.0.113.7", full: bool = True) -> Audit:
    """Give `count` kept packets."""
    return Audit(IPAddress(host), Direction.INCOMING, tuple(packet(n, host) for n in range(count)), full)


def host_rates(host: str = "203.0.113.7") -> HostRates:
    """Give both directions of a flooded host."""
    return HostRates(IPAddress(host), Rates(pps=120_613.0, bps=58_894_249.9), Rates(pps=12.4, bps=999_999.0))
