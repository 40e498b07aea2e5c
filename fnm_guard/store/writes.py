"""What is written: one function a table, each a pure statement on a connection that is inside a transaction.

Values are turned into columns when they are recorded, so that the wall time is that of the moment.
Every statement can be repeated: a batch that failed half-way is tried again from its start.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from fnm_guard.store.audits import pack

if TYPE_CHECKING:
    import sqlite3

    from fnm_guard.core.life import Attack, Ban
    from fnm_guard.core.model import Audit
    from fnm_guard.store.clock import Clock

__all__ = [
    "attack_columns",
    "ban_columns",
    "put_announcement",
    "put_attack",
    "put_audit",
    "put_ban",
    "put_ban_end",
    "put_order",
    "put_refusal",
]

Columns = dict[str, Any]

_RAISE_NUMBER = "UPDATE numbers SET last = max(last, :number) WHERE name = "

# Interim figures go in the spare lane and may come after the end.
_PUT_ATTACK = """
INSERT INTO attacks (number, host, direction, metric, threshold, rate, "group", power, peak, started_us, detected_us,
                     ended_us, rates, packets, type, port, updated_us)
VALUES (:number, :host, :direction, :metric, :threshold, :rate, :group, :power, :peak, :started_us, :detected_us,
        :ended_us, :rates, :packets, :type, :port, :updated_us)
ON CONFLICT (number) DO UPDATE SET
    peak = max(peak, excluded.peak), ended_us = coalesce(excluded.ended_us, ended_us), packets = excluded.packets,
    type = excluded.type, port = excluded.port, updated_us = excluded.updated_us
    WHERE excluded.updated_us >= updated_us
"""

# A host has one ban; should the end of an older one have been lost, the new one ends it.
_END_OTHERS = """
UPDATE bans SET ended_us = :started_us, ended_cause = 'expired', ended_by = 'store', ended_reason = 'replaced'
WHERE host = :host AND number <> :number AND ended_us IS NULL
"""

_PUT_BAN = """
INSERT INTO bans (number, host, origin, "by", reason, started_us, expires_us, direction, power, attack, joined, mode,
                  announce)
VALUES (:number, :host, :origin, :by, :reason, :started_us, :expires_us, :direction, :power,
        (SELECT number FROM attacks WHERE number = :attack), (SELECT number FROM attacks WHERE number = :joined),
        :mode, :announce)
ON CONFLICT (number) DO UPDATE SET
    origin = excluded.origin, "by" = excluded."by", reason = excluded.reason, expires_us = excluded.expires_us,
    direction = excluded.direction, power = excluded.power, attack = excluded.attack, joined = excluded.joined,
    mode = excluded.mode, announce = excluded.announce
"""

_END_BAN = """
UPDATE bans SET ended_us = :ended_us, ended_cause = :cause, ended_by = :by, ended_reason = :reason
WHERE number = :number
"""

# An audit never shrinks: the one at the deadline may come after the full one.
_PUT_AUDIT = """
INSERT INTO audits (attack, packet_count, "full", packets)
SELECT number, :packet_count, :full, :packets FROM attacks WHERE number = :attack
ON CONFLICT (attack) DO UPDATE SET
    packet_count = excluded.packet_count, "full" = excluded."full", packets = excluded.packets
    WHERE excluded.packet_count >= packet_count
"""

_PUT_ORDER = """INSERT INTO orders (at_us, "by", verb, host, reason, result) VALUES (?, ?, ?, ?, ?, ?)"""
_PUT_REFUSAL = """INSERT INTO refusals (at_us, host, refusal, text, "by", attack) VALUES (?, ?, ?, ?, ?, ?)"""
_PUT_ANNOUNCEMENT = "INSERT INTO announcements (at_us, peer, prefix, announced) VALUES (?, ?, ?, ?)"


def attack_columns(attack: "Attack", at: float, clock: "Clock") -> Columns:
    """Give an attack as columns; `at` is when this was known of it: what is known later is kept."""
    return {
        "number": attack.number,
        "host": str(attack.host),
        "direction": attack.direction.value,
        "metric": attack.metric.value,
        "threshold": attack.threshold,
        "rate": attack.rate,
        "group": attack.group,
        "power": attack.power,
        "peak": attack.peak,
        "started_us": clock.stored(attack.started),
        "detected_us": clock.stored(attack.detected),
        "ended_us": clock.stored_or_none(attack.ended),
        "rates": msgspec.json.encode(attack.rates).decode(),
        "packets": msgspec.json.encode(attack.packets).decode(),
        "type": attack.type.value,
        "port": attack.port,
        "updated_us": clock.stored(at),
    }


def ban_columns(ban: "Ban", clock: "Clock") -> Columns:
    """Give a ban as columns."""
    return {
        "number": ban.number,
        "host": str(ban.host),
        "origin": ban.origin.value,
        "by": ban.by,
        "reason": ban.reason,
        "started_us": clock.stored(ban.started),
        "expires_us": clock.stored_or_none(ban.expires),
        "direction": ban.direction.value if ban.direction else None,
        "power": ban.power,
        "attack": ban.attack,
        "joined": ban.joined,
        "mode": ban.mode.value,
        "announce": int(ban.announce),
    }


def put_attack(connection: "sqlite3.Connection", columns: Columns) -> None:
    """Write an attack, or what is new of it."""
    connection.execute(_PUT_ATTACK, columns)
    connection.execute(_RAISE_NUMBER + "'attack'", columns)


def put_ban(connection: "sqlite3.Connection", columns: Columns) -> None:
    """Write a ban, or what is new of it."""
    connection.execute(_END_OTHERS, columns)
    connection.execute(_PUT_BAN, columns)
    connection.execute(_RAISE_NUMBER + "'ban'", columns)


def put_ban_end(connection: "sqlite3.Connection", ban: Columns, end: Columns) -> None:
    """Write the end of a ban, and the ban itself should its beginning not be there."""
    put_ban(connection, ban)
    connection.execute(_END_BAN, end)


def put_audit(connection: "sqlite3.Connection", attack: int, audit: "Audit") -> None:
    """Write the kept packets of an attack that is in the file."""
    columns = {
        "attack": attack,
        "packet_count": len(audit.packets),
        "full": int(audit.full),
        "packets": pack(audit.packets),
    }
    connection.execute(_PUT_AUDIT, columns)


def put_order(connection: "sqlite3.Connection", columns: tuple[Any, ...]) -> None:
    """Write an operator's order."""
    connection.execute(_PUT_ORDER, columns)


def put_refusal(connection: "sqlite3.Connection", columns: tuple[Any, ...]) -> None:
    """Write that a host was not banned."""
    connection.execute(_PUT_REFUSAL, columns)


def put_announcement(connection: "sqlite3.Connection", columns: tuple[Any, ...]) -> None:
    """Write that a route was announced or withdrawn."""
    connection.execute(_PUT_ANNOUNCEMENT, columns)
