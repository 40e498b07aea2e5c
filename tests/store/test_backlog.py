"""Rules of what waits to be written."""

import sqlite3
import threading

from fnm_guard.store.backlog import Backlog, Write


def nothing(_: sqlite3.Connection) -> None:
    """Stand for a statement."""


def kept(kind: str = "ban") -> Write:
    """Give a write of the kept lane."""
    return Write(kind, nothing)


def spare(kind: str = "audit", weight: int = 0, key: int | None = None) -> Write:
    """Give a write of the spare lane."""
    return Write(kind, nothing, kept=False, weight=weight, key=key)


def test_kept_writes_go_first_and_in_order() -> None:
    """Bans never wait behind audits; in each lane the order is that of recording."""
    backlog = Backlog()
    for write in (spare("a"), kept("1"), spare("b"), kept("2")):
        backlog.put(write)
    assert [write.kind for write in backlog.take(3)] == ["1", "2", "a"]


def test_spare_bound_drops_and_counts() -> None:
    """A spare write beyond the bound is dropped and counted by kind; a kept one still finds room."""
    backlog = Backlog(spare_limit=2)
    taken = [backlog.put(spare()) for _ in range(4)]
    assert taken == [True, True, False, False]
    assert backlog.put(kept())
    assert backlog.dropped() == {"audit": 2}


def test_weight_bound_drops_and_counts() -> None:
    """Audits are bounded by the packets in them; room comes back when they are taken."""
    backlog = Backlog(spare_weight_limit=150)
    assert backlog.put(spare(weight=100))
    assert not backlog.put(spare(weight=100))
    backlog.put(kept())
    backlog.take(10)
    assert backlog.put(spare(weight=100))
    assert backlog.dropped() == {"audit": 1}


def test_kept_bound_drops_and_counts() -> None:
    """Even bans have a bound in memory, and what is beyond it is counted."""
    backlog = Backlog(kept_limit=2)
    assert [backlog.put(kept()) for _ in range(3)] == [True, True, False]
    assert backlog.dropped() == {"ban": 1}


def test_same_key_replaces_what_waits() -> None:
    """Of several interim figures of one attack only the last is written, and it takes the room of one."""
    backlog = Backlog(spare_limit=1, spare_weight_limit=100)
    last = spare(weight=90, key=7)
    assert backlog.put(spare(weight=80, key=7))
    assert backlog.put(last)
    backlog.put(kept("ban"))
    assert backlog.take(10)[1] is last
    assert backlog.dropped() == {}


def test_settled_means_all_that_was_put_before() -> None:
    """Waiting ends when every earlier write of both lanes is settled, and not before."""
    backlog = Backlog()
    backlog.put(spare())
    backlog.put(kept())
    batch = backlog.take(10)
    assert not backlog.wait_settled(0)
    backlog.settle(batch[:1])
    assert not backlog.wait_settled(0)
    backlog.settle(batch[1:])
    assert backlog.wait_settled(0)
    assert backlog.waiting() == 0


def test_waiting_for_spare_writes_hurries_them() -> None:
    """A flush does not wait for company: the writer takes spare writes at once."""
    backlog = Backlog()
    backlog.put(spare())
    taken: list[Write] = []

    def take() -> None:
        taken.extend(backlog.take(10))
        backlog.settle(taken)

    thread = threading.Thread(target=take)
    thread.start()
    assert backlog.wait_settled(30)
    thread.join()
    assert len(taken) == 1


def test_closed_backlog_gives_the_rest_and_then_nothing() -> None:
    """After closing nothing is taken in, and the rest comes out before the end."""
    backlog = Backlog()
    backlog.put(kept("1"))
    backlog.close()
    assert not backlog.put(kept("2"))
    assert [write.kind for write in backlog.take(10)] == ["1"]
    assert backlog.take(10) == []
