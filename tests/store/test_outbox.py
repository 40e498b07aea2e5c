"""Rules of the durable outbox."""

from pathlib import Path
from typing import TYPE_CHECKING

from fnm_guard.store import Outbox, Store
from fnm_guard.store.opening import connect_reader
from store.values import wall

if TYPE_CHECKING:
    from fnm_guard.store.backlog import Write


def empty(limit: int = 100) -> Outbox:
    """Give an outbox whose writes go nowhere."""
    return Outbox(lambda _: None, limit)


def again(store: Store, path: Path) -> Store:
    """End one process's store and give the next one's."""
    store.close()
    other = Store(path, wall)
    other.start()
    return other


def test_only_the_first_of_a_key_is_due() -> None:
    """Messages of one key go out in order: the second is not given while the first waits."""
    outbox = empty()
    first = outbox.put("mail", "ban-1", b"1", 10.0)
    outbox.put("mail", "ban-1", b"2", 10.0)
    outbox.put("mail", "ban-2", b"3", 10.0)
    assert first
    assert [message.payload for message in outbox.due("mail", 10.0)] == [b"1", b"3"]
    outbox.retry(first, 20.0, "451 later")
    assert [message.payload for message in outbox.due("mail", 15.0)] == [b"3"]
    assert [message.payload for message in outbox.due("mail", 20.0)] == [b"1", b"3"]
    outbox.done(first)
    assert [message.payload for message in outbox.due("mail", 10.0)] == [b"2", b"3"]


def test_channels_are_apart() -> None:
    """A channel sees its own messages alone."""
    outbox = empty()
    outbox.put("mail", "ban-1", b"1", 10.0)
    assert outbox.due("script", 10.0) == []
    assert outbox.next_due("script") is None
    assert outbox.next_due("mail") == 10.0


def test_retry_counts_and_keeps_the_error() -> None:
    """A message knows how often it was tried and what went wrong last."""
    outbox = empty()
    number = outbox.put("mail", "ban-1", b"1", 10.0)
    assert number
    outbox.retry(number, 20.0, "451 later " + "x" * 1000)
    [message] = outbox.due("mail", 20.0)
    assert (message.attempts, message.created, message.due) == (1, 10.0, 20.0)
    assert message.error.startswith("451 later")
    assert len(message.error) == 500


def test_full_channel_refuses_and_counts() -> None:
    """A full channel takes no more; the others do."""
    outbox = empty(limit=2)
    numbers = [outbox.put("mail", f"ban-{n}", b"", 0.0) for n in range(3)]
    assert numbers[2] is None
    assert (outbox.room("mail"), outbox.room("script")) == (0, 2)
    assert outbox.put("script", "ban-1", b"", 0.0)
    assert outbox.counts("mail").refused == 1
    assert outbox.pending() == {"mail": 2, "script": 1}


def test_settling_what_is_not_first_changes_nothing() -> None:
    """A message that is gone already, or that waits behind another, cannot be settled."""
    outbox = empty()
    first = outbox.put("mail", "ban-1", b"1", 0.0)
    second = outbox.put("mail", "ban-1", b"2", 0.0)
    assert first
    assert second
    outbox.done(second)
    outbox.failed(second, "x")
    outbox.retry(second, 5.0, "x")
    outbox.done(first)
    outbox.done(first)
    assert [message.payload for message in outbox.due("mail", 0.0)] == [b"2"]
    assert outbox.counts("mail").done == 1


def test_what_waits_survives_the_process(tmp_path: Path) -> None:
    """The next process finds what was not sent, in order, with its tries; what was sent is gone."""
    path = tmp_path / "guard.db"
    store = Store(path, wall)
    store.start()
    numbers = [store.outbox.put("mail", "ban-1", bytes([n]), 10.0) for n in range(3)]
    assert numbers[0]
    assert numbers[1]
    store.outbox.done(numbers[0])
    store.outbox.retry(numbers[1], 1_404_480_000.25, "451 later")
    other = again(store, path)
    [message] = other.outbox.due("mail", 1_404_480_001.0)
    assert (message.payload, message.attempts, message.error) == (b"\x01", 1, "451 later")
    assert (message.due, message.created) == (1_404_480_000.25, 10.0)
    assert other.outbox.pending() == {"mail": 2}
    assert (other.outbox.put("mail", "ban-2", b"", 0.0) or 0) > (numbers[2] or 0)
    other.close()


def test_failed_message_is_kept_but_not_sent(tmp_path: Path) -> None:
    """A message that was given up stays in the file to be looked at, and is not tried again."""
    path = tmp_path / "guard.db"
    store = Store(path, wall)
    store.start()
    number = store.outbox.put("mail", "ban-1", b"1", 10.0)
    assert number
    store.outbox.failed(number, "550 no such user")
    other = again(store, path)
    assert other.outbox.pending() == {}
    connection = connect_reader(path)
    rows = [tuple(row) for row in connection.execute("SELECT payload, error, failed FROM outbox")]
    connection.close()
    other.close()
    assert rows == [(b"1", "550 no such user", 1)]


def test_every_change_is_recorded_as_kept() -> None:
    """Messages are never dropped in favour of figures."""
    writes: list[Write] = []
    outbox = Outbox(writes.append)
    number = outbox.put("mail", "ban-1", b"1", 0.0)
    assert number
    outbox.retry(number, 1.0, "")
    outbox.done(number)
    assert [write.kept for write in writes] == [True, True, True]
