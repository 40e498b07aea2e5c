"""Questions to the file.  Every one runs on a connection of its own that cannot write; any thread may ask."""

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import structlog
from netaddr import IPAddress

from fnm_guard.core.events import RemovalCause
from fnm_guard.core.life import Attack, Ban
from fnm_guard.core.model import AttackType, BanOrigin, Direction, Metric, Rates
from fnm_guard.core.policy import Mode
from fnm_guard.store.audits import unpack
from fnm_guard.store.clock import microseconds
from fnm_guard.store.records import AttackRecord, BanRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from datetime import datetime

    from fnm_guard.store.clock import Clock

__all__ = ["read_attack", "read_attacks", "read_ban_history", "read_holdoffs", "read_numbers", "read_open_bans"]

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fnm_guard.store")

# The ban is the first that names the attack: its own, or the one that it joined.
_ATTACKS = """
SELECT attacks.*, coalesce(audits.packet_count, 0) AS audit_packets,
       (SELECT min(bans.number) FROM bans WHERE bans.attack = attacks.number OR bans.joined = attacks.number) AS ban
FROM attacks LEFT JOIN audits ON audits.attack = attacks.number
"""

_HOLDOFFS = """
SELECT host, max(ended_us) AS ended_us FROM bans WHERE ended_cause = 'operator' AND ended_us > :since_us GROUP BY host
"""


def read_numbers(connection: "sqlite3.Connection") -> tuple[int, int]:
    """Give the numbers of the next attack and the next ban."""
    last = dict(connection.execute("SELECT name, last FROM numbers").fetchall())
    return last["attack"] + 1, last["ban"] + 1


def read_open_bans(connection: "sqlite3.Connection", now: float, wall_now: "datetime") -> list[Ban]:
    """Give the bans that stand, oldest first; `now` and `wall_now` are the same instant."""
    wall_us = microseconds(wall_now)
    rows = connection.execute("SELECT * FROM bans WHERE ended_us IS NULL ORDER BY number")
    return [_ban(row, lambda stored: now + (stored - wall_us) / 1e6) for row in rows]


def read_holdoffs(
    connection: "sqlite3.Connection", now: float, wall_now: "datetime", holdoff_seconds: float
) -> dict[IPAddress, float]:
    """Give the hosts that an operator unbanned less than `holdoff_seconds` ago, with the time it lasts to."""
    wall_us = microseconds(wall_now)
    since_us = wall_us - round(holdoff_seconds * 1e6)
    rows = connection.execute(_HOLDOFFS, {"since_us": since_us})
    # A clock that was set back must not hold for longer than the operator's time.
    return {IPAddress(row["host"]): now + min((row["ended_us"] - since_us) / 1e6, holdoff_seconds) for row in rows}


def read_ban_history(connection: "sqlite3.Connection", clock: "Clock", limit: int) -> list[BanRecord]:
    """Give the latest bans, newest first."""
    rows = connection.execute("SELECT * FROM bans ORDER BY number DESC LIMIT ?", (limit,))
    return [
        BanRecord(
            _ban(row, clock.core),
            clock.core_or_none(row["ended_us"]),
            None if row["ended_cause"] is None else RemovalCause(row["ended_cause"]),
            row["ended_by"] or "",
            row["ended_reason"] or "",
        )
        for row in rows
    ]


def read_attacks(connection: "sqlite3.Connection", clock: "Clock", limit: int, active_only: bool) -> list[AttackRecord]:
    """Give the latest attacks without their packets, newest first."""
    condition = "WHERE attacks.ended_us IS NULL" if active_only else ""
    rows = connection.execute(f"{_ATTACKS} {condition} ORDER BY attacks.number DESC LIMIT ?", (limit,))
    return [_attack_record(row, clock) for row in rows]


def read_attack(connection: "sqlite3.Connection", clock: "Clock", number: int) -> AttackRecord | None:
    """Give one attack with its packets."""
    row = connection.execute(f"{_ATTACKS} WHERE attacks.number = ?", (number,)).fetchone()
    if row is None:
        return None
    record = _attack_record(row, clock)
    kept = connection.execute('SELECT packets, "full" FROM audits WHERE attack = ?', (number,)).fetchone()
    if kept is None:
        return record
    try:
        audit = unpack(kept["packets"], record.attack.host, record.attack.direction, bool(kept["full"]))
    except ValueError as error:
        # The rest of the attack is still worth showing.
        _log.error("kept packets of an attack are damaged", attack=number, reason=str(error))
        return record
    return replace(record, audit=audit)


def _ban(row: "sqlite3.Row", core: "Callable[[int], float]") -> Ban:
    return Ban(
        number=row["number"],
        host=IPAddress(row["host"]),
        origin=BanOrigin(row["origin"]),
        by=row["by"],
        reason=row["reason"],
        started=core(row["started_us"]),
        expires=None if row["expires_us"] is None else core(row["expires_us"]),
        direction=None if row["direction"] is None else Direction(row["direction"]),
        power=row["power"],
        attack=row["attack"],
        joined=row["joined"],
        mode=Mode(row["mode"]),
        announce=bool(row["announce"]),
    )


def _attack_record(row: "sqlite3.Row", clock: "Clock") -> AttackRecord:
    attack = Attack(
        number=row["number"],
        host=IPAddress(row["host"]),
        direction=Direction(row["direction"]),
        metric=Metric(row["metric"]),
        threshold=row["threshold"],
        rate=row["rate"],
        group=row["group"],
        power=row["power"],
        peak=row["peak"],
        started=clock.core(row["started_us"]),
        detected=clock.core(row["detected_us"]),
        rates=msgspec.json.decode(row["rates"], type=Rates),
        ended=clock.core_or_none(row["ended_us"]),
        packets=msgspec.json.decode(row["packets"], type=tuple[int, int, int, int, int, int]),
        type=AttackType(row["type"]),
        port=row["port"],
    )
    return AttackRecord(attack, row["ban"], row["audit_packets"], bool(row["cut"]))
