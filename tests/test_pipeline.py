"""The step: order, watching, and sinks that fail."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netaddr import IPAddress, IPSet

from core import make
from fnm_guard.core.events import AttackEnded, AttackStarted, BanAdded
from fnm_guard.core.guard import Guard
from fnm_guard.core.model import Audit, Crossing, Direction, HostRates, Metric, Rates, Reading, Thresholds
from fnm_guard.core.policy import AttackPolicy, BanPolicy
from fnm_guard.pipeline import Pipeline

if TYPE_CHECKING:
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

    def crossings(self) -> list[Crossing]:
        taken, self.crossed = self.crossed, []
        return taken

    def readings(self, now: float) -> list[Reading]:
        return self.read

    def audits(self) -> list[Audit]:
        taken, self.full = self.full, []
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
    return Pipeline(engine, guard, lambda: diary.lines.append("announce"), (*more, diary)), guard, diary


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
