"""History in SQLite: attacks, bans, announcements, operator orders, and the outbox."""

from fnm_guard.store.errors import StoreError
from fnm_guard.store.outbox import Outbox, OutboxCounts, WaitingMessage
from fnm_guard.store.records import AttackRecord, BanRecord, StoreStatus
from fnm_guard.store.retention import Retention
from fnm_guard.store.store import Store

__all__ = [
    "AttackRecord",
    "BanRecord",
    "Outbox",
    "OutboxCounts",
    "Retention",
    "Store",
    "StoreError",
    "StoreStatus",
    "WaitingMessage",
]
