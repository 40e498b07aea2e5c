"""Facts of an invented attack, to try templates with."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from netaddr import IPAddress

from fnm_guard.core.events import BanRefused, Refusal, RemovalCause
from fnm_guard.core.life import Attack, Ban
from fnm_guard.core.model import Audit, AuditPacket, BanOrigin, Direction, Metric, Rates
from fnm_guard.core.policy import Mode
from fnm_guard.notify.facts import Facts
from fnm_guard.notify.model import Notice, NotifyPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["sample_facts"]

_START = datetime(2014, 7, 4, 13, 59, 54, 778_872, UTC)
_HOST = IPAddress("192.0.2.1")
_PACKET = AuditPacket(
    timestamp_ns=1_404_482_394_778_872_000,
    source=IPAddress("198.51.100.9"),
    destination=_HOST,
    source_port=80,
    destination_port=46_804,
    protocol=6,
    ip_bytes=233,
    tcp_flags=2,
    fragment=False,
    before=False,
    link_type=1,
    frame_bytes=247,
    frame=b"",
)


def sample_facts() -> "Iterator[dict[str, Any]]":
    """Give the facts of every kind of message once: details, an unban, a ban by hand, a refusal, a test."""
    facts = Facts(NotifyPolicy(), lambda at: _START + timedelta(seconds=at))
    attack = _attack()
    ban = Ban(1, _HOST, BanOrigin.AUTOMATIC, "detector", "pps", 0.0, 1800.0, Direction.OUTGOING, 120_613.0, 1)
    hand = Ban(2, _HOST, BanOrigin.MANUAL, "operator", "a reason", 0.0, None, mode=Mode.MONITOR)
    audit = Audit(_HOST, Direction.OUTGOING, (_PACKET,), True)
    yield facts.of_notice(Notice(ban, 0.0, attack, audit=audit))
    yield facts.of_notice(Notice(ban, 60.0, attack, cause=RemovalCause.OPERATOR, by="operator", reason="a reason"))
    yield facts.of_notice(Notice(hand, 0.0))
    yield facts.of_refusal(BanRefused(0.0, _HOST, Refusal.TOO_MANY, "a text", "detector", attack))
    yield facts.of_test(0.0)


def _attack() -> Attack:
    return Attack(
        number=1,
        host=_HOST,
        direction=Direction.OUTGOING,
        metric=Metric.PPS,
        threshold=30_000.0,
        rate=30_120.0,
        group="",
        power=120_613.0,
        peak=131_002.0,
        started=-0.25,
        detected=0.0,
        rates=Rates(pps=30_120.0, bps=14_000_000.0),
    )
