"""What the store answers with.  Times are core seconds, from before the last boot negative."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fnm_guard.core.events import RemovalCause
    from fnm_guard.core.life import Attack, Ban
    from fnm_guard.core.model import Audit

__all__ = ["AttackRecord", "BanRecord", "StoreStatus"]


@dataclass(frozen=True, slots=True)
class AttackRecord:
    """One attack from the history.

    Attributes:
        ban: Number of the ban it led to or joined, None: none.
        audit_packets: How many packets were kept of it.
        cut: Whether its end was not seen because the daemon ended first; `attack.ended` is then the last word of it.
        audit: The kept packets; None when there are none any more, and in lists.
    """

    attack: "Attack"
    ban: int | None
    audit_packets: int
    cut: bool
    audit: "Audit | None" = None


@dataclass(frozen=True, slots=True)
class BanRecord:
    """One ban from the history; `ended` None: it stands."""

    ban: "Ban"
    ended: float | None = None
    cause: "RemovalCause | None" = None
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """How the store is.

    Attributes:
        state: `running`, `failing` while writes are being tried again, `closed`.
        text: Why it fails, "" when it does not.
        waiting: Writes not yet durable.
        written: Writes made durable since the start.
        failures: Tries that failed.
        refused: Writes that the database refused for what they say; each was logged.
        dropped: Writes that found no room, by kind.
        pruned: Rows removed because there were more than the retention allows.
    """

    state: str
    text: str
    waiting: int
    written: int
    failures: int
    refused: int
    pruned: int
    dropped: "Mapping[str, int]" = field(default_factory=dict)
