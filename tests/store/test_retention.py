"""Rules of how much history is kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from fnm_guard.core.events import AttackEnded, BanAdded, BanRemoved, RemovalCause
from fnm_guard.store import Retention, Store
from fnm_guard.store import writer as writing
from store.values import attack, audit, ban, wall

SMALL = Retention(attacks=3, bans=2, audits=1, orders=2, refusals=2, announcements=2, failed_messages=2)


@pytest.fixture(autouse=True)
def _look_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "PRUNE_EVERY", 1)


def fill(store: Store, count: int) -> None:
    """Record attacks that ended, each with a ban that ended and an audit."""
    for number in range(1, count + 1):
        over = replace(attack(number), ended=150.0)
        host = f"203.0.113.{number}"
        store.record(BanAdded(100.0, ban(number, host, by_attack=number), attack(number)))
        store.record(AttackEnded(160.0, over))
        store.record(BanRemoved(200.0, ban(number, host, by_attack=number), RemovalCause.EXPIRED, "guard", ""))
        store.record_audit(number, audit(3))
        assert store.flush(60)


def test_oldest_history_goes(tmp_path: Path) -> None:
    """Beyond the retention the oldest rows go, the newest stay, and they are counted."""
    store = Store(tmp_path / "guard.db", wall, SMALL)
    store.start()
    fill(store, 8)
    store.record_order("anna", "ban", None, "", 0.0, "done")
    assert store.flush(60)
    assert [record.ban.number for record in store.bans_history(10)] == [8, 7]
    assert [(record.attack.number, record.audit_packets) for record in store.attacks(10)] == [(8, 3), (7, 0), (6, 0)]
    assert store.status().pruned > 0
    assert store.next_numbers() == (9, 9)
    store.close()


def test_what_stands_stays(tmp_path: Path) -> None:
    """A ban that stands is never removed, nor the attack that it rests on, however old."""
    store = Store(tmp_path / "guard.db", wall, SMALL)
    store.start()
    over = replace(attack(1), ended=150.0)
    store.record(BanAdded(100.0, replace(ban(1, "203.0.113.200"), expires=None), over))
    for number in range(2, 10):
        host = f"203.0.113.{number}"
        store.record(BanAdded(100.0, ban(number, host, by_attack=number), replace(attack(number), ended=150.0)))
        store.record(BanRemoved(200.0, ban(number, host, by_attack=number), RemovalCause.EXPIRED, "guard", ""))
        assert store.flush(60)
    [standing] = store.open_bans(300.0, wall(300.0))
    assert (standing.number, standing.attack) == (1, 1)
    assert store.attack(1) is not None
    store.close()


def test_failed_messages_are_bounded_waiting_ones_stay(tmp_path: Path) -> None:
    """Of given-up messages only the last are kept; none that waits is removed."""
    path = tmp_path / "guard.db"
    store = Store(path, wall, SMALL)
    store.start()
    store.outbox.put("script", "x", b"waits", 0.0)
    for number in range(6):
        taken = store.outbox.put("mail", f"ban-{number}", b"", 0.0)
        assert taken
        store.outbox.failed(taken, "550")
        assert store.flush(60)
    store.record_order("anna", "ban", None, "", 0.0, "done")
    assert store.flush(60)
    left = store._ask(lambda db: db.execute("SELECT sum(failed), count(*) FROM outbox").fetchone())
    store.close()
    assert tuple(left) == (2, 3)
