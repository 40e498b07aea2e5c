"""The step: order, watching, and sinks that fail."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from netaddr import IPAddress, IPSet

from core import make
from fnm_guard.core.events import AttackEnded, AttackStarted, BanAdded
from fnm_guard.core.guard import Guard
from fnm_guard.core.model import Audit, Crossing, Direction, HostRates, Metric, Rates, Reading, Thresholds
from fnm_guard.core.policy import AttackPolicy, BanPolicy
from fnm_guard.pipeline import Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fnm_guard.core.events import Event
    from fnm_guard.core.life import Attack

HOST = IPAddress("203.0.113.7")
LOUD, QUIET = Rates(pps=90_000), Rates(pps=10)


def crossing(host: IPAddress = HOST) -> Crossing:
    """Give a crossing of the default threshold."""
    return Crossing(host, Direction.INCOMING, Metric.PPS, 40_000, 30_000, 90_000, "", 0.5, 1.0, LOUD)


@dataclass
class FakeEngine:
    """Gives what a test put into it, and keeps what it was asked to release."""

    crossed: list[Crossing] = field(default_factory=list)
    read: list[Reading] = field(default_factory=list)
    full: list[Audit] = field(default_factory=list)
    partial: Audit = field(default_factory=lambda: Audit(HOST, Direction.INCOMING, (), full=False))
    released: list[IPAddress] = field(default_factory=list)

    def take_crossings(self) -> "Iterator[Crossing]":
        taken, self.crossed = self.crossed, []
        return iter(taken)

    def take_readings(self, now: float) -> "Iterator[Reading]":
        return iter(self.read)

    def take_audits(self, limit: int) -> list[Audit]:
        taken, self.full = self.full[:limit], self.full[limit:]
        return taken

    def audit(self, host: IPAddress, direction: Direction) -> Audit:
        return self.partial

    def rates(self, host: IPAddress) -> HostRates:
        return HostRates(host, LOUD, QUIET)

    def release(self, host: IPAddress, direction: Direction) -> None:
        self.released.append(host)


@dataclass
class Diary:
    """A sink that writes down what it hears, in one list with the announcements."""

    lines: list[str]
    audits: list[tuple[int, Audit]] = field(default_factory=list)
    updates: list["Attack"] = field(default_factory=list)

    def record(self, event: "Event") -> None:
        self.lines.append(type(event).__name__)

    def record_update(self, attack: "Attack", at: float) -> None:
        self.updates.append(attack)

    def record_audit(self, attack: int, audit: Audit) -> None:
        self.audits.append((attack, audit))


class Broken(Diary):
    """A sink whose disk is on fire."""

    def record(self, event: "Event") -> None:
        raise OSError("no space left")


def build(engine: FakeEngine, *more: Diary) -> tuple[Pipeline, Guard, Diary]:
    """Give a pipeline whose announcements and events land in one diary."""
    diary = Diary([])
    guard = Guard(AttackPolicy(hold_seconds=1.0), BanPolicy(networks=IPSet(["203.0.113.0/24"])))
    return Pipeline(engine, guard, lambda _: diary.lines.append("announce"), (*more, diary)), guard, diary


def test_the_route_goes_first() -> None:
    """A ban is announced before any sink hears of the attack."""
    pipeline, _, diary = build(FakeEngine([crossing()]))
    pipeline.drain(1.0)
    assert diary.lines == ["announce", AttackStarted.__name__, BanAdded.__name__]


def test_a_sink_that_fails_stops_nobody() -> None:
    """The sinks after a broken one are told all the same, and the failure is counted."""
    pipeline, _, diary = build(FakeEngine([crossing()]), Broken([]))
    pipeline.drain(1.0)
    assert diary.lines[1:] == [AttackStarted.__name__, BanAdded.__name__]
    assert pipeline.sink_failures == 2


def test_nothing_new_announces_nothing() -> None:
    """A step without events touches neither routes nor sinks."""
    pipeline, _, diary = build(FakeEngine())
    pipeline.drain(1.0)
    pipeline.pulse(1.0)
    assert diary.lines == []


def test_a_host_whose_attack_is_over_is_released() -> None:
    """The engine watches a host exactly as long as its attack runs, and a partial audit is handed out at its end."""
    kept = Audit(HOST, Direction.INCOMING, (make.audit_packet(),), full=False)
    engine = FakeEngine([crossing()], partial=kept)
    pipeline, guard, diary = build(engine)
    pipeline.drain(1.0)
    assert engine.released == []
    for now in (2.0, 2.5, 3.0, 3.5):
        engine.read = [Reading(HOST, Direction.INCOMING, QUIET, Thresholds(pps=30_000), 90_000, (0,) * 6, now)]
        pipeline.pulse(now)
    assert diary.lines[-1] == AttackEnded.__name__
    assert engine.released == [HOST]
    assert diary.audits == [(1, kept)]
    assert guard.attacks() == ()


def test_running_attacks_are_updated_each_pulse() -> None:
    """Sinks get the newest peak of a running attack."""
    engine = FakeEngine([crossing()])
    pipeline, _, diary = build(engine)
    pipeline.drain(1.0)
    engine.read = [Reading(HOST, Direction.INCOMING, LOUD, Thresholds(pps=30_000), 120_000, (0,) * 6, 1.25)]
    pipeline.pulse(1.25)
    assert [attack.peak for attack in diary.updates] == [120_000]


def test_a_full_audit_reaches_the_sinks_with_its_attack() -> None:
    """An audit is handed out under the number of the attack it proves."""
    full = Audit(HOST, Direction.INCOMING, (), full=True)
    engine = FakeEngine([crossing()])
    pipeline, _, diary = build(engine)
    pipeline.drain(1.0)
    engine.full = [full]
    pipeline.drain(1.1)
    assert diary.audits == [(1, full)]


def test_another_engine_is_asked_after_attach() -> None:
    """After a reload the new engine's crossings count."""
    pipeline, guard, _ = build(FakeEngine())
    pipeline.attach(FakeEngine([crossing()]))
    pipeline.drain(1.0)
    assert [attack.host for attack in guard.attacks()] == [HOST]


@dataclass
class Loop:
    """What a daemon's loop does: it calls `step` when it was asked to."""

    pipeline: Pipeline | None = None
    asked: int = 0

    def hurry(self) -> None:
        self.asked += 1

    def run(self, now: float) -> int:
        """Give how many slices it took until nothing was left."""
        assert self.pipeline is not None
        slices = 0
        while self.pipeline.step(now):
            slices += 1
        return slices


def build_sliced(engine: FakeEngine) -> tuple[Pipeline, Guard, Diary, Loop]:
    """Give a pipeline that works in slices, for a thousand hosts."""
    diary, loop = Diary([]), Loop()
    guard = Guard(AttackPolicy(hold_seconds=1.0), BanPolicy(networks=IPSet(["203.0.112.0/20"]), active_limit=5000))
    loop.pipeline = Pipeline(engine, guard, lambda _: diary.lines.append("announce"), (diary,), loop.hurry)
    return loop.pipeline, guard, diary, loop


def hosts(count: int) -> list[IPAddress]:
    """Give hosts of the network above."""
    return [IPAddress(int(IPAddress("203.0.112.0")) + number) for number in range(count)]


def test_a_storm_is_handled_in_slices() -> None:
    """However many hosts cross at once, a call handles some and asks to be called again; every route goes out first."""
    pipeline, guard, diary, loop = build_sliced(FakeEngine([crossing(host) for host in hosts(1000)]))
    pipeline.drain(1.0)
    assert 0 < guard.ban_count < 100
    assert loop.asked == 1
    assert set(diary.lines) == {"announce"}, "no sink before the last route"
    assert loop.run(1.0) > 50
    assert guard.ban_count == 1000
    assert diary.lines.count(BanAdded.__name__) == diary.lines.count(AttackStarted.__name__) == 1000
    assert diary.lines.index(AttackStarted.__name__) == diary.lines.count("announce")
    assert (pipeline.accepted, pipeline.told) == (2000, 2000)


def test_a_crossing_goes_before_what_is_to_be_told() -> None:
    """A ban that comes in the middle of a storm does not wait for the sinks."""
    engine = FakeEngine([crossing(host) for host in hosts(200)])
    pipeline, guard, diary, _ = build_sliced(engine)
    pipeline.drain(1.0)
    while AttackStarted.__name__ not in diary.lines:
        assert pipeline.step(1.0)
    engine.crossed = [crossing(hosts(201)[-1])]
    pipeline.drain(1.1)
    assert guard.ban_count == 201
    assert diary.lines[-1] == "announce"


def test_bans_that_fall_due_together_end_in_slices() -> None:
    """A thousand bans of one second fall due in one pulse, and end over several slices."""
    engine = FakeEngine([crossing(host) for host in hosts(1000)])
    pipeline, guard, diary, loop = build_sliced(engine)
    pipeline.drain(1.0)
    loop.run(1.0)
    quiet = [Reading(host, Direction.INCOMING, QUIET, Thresholds(pps=30_000), 1, (0,) * 6, 2.0) for host in hosts(1000)]
    for now in (2.0, 2.5, 3.5):
        engine.read = [replace(reading, at=now) for reading in quiet]
        pipeline.pulse(now)
        loop.run(now)
    assert guard.attack_count == 0
    pipeline.pulse(4000.0)
    assert guard.ban_count == 1000, "the readings go first"
    while guard.ban_count == 1000:
        assert pipeline.step(4000.0)
    assert guard.ban_count > 500, "some at a time"
    loop.run(4000.0)
    assert guard.ban_count == 0
    assert diary.lines.count("BanRemoved") == 1000


def test_the_sinks_hear_of_an_order_in_its_turn() -> None:
    """What an operator's order led to is announced at once, and told behind what happened before."""
    pipeline, guard, diary, loop = build_sliced(FakeEngine([crossing(host) for host in hosts(100)]))
    pipeline.drain(1.0)
    events = guard.order_unban(hosts(1)[0], 1.0, by="noc")
    pipeline.publish(events)
    accepted = pipeline.accepted
    assert diary.lines == ["announce", "announce"]
    loop.run(1.0)
    assert pipeline.told >= accepted
    assert diary.lines.index("BanRemoved") > diary.lines.index("BanAdded")


def test_too_many_untold_events_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits to be told is bounded; nothing of it is lost."""
    monkeypatch.setattr("fnm_guard.pipeline.UNTOLD_LIMIT", 10)
    pipeline, guard, diary, _ = build_sliced(FakeEngine([crossing(host) for host in hosts(30)]))
    pipeline.drain(1.0)
    pipeline.publish(guard.order_unban(hosts(1)[0], 1.0, by="noc"))
    assert len([line for line in diary.lines if line != "announce"]) == 61


def test_a_full_audit_comes_after_its_attack() -> None:
    """A sink knows an attack before it gets the evidence; a few audits are taken at a time, the others wait."""
    engine = FakeEngine([crossing(host) for host in hosts(50)])
    pipeline, _, diary, loop = build_sliced(engine)
    engine.full = [Audit(host, Direction.INCOMING, (), full=True) for host in hosts(50)]
    pipeline.drain(1.0)
    assert len(engine.full) == 50
    loop.run(1.0)
    assert sorted(number for number, _ in diary.audits) == list(range(1, 51))


def test_a_crossing_of_a_running_attack_is_known() -> None:
    """An engine that took over may see a running attack cross again: no second one, no ban, no word; it is watched."""
    pipeline, guard, diary = build(FakeEngine([crossing()]))
    pipeline.drain(1.0)
    told = list(diary.lines)
    successor = FakeEngine([crossing()])
    pipeline.attach(successor)
    pipeline.drain(2.0)
    assert diary.lines == told
    assert [attack.number for attack in guard.attacks()] == [1]
    assert successor.released == []


def test_a_new_attack_is_not_released_with_the_old_one() -> None:
    """A host that crosses again before the sinks heard of its last attack's end stays watched."""
    engine = FakeEngine([crossing()])
    pipeline, guard, _, loop = build_sliced(engine)
    pipeline.drain(1.0)
    loop.run(1.0)
    ended = guard.reconfigure(AttackPolicy(), BanPolicy(), 2.0)
    guard.reconfigure(AttackPolicy(), BanPolicy(networks=IPSet(["203.0.112.0/20"])), 2.0)
    pipeline.publish(ended)
    engine.crossed = [crossing()]
    pipeline.drain(2.1)
    loop.run(2.1)
    assert guard.is_attacked(HOST, Direction.INCOMING)
    assert engine.released == []


def test_decisions_can_be_brought_up_to_date() -> None:
    """Before engines are changed every crossing is decided; the sinks are told later."""
    pipeline, guard, diary, _ = build_sliced(FakeEngine([crossing(host) for host in hosts(300)]))
    pipeline.drain(1.0)
    pipeline.decide(1.0)
    assert guard.attack_count == 300
    assert set(diary.lines) == {"announce"}


def test_a_crossing_too_many_is_released() -> None:
    """A host for which there is no room in the table of attacks may cross again."""
    engine = FakeEngine([crossing()])
    pipeline, guard, _ = build(engine)
    guard._attacks._limit = 0
    pipeline.drain(1.0)
    assert engine.released == [HOST]
    assert guard.crossings_dropped == 1


def test_the_last_words_of_a_replay() -> None:
    """At the end every running attack has its newest figures and its unfinished audit."""
    kept = Audit(HOST, Direction.INCOMING, (make.audit_packet(),), full=False)
    engine = FakeEngine([crossing()], partial=kept)
    pipeline, _, diary = build(engine)
    pipeline.drain(1.0)
    engine.read = [Reading(HOST, Direction.INCOMING, LOUD, Thresholds(pps=30_000), 150_000, (0,) * 6, 1.1)]
    pipeline.finish(1.1)
    assert diary.audits == [(1, kept)]
    assert diary.updates[-1].peak == 150_000
