"""Rules of a channel's way through the outbox, with a channel that does as it is told."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from fnm_guard.notify.delivery import Delivery
from fnm_guard.notify.model import Pace
from fnm_guard.notify.outcome import ChannelDownError, Outcome, Result
from fnm_guard.store import Outbox

SENT = Outcome(Result.SENT)


class Told:
    """A channel that answers from a list, then takes everything."""

    name = "mail"
    lanes = 2
    batch = 3
    retry_seconds = 1000.0

    def __init__(self, *answers: Outcome | Exception) -> None:
        self.answers = list(answers)
        self.batches: list[list[bytes]] = []
        self.now = 0.0
        self.gate = asyncio.Event()
        self.gate.set()

    async def deliver(self, batch: Sequence[Any], settle: Callable[[Any, Outcome], None]) -> None:
        self.batches.append([message.payload for message in batch])
        await self.gate.wait()
        for message in batch:
            answer = self.answers.pop(0) if self.answers else SENT
            if isinstance(answer, Exception):
                raise answer
            settle(message, answer)

    def close(self) -> None:
        self.gate.set()


def filled(*keys: str) -> Outbox:
    """Give an outbox with a message a key, whose payloads are numbered."""
    outbox = Outbox(lambda _: None)
    for number, key in enumerate(keys):
        outbox.put("mail", key, b"%d" % number, 0.0)
    return outbox


async def settled(delivery: Delivery, count: int = 20) -> None:
    """Let the event loop run until nothing more happens by itself."""
    for _ in range(count):
        await asyncio.sleep(0)
    delivery.wake()
    for _ in range(count):
        await asyncio.sleep(0)


def on(channel: Told, outbox: Outbox) -> Delivery:
    """Give a delivery on the channel's own clock, with pauses of 10, 20, 40, 60 seconds."""
    return Delivery(channel, outbox, lambda: channel.now, Pace(10.0, 60.0))


async def test_batches_and_lanes_are_bounded() -> None:
    """No more than two batches of three are on their way; the rest follows when one has arrived."""
    channel = Told()
    channel.gate.clear()
    delivery = on(channel, filled(*"abcdefgh"))
    delivery.start()
    await settled(delivery)
    assert channel.batches == [[b"0", b"1", b"2"], [b"3", b"4", b"5"]]
    channel.gate.set()
    await settled(delivery)
    assert channel.batches[2:] == [[b"6", b"7"]]
    await delivery.close(1.0)
    assert delivery.counters["sent"] == 8


async def test_key_is_on_its_way_once() -> None:
    """The second message of a key waits until the first has arrived."""
    channel = Told()
    channel.gate.clear()
    delivery = on(channel, filled("a", "a"))
    delivery.start()
    await settled(delivery)
    assert channel.batches == [[b"0"]]
    channel.gate.set()
    await settled(delivery)
    assert channel.batches == [[b"0"], [b"1"]]
    await delivery.close(1.0)


async def test_refused_for_now_is_tried_after_growing_pauses() -> None:
    """A message that is not taken waits 10 s, then 20 s; only some of the tries are logged."""
    later = Outcome(Result.LATER, "451")
    channel = Told(later, later, later)
    delivery = on(channel, filled("a"))
    with structlog.testing.capture_logs() as lines:
        delivery.start()
        tried = []
        for now in range(0, 80, 5):
            channel.now = float(now)
            await settled(delivery)
            tried.append(len(channel.batches))
        await delivery.close(1.0)
    assert tried == [1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4]
    assert [line["attempt"] for line in lines] == [1, 2]
    assert delivery.counters["tries"] == 3


async def test_channel_that_is_down_pauses_as_a_whole() -> None:
    """With the channel down nothing is tried until the pause is over, and what was settled before stays settled."""
    channel = Told(SENT, ChannelDownError("no route"), ChannelDownError("no route"))
    outbox = filled("a", "b", "c")
    delivery = on(channel, outbox)
    with structlog.testing.capture_logs() as lines:
        delivery.start()
        tried = []
        for now in range(0, 40, 5):
            channel.now = float(now)
            await settled(delivery)
            tried.append(len(channel.batches))
        await delivery.close(1.0)
    assert tried == [1, 1, 2, 2, 2, 2, 3, 3]
    assert channel.batches == [[b"0", b"1", b"2"], [b"1", b"2"], [b"1", b"2"]]
    assert [line["reason"] for line in lines] == ["no route", "no route"]
    assert delivery.trouble == ""
    assert outbox.pending() == {}


async def test_time_is_up_for_what_could_never_be_tried() -> None:
    """With the channel down for longer than a message may wait, it is given up, and so are those behind it."""
    channel = Told(*[ChannelDownError("no route")] * 100)
    outbox = filled("a", "a", "b")
    delivery = on(channel, outbox)
    with structlog.testing.capture_logs():
        delivery.start()
        await settled(delivery)
        assert outbox.pending() == {"mail": 3}
        channel.now = 1000.0
        await settled(delivery)
        await delivery.close(1.0)
    assert outbox.pending() == {}
    assert delivery.counters["failed"] == 3


async def test_fault_in_a_channel_does_not_end_it() -> None:
    """An error that nobody foresaw is logged, and the batch is tried again."""
    channel = Told(RuntimeError("bug"))
    delivery = on(channel, filled("a"))
    with structlog.testing.capture_logs() as lines:
        delivery.start()
        await settled(delivery)
        assert delivery.trouble == "RuntimeError: bug"
        channel.now = 10.0
        await settled(delivery)
        await delivery.close(1.0)
    assert delivery.counters["sent"] == 1
    assert lines[0]["event"] == "channel failed"


async def test_closing_waits_for_what_is_on_its_way_then_ends_it() -> None:
    """Closing lets a batch arrive; what does not arrive in time stays in the outbox."""
    channel = Told()
    channel.gate.clear()
    outbox = filled("a")
    delivery = on(channel, outbox)
    delivery.start()
    await settled(delivery)
    channel.close = lambda: None  # type: ignore[method-assign]  # this one does not let go
    await delivery.close(0.05)
    await delivery.close(0.05)
    assert outbox.pending() == {"mail": 1}


async def test_message_of_later_is_sent_when_due() -> None:
    """A delivery sleeps until the next message is due, and wakes by itself."""
    outbox = Outbox(lambda _: None)
    loop = asyncio.get_running_loop()
    outbox.put("mail", "a", b"0", loop.time() + 0.05)
    delivery = Delivery(Told(), outbox, loop.time, Pace())
    delivery.start()
    async with asyncio.timeout(30):
        while outbox.pending():  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.01)
    await delivery.close(1.0)
