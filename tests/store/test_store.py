"""Rules of the store as a whole: what went in comes out, in this process and in the next."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import structlog
from netaddr import IPAddress, IPNetwork

from fnm_guard.core.events import (
    AttackEnded,
    AttackStarted,
    BanAdded,
    BanExtended,
    BanJoined,
    BanRefused,
    BanRemoved,
    Refusal,
    RemovalCause,
)
from fnm_guard.core.model import Direction
from fnm_guard.store import Store
from fnm_guard.store.opening import connect_reader, connect_writer
from store.values import attack, audit, ban, hand_ban, wall


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that does not exist yet."""
    return tmp_path / "guard.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """Give an open store."""
    opened = Store(path, wall)
    opened.start()
    yield opened
    opened.close()


def reopen(store: Store, path: Path) -> Store:
    """End one process's store and give the next one's."""
    store.close()
    again = Store(path, wall)
    again.start()
    return again


def test_attack_comes_back_equal(store: Store) -> None:
    """An attack is read as it was written, times included to the microsecond."""
    store.record(AttackStarted(100.0, attack()))
    assert store.flush(10)
    record = store.attack(1)
    assert record is not None
    assert record.attack == attack()
    assert (record.ban, record.audit_packets, record.cut, record.audit) == (None, 0, False, None)


def test_end_and_peak_are_added(store: Store) -> None:
    """The end of an attack, its peak and its packets replace what was known at the start."""
    ended = replace(attack(), ended=160.5, peak=131_002.0, packets=(9, 8, 7, 6, 5, 4))
    store.record(AttackStarted(100.0, attack()))
    store.record(AttackEnded(170.0, ended))
    assert store.flush(10)
    record = store.attack(1)
    assert record is not None
    assert record.attack == ended


def test_late_update_does_not_undo_the_end(store: Store) -> None:
    """Interim figures travel in the spare lane; older than the end, they change nothing."""
    ended = replace(attack(), ended=160.5, peak=131_002.0)
    store.record(AttackStarted(100.0, attack()))
    store.record(AttackEnded(170.0, ended))
    store.record_update(replace(attack(), peak=125_000.0), 150.0)
    assert store.flush(10)
    record = store.attack(1)
    assert record is not None
    assert record.attack == ended


def test_attack_names_its_ban(store: Store) -> None:
    """The history leads from an attack to its ban, also when it joined it later."""
    outgoing = replace(attack(2), direction=Direction.OUTGOING)
    store.record(AttackStarted(100.0, attack()))
    store.record(BanAdded(100.0, ban(number=7), attack()))
    store.record(AttackStarted(101.0, outgoing))
    store.record(BanJoined(101.0, replace(ban(number=7), joined=2), outgoing))
    assert store.flush(10)
    assert [(record.attack.number, record.ban) for record in store.attacks(10)] == [(2, 7), (1, 7)]


def test_audit_comes_back_equal(store: Store) -> None:
    """Kept packets are read as they were written, frames included."""
    store.record(AttackStarted(100.0, attack()))
    store.record_audit(1, audit())
    assert store.flush(10)
    record = store.attack(1)
    assert record is not None
    assert record.audit == audit()
    assert record.audit_packets == 100


def test_shorter_audit_does_not_replace_a_longer_one(store: Store) -> None:
    """What was kept once is never lost to a later, smaller audit."""
    store.record(AttackStarted(100.0, attack()))
    store.record_audit(1, audit(5))
    assert store.flush(10)
    store.record_audit(1, audit(3, full=False))
    assert store.flush(10)
    record = store.attack(1)
    assert record is not None
    assert record.audit == audit(5)


def test_damaged_audit_does_not_hide_the_attack(store: Store, path: Path) -> None:
    """An attack whose packets cannot be read any more is shown without them, and that is logged."""
    store.record(AttackStarted(100.0, attack()))
    store.record_audit(1, audit(5))
    assert store.flush(10)
    with closing(connect_writer(path)) as connection:
        connection.execute("UPDATE audits SET packets = x'00'")
    with structlog.testing.capture_logs() as lines:
        record = store.attack(1)
    assert record is not None
    assert (record.attack, record.audit) == (attack(), None)
    assert lines[0]["attack"] == 1


def test_active_attacks_only(store: Store) -> None:
    """Running attacks can be asked for alone, and the list has a limit."""
    for number in (1, 2, 3):
        store.record(AttackStarted(100.0, attack(number)))
    store.record(AttackEnded(170.0, replace(attack(2), ended=160.0)))
    assert store.flush(10)
    assert [record.attack.number for record in store.attacks(10, active_only=True)] == [3, 1]
    assert [record.attack.number for record in store.attacks(2)] == [3, 2]


def test_unknown_attack_is_none(store: Store) -> None:
    """A number that was never used is no error."""
    assert store.attack(99) is None


def test_open_ban_survives_a_restart(store: Store, path: Path) -> None:
    """A ban runs on in the next process for the rest of its wall time, whatever that process's clock says."""
    store.record(BanAdded(100.0, ban(), attack()))
    again = reopen(store, path)
    # 600 s later on the wall; the machine was booted anew and its clock stands at 5.
    bans = again.open_bans(5.0, wall(100.0) + timedelta(seconds=600))
    again.close()
    assert bans == [replace(ban(), started=-595.0, expires=1205.0)]


def test_ban_that_fell_due_comes_back_due(store: Store, path: Path) -> None:
    """A ban that ended while nobody was there is given with an expiry that has passed, so that it is withdrawn."""
    store.record(BanAdded(100.0, ban(), attack()))
    again = reopen(store, path)
    [found] = again.open_bans(5000.0, wall(5000.0))
    again.close()
    assert found.expires is not None
    assert found.expires <= 5000.0


def test_permanent_ban_has_no_expiry(store: Store) -> None:
    """A permanent ban stays permanent."""
    permanent = replace(hand_ban(), expires=None)
    store.record(BanAdded(100.0, permanent, None))
    assert store.flush(10)
    assert store.open_bans(100.0, wall(100.0)) == [permanent]


def test_extension_changes_the_expiry(store: Store) -> None:
    """An extended ban is due at its new time."""
    longer = replace(ban(), expires=9000.0)
    store.record(BanAdded(100.0, ban(), attack()))
    store.record(BanExtended(1900.0, longer, "detector"))
    assert store.flush(10)
    assert store.open_bans(2000.0, wall(2000.0)) == [longer]


def test_removed_ban_is_history(store: Store) -> None:
    """A ban that ended stands no more, and the history says why, by whom and when."""
    store.record(BanAdded(100.0, hand_ban(), None))
    store.record(BanRemoved(200.0, hand_ban(), RemovalCause.OPERATOR, "anna", "done"))
    assert store.flush(10)
    assert store.open_bans(200.0, wall(200.0)) == []
    [record] = store.bans_history(10)
    assert (record.ban, record.ended, record.cause) == (hand_ban(), 200.0, RemovalCause.OPERATOR)
    assert (record.by, record.reason) == ("anna", "done")


def test_one_ban_a_host_whatever_was_lost(store: Store) -> None:
    """A new ban of a host ends an older one whose end was never written; the new one is never refused."""
    store.record(BanAdded(100.0, ban(1), attack(1)))
    store.record(BanAdded(5000.0, ban(2, at=5000.0, by_attack=2), attack(2, at=5000.0)))
    assert store.flush(10)
    assert [found.number for found in store.open_bans(5000.0, wall(5000.0))] == [2]
    assert store.status().refused == 0


def test_ban_without_its_attack_is_still_kept(store: Store) -> None:
    """A ban is written even if its attack is not in the file."""
    store.record(BanExtended(100.0, ban(by_attack=77), "detector"))
    assert store.flush(10)
    assert store.open_bans(100.0, wall(100.0)) == [ban(by_attack=None)]


def test_holdoff_is_the_rest_of_it(store: Store) -> None:
    """A host that an operator unbanned is held off for what is left of the time, and then no more."""
    store.record(BanAdded(100.0, ban(), attack()))
    store.record(BanRemoved(200.0, ban(), RemovalCause.OPERATOR, "anna", ""))
    assert store.flush(10)
    assert store.holdoffs(7.0, wall(220.0), 60.0) == {IPAddress("203.0.113.7"): 47.0}
    assert store.holdoffs(7.0, wall(261.0), 60.0) == {}


def test_expired_ban_holds_nothing_off(store: Store) -> None:
    """Only an operator's unban holds automatic bans off."""
    store.record(BanAdded(100.0, ban(), attack()))
    store.record(BanRemoved(200.0, ban(), RemovalCause.EXPIRED, "guard", ""))
    assert store.flush(10)
    assert store.holdoffs(7.0, wall(201.0), 60.0) == {}


def test_numbers_are_never_used_twice(store: Store, path: Path) -> None:
    """The next numbers are above every number ever written, also in the next process."""
    assert store.next_numbers() == (1, 1)
    store.record(BanAdded(100.0, ban(number=4, by_attack=9), attack(9)))
    again = reopen(store, path)
    numbers = again.next_numbers()
    again.close()
    assert numbers == (10, 5)


def test_identity_belongs_to_the_file(store: Store, path: Path, tmp_path: Path) -> None:
    """The identity stays with a file for life, and another file has another."""
    again = reopen(store, path)
    other = Store(tmp_path / "other.db", wall)
    other.start()
    again.close()
    other.close()
    assert again.identity == store.identity
    assert len(store.identity) == 8
    assert other.identity != store.identity


def test_open_attacks_of_a_killed_process_are_closed(store: Store, path: Path) -> None:
    """What an earlier process left running ends with its last word, and says that its end was not seen."""
    store.record(AttackStarted(100.0, attack()))
    store.record(AttackEnded(170.0, replace(attack(2), ended=160.0)))
    store.record_update(replace(attack(), peak=140_000.0), 130.0)
    again = reopen(store, path)
    closed = again.close_stale()
    records = again.attacks(10)
    again.close()
    assert closed == 1
    assert [(record.attack.ended, record.cut) for record in records] == [(160.0, False), (130.0, True)]
    assert records[1].attack.peak == 140_000.0


def test_orders_refusals_and_announcements_are_written(store: Store, path: Path) -> None:
    """Who ordered what, what was refused and which peer was told what stands in the file."""
    host = IPAddress("203.0.113.7")
    store.record_order("anna", "unban", host, "customer", 300.0, "done")
    store.record_order("anna", "unban --all", None, "", 301.0, "done")
    store.record_announcement("upstream-a", IPNetwork("203.0.113.7/32"), True, 302.0)
    store.record(BanRefused(303.0, host, Refusal.TOO_MANY, "100 bans are active", "detector", attack()))
    assert store.flush(10)
    connection = connect_reader(path)
    orders = [tuple(row) for row in connection.execute('SELECT "by", verb, host, reason, result FROM orders')]
    announcements = [tuple(row) for row in connection.execute("SELECT peer, prefix, announced FROM announcements")]
    refusals = [tuple(row) for row in connection.execute("SELECT host, refusal, attack FROM refusals")]
    connection.close()
    assert orders == [
        ("anna", "unban", "203.0.113.7", "customer", "done"),
        ("anna", "unban --all", None, "", "done"),
    ]
    assert announcements == [("upstream-a", "203.0.113.7/32", 1)]
    assert refusals == [("203.0.113.7", "too_many", 1)]


def test_ipv6_comes_back(store: Store) -> None:
    """Both families are kept alike."""
    store.record(BanAdded(100.0, ban(host="2001:db8:100::7"), attack(host="2001:db8:100::7")))
    assert store.flush(10)
    assert store.open_bans(100.0, wall(100.0))[0].host == IPAddress("2001:db8:100::7")


def test_close_twice_is_safe_and_late_writes_are_counted(store: Store) -> None:
    """What is recorded after the end is not taken, and that shows."""
    store.close()
    store.close()
    store.record(AttackStarted(100.0, attack()))
    assert store.status().state == "closed"
    assert store.status().dropped == {"attack": 1}
