"""What templates may say: plain text and whole numbers, safe to stand in a line.

Every template gets every name, so that one moved from another place still works; what does not apply is "" or 0.

    brand, instance, time, host         always
    action, ended                       `blocked`, `would be blocked`, `reported`; and the word for the opposite
    ban, by_hand, by, reason            number of the ban; whether an operator wanted it, who, why
    since, expires                      when the ban began and is due, `never` for a permanent one
    direction, power, peak, type        of the attack; power and peak in packets per second
    metric, rate, threshold             what crossed, in the unit of the metric
    incoming_pps, incoming_mbps, outgoing_pps, outgoing_mbps    both directions at one instant
    packets                             the kept packets, a line each
    stops_sending_only_with_urpf        whether the host is the one that attacks, and its address is announced
    cause, unbanned_by, unban_reason    of the unban; `cause` is `expired`, `operator` or `configuration`
    refusal                             why a host was not blocked
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from fnm_guard.core.model import BanOrigin, Direction, HostRates, Rates
from fnm_guard.core.policy import Mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from netaddr import IPAddress

    from fnm_guard.core.events import BanRefused
    from fnm_guard.core.life import Attack, Ban
    from fnm_guard.core.model import AuditPacket
    from fnm_guard.notify.model import Notice, NotifyPolicy

__all__ = ["Facts", "one_line", "packet_line"]

IPV4 = 4
LINE_LIMIT = 500
"""Characters of an operator's text that a message repeats."""

_PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 58: "icmp6", 132: "sctp"}

_NOTHING: dict[str, Any] = {
    "action": "", "ended": "", "ban": 0, "by_hand": False, "by": "", "reason": "", "since": "", "expires": "",
    "direction": "", "power": 0, "peak": 0, "type": "", "metric": "", "rate": 0, "threshold": 0,
    "incoming_pps": 0, "incoming_mbps": 0, "outgoing_pps": 0, "outgoing_mbps": 0, "packets": (),
    "stops_sending_only_with_urpf": False, "cause": "", "unbanned_by": "", "unban_reason": "", "refusal": "",
}  # fmt: skip


def one_line(text: str, limit: int = LINE_LIMIT) -> str:
    """Give text with one blank for every run of blanks and of what cannot be printed: it forges no line or header."""
    printable = "".join(character if character.isprintable() else " " for character in text[: 4 * limit])
    return " ".join(printable.split())[:limit]


def packet_line(packet: "AuditPacket", at: datetime) -> str:
    """Give one kept packet as FastNetMon's mails show it; `at` is its time in the zone of the message."""
    source = _endpoint(packet.source, packet.source_port)
    destination = _endpoint(packet.destination, packet.destination_port)
    protocol = _PROTOCOLS.get(packet.protocol, str(packet.protocol))
    moment = at.replace(tzinfo=None).isoformat(" ", "microseconds")
    return f"{moment} {source} > {destination} protocol: {protocol} size: {packet.ip_bytes} bytes"


class Facts:
    """Makes the names that templates know.

    Args:
        wall: Core seconds to UTC.
    """

    def __init__(self, policy: "NotifyPolicy", wall: "Callable[[float], datetime]") -> None:
        self._policy = policy
        self._wall = wall

    def of_notice(self, notice: "Notice") -> dict[str, Any]:
        """Give the names for one thing told about a ban."""
        ban, attack = notice.ban, notice.attack
        facts = self._common(notice.at, str(ban.host)) | self.of_ban(ban)
        if attack is not None:
            facts |= _of_attack(attack, notice.rates)
            facts["stops_sending_only_with_urpf"] = ban.announce and attack.direction is Direction.OUTGOING
        if notice.audit is not None:
            facts["packets"] = tuple(packet_line(packet, self._dated(packet)) for packet in notice.audit.packets)
        return facts | {
            "cause": "" if notice.cause is None else notice.cause.value,
            "unbanned_by": one_line(notice.by),
            "unban_reason": one_line(notice.reason),
        }

    def of_ban(self, ban: "Ban") -> dict[str, Any]:
        """Give the names that follow from a ban alone."""
        action, ended = _words(ban)
        return {
            "action": action,
            "ended": ended,
            "ban": ban.number,
            "by_hand": ban.origin is BanOrigin.MANUAL,
            "by": one_line(ban.by),
            "reason": one_line(ban.reason),
            "since": self._shown(ban.started),
            "expires": "never" if ban.expires is None else self._shown(ban.expires),
            "direction": "" if ban.direction is None else ban.direction.value,
            "power": round(ban.power),
            "peak": round(ban.power),
        }

    def of_refusal(self, event: "BanRefused") -> dict[str, Any]:
        """Give the names for a host that was not banned."""
        facts = self._common(event.at, str(event.host)) | {"refusal": one_line(event.text), "by": one_line(event.by)}
        return facts if event.attack is None else facts | _of_attack(event.attack, None)

    def of_test(self, at: float) -> dict[str, Any]:
        """Give the names for a test message."""
        return self._common(at, "192.0.2.1") | {"direction": Direction.INCOMING.value}

    def _common(self, at: float, host: str) -> dict[str, Any]:
        policy = self._policy
        return _NOTHING | {
            "brand": one_line(policy.brand),
            "instance": one_line(policy.instance),
            "time": self._shown(at),
            "host": host,
        }

    def _shown(self, at: float) -> str:
        return f"{self._wall(at).astimezone(self._policy.timezone):%Y-%m-%d %H:%M:%S}"

    def _dated(self, packet: "AuditPacket") -> datetime:
        seconds, nanoseconds = divmod(packet.timestamp_ns, 10**9)
        moment = datetime.fromtimestamp(seconds, self._policy.timezone)
        return moment.replace(microsecond=nanoseconds // 1000)


def _words(ban: "Ban") -> tuple[str, str]:
    if ban.mode is Mode.MONITOR:
        return "would be blocked", "would be unblocked"
    if not ban.announce:
        return "reported", "no longer reported"
    return "blocked", "unblocked"


def _of_attack(attack: "Attack", rates: "HostRates | None") -> dict[str, Any]:
    both = _at_crossing(attack) if rates is None else rates
    return {
        "direction": attack.direction.value,
        "power": round(attack.power),
        "peak": round(max(attack.peak, attack.power)),
        "type": attack.type.value,
        "metric": attack.metric.value,
        "rate": round(attack.rate),
        "threshold": round(attack.threshold),
        "incoming_pps": round(both.incoming.pps),
        "incoming_mbps": int(both.incoming.bps // 1_000_000),
        "outgoing_pps": round(both.outgoing.pps),
        "outgoing_mbps": int(both.outgoing.bps // 1_000_000),
    }


def _at_crossing(attack: "Attack") -> HostRates:
    if attack.direction is Direction.OUTGOING:
        return HostRates(attack.host, Rates(), attack.rates)
    return HostRates(attack.host, attack.rates, Rates())


def _endpoint(address: "IPAddress", port: int) -> str:
    return f"{address}:{port}" if address.version == IPV4 else f"[{address}]:{port}"
