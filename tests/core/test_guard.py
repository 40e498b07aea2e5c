"""The decision as a whole: what goes in, and the events that come out."""

from netaddr import IPAddress, IPSet

from core.make import (
    ATTACKS,
    FOREIGN,
    HOST,
    HOST_IPV6,
    IN,
    NEVER,
    OTHER_HOST,
    OURS_IPV6,
    OUT,
    audit,
    audit_packet,
    banned,
    crossing,
    guard,
    kinds,
    policy,
    reading,
    refusals,
)
from fnm_guard.core.events import (
    AttackEnded,
    AttackStarted,
    BanAdded,
    BanExtended,
    BanJoined,
    BanRemoved,
    Refusal,
    RemovalCause,
)
from fnm_guard.core.guard import Guard
from fnm_guard.core.model import AttackType, BanOrigin
from fnm_guard.core.policy import Mode


def test_crossing_bans_at_once() -> None:
    """Attack and ban come out of the call that brought the crossing, in this order, with the time of the call."""
    subject = Guard(ATTACKS, policy(), next_attack=5, next_ban=9)
    events = subject.receive([crossing(at=1.0)], 1.02)
    assert kinds(events) == ["AttackStarted", "BanAdded"]
    assert [event.at for event in events] == [1.02, 1.02]
    assert (subject.attacks()[0].number, subject.bans()[0].number, subject.bans()[0].attack) == (5, 9, 5)
    assert subject.bans()[0].expires == 1.02 + 1800


def test_every_crossing_is_decided() -> None:
    """Several crossings of one call are decided in their order; a refused one does not stop the next."""
    subject = guard()
    events = subject.receive([crossing(NEVER), crossing(FOREIGN), crossing(), crossing(direction=OUT)], 0.0)
    assert kinds(events) == [
        *("AttackStarted", "BanRefused"),
        *("AttackStarted", "BanRefused"),
        *("AttackStarted", "BanAdded"),
        *("AttackStarted", "BanJoined"),
    ]
    assert refusals(events) == [Refusal.NEVER_BAN, Refusal.NOT_OURS]
    assert banned(subject) == [HOST]


def test_repeated_crossing_gives_nothing() -> None:
    """The same host and direction again is the same attack."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    assert subject.receive([crossing(at=1)], 1.0) == []


def test_full_tables_are_counted() -> None:
    """A crossing or a hold-off that found its table full shows in the guard's counters."""
    subject = guard()
    subject._attacks._limit = subject._bans.holdoffs._limit = 1
    assert kinds(subject.receive([crossing(), crossing(OTHER_HOST)], 0.0)) == ["AttackStarted", "BanAdded"]
    subject.order_unban(HOST, 0.0, by="noc")
    subject.order_unban(OTHER_HOST, 0.0, by="noc")
    subject.order_unban(HOST_IPV6, 0.0, by="noc")
    assert (subject.crossings_dropped, subject.holdoffs_dropped) == (1, 2)
    assert subject.attack(OTHER_HOST, IN) is None


def test_end_of_an_attack_leaves_the_ban() -> None:
    """Silence is no proof once the upstream drops: the ban stays until it is due."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    assert subject.observe([reading(at=1, pps=0), reading(OTHER_HOST, at=1)], 1.0) == []
    events = subject.observe([reading(at=11, pps=0)], 11.0)
    assert kinds(events) == ["AttackEnded"]
    assert isinstance(events[0], AttackEnded)
    assert (events[0].attack.ended, events[0].at) == (1, 11)
    assert subject.attacks() == ()
    assert banned(subject) == [HOST]
    assert subject.advance(1799.0) == []
    removed = subject.advance(1800.0)
    assert isinstance(removed[0], BanRemoved)
    assert (removed[0].cause, removed[0].by, removed[0].reason) == (RemovalCause.EXPIRED, "detector", "due")
    assert subject.bans() == ()


def test_examine_gives_the_attack_as_it_is() -> None:
    """The audit packets name the attack; the answer has its latest figures."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    subject.observe([reading(at=1, peak=140_000)], 1.0)
    found = subject.examine(audit(audit_packet(source_port=11211)), 1.0)
    assert found == subject.attack(HOST, IN)
    assert found is not None
    assert (found.type, found.port, found.peak) == (AttackType.AMPLIFICATION, 11211, 140_000)
    assert subject.examine(audit(host=OTHER_HOST), 1.0) is None


def test_ban_goes_on_while_the_attack_is_seen() -> None:
    """A due ban of a host still flooded is extended by the duration, by the detector."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    subject.observe([reading(at=1799)], 1799.0)
    events = subject.advance(1800.0)
    assert events == [BanExtended(1800.0, subject.bans()[0], "detector")]
    assert subject.bans()[0].expires == 3600.0
    assert subject.bans()[0].number == 1


def test_an_attack_in_the_other_direction_extends_too() -> None:
    """Any attack of the host that is seen keeps its ban."""
    subject = guard()
    subject.receive([crossing(), crossing(direction=OUT)], 0.0)
    subject.observe([reading(at=1799, pps=0)], 1799.0)
    assert kinds(subject.advance(1800.0)) == ["BanExtended"]


def test_ban_by_hand_goes_on_while_attacked() -> None:
    """A due ban by hand is extended as well when the host is seen flooded, else it ends."""
    subject = guard()
    subject.order_ban(HOST, 0.0, by="noc", duration_seconds=60)
    subject.order_ban(OTHER_HOST, 0.0, by="noc", duration_seconds=60)
    assert kinds(subject.receive([crossing(at=30)], 30.0)) == ["AttackStarted", "BanJoined"]
    events = subject.advance(60.0)
    assert kinds(events) == ["BanExtended", "BanRemoved"]
    assert [(each.host, each.origin, each.expires) for each in subject.bans()] == [(HOST, BanOrigin.MANUAL, 1860.0)]


def test_flood_that_returns_after_the_ban_is_a_new_attack() -> None:
    """Blackholed upstream, the attack ends here; when the route is gone and it returns, it crosses and is banned."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    subject.observe([reading(at=1, pps=0), reading(at=11, pps=0)], 11.0)
    subject.advance(1800.0)
    events = subject.receive([crossing(at=1801)], 1801.0)
    assert kinds(events) == ["AttackStarted", "BanAdded"]
    assert (subject.attacks()[0].number, subject.bans()[0].number) == (2, 2)


def test_unban_wins_over_a_running_attack() -> None:
    """An unban ends the ban, holds off for its time without a word, and then the host still flooded is banned again."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    events = subject.order_unban(HOST, 10.0, by="noc", reason="customer asks")
    assert kinds(events) == ["BanRemoved"]
    assert isinstance(events[0], BanRemoved)
    assert (events[0].cause, events[0].by, events[0].reason) == (RemovalCause.OPERATOR, "noc", "customer asks")
    assert subject.holdoffs() == {HOST: 70.0}
    subject.observe([reading(at=69)], 69.0)
    assert subject.advance(69.9) == []
    assert kinds(subject.advance(70.0)) == ["BanAdded"]
    assert subject.holdoffs() == {}


def test_ban_by_hand_in_a_holdoff() -> None:
    """The operator may change his mind: the ban clears the hold-off, and running attacks join it."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    subject.order_unban(HOST, 1.0, by="noc")
    assert kinds(subject.order_ban(HOST, 2.0, by="noc", reason="abuse")) == ["BanAdded", "BanJoined"]
    assert subject.holdoffs() == {}
    assert [(each.joined, each.reason, each.origin) for each in subject.bans()] == [(1, "abuse", BanOrigin.MANUAL)]
    assert subject.advance(100.0) == []


def test_order_for_a_banned_host_changes_the_ban() -> None:
    """A second order is no second ban."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    events = subject.order_ban(HOST, 1.0, by="noc", reason="long one", duration_seconds=7200)
    assert events == [BanExtended(1.0, subject.bans()[0], "noc")]
    assert (subject.bans()[0].expires, subject.bans()[0].reason) == (7201.0, "long one")
    permanent = subject.order_ban(HOST, 2.0, by="noc", permanent=True)
    assert kinds(permanent) == ["BanExtended"]
    assert subject.advance(1e9) == []


def test_refused_orders_are_events() -> None:
    """An order that cannot be followed says why and changes nothing."""
    subject = guard(active_limit=1)
    subject.order_ban(HOST, 0.0, by="noc")
    for host, refusal in ((FOREIGN, Refusal.NOT_OURS), (NEVER, Refusal.NEVER_BAN), (OTHER_HOST, Refusal.TOO_MANY)):
        events = subject.order_ban(host, 1.0, by="noc")
        assert refusals(events) == [refusal]
    assert banned(subject) == [HOST]


def test_unban_of_an_unknown_host_gives_nothing() -> None:
    """No event means that nothing was banned; the host is held off all the same."""
    subject = guard()
    assert subject.order_unban(HOST, 0.0, by="noc") == []
    assert subject.holdoffs() == {HOST: 60.0}


def test_unban_all() -> None:
    """Every ban ends, and no waiting attack takes a place that it left."""
    subject = guard(active_limit=2)
    subject.receive([crossing(), crossing(OTHER_HOST), crossing(HOST_IPV6)], 0.0)
    events = subject.order_unban_all(1.0, by="noc", reason="test")
    assert kinds(events) == ["BanRemoved", "BanRemoved"]
    assert subject.bans() == ()
    assert subject.advance(60.9) == []
    assert set(subject.holdoffs()) == {HOST, OTHER_HOST, HOST_IPV6}
    assert kinds(subject.advance(61.0)) == ["BanAdded", "BanAdded"]
    assert banned(subject) == [HOST, OTHER_HOST]


def test_monitor_decides_everything() -> None:
    """In monitor mode the same events come out; the bans say that nothing is announced."""
    subject = guard(mode=Mode.MONITOR)
    assert kinds(subject.receive([crossing()], 0.0)) == ["AttackStarted", "BanAdded"]
    assert kinds(subject.order_ban(OTHER_HOST, 0.0, by="noc")) == ["BanAdded"]
    assert {(each.mode, each.announce) for each in subject.bans()} == {(Mode.MONITOR, False)}
    assert kinds(subject.order_unban(HOST, 1.0, by="noc")) == ["BanRemoved"]


def test_both_families_are_one_kind() -> None:
    """An IPv6 host goes the same way as an IPv4 one."""
    subject = guard(networks=IPSet([OURS_IPV6]))
    events = subject.receive([crossing(HOST_IPV6)], 0.0)
    assert kinds(events) == ["AttackStarted", "BanAdded"]
    assert isinstance(events[0], AttackStarted)
    assert isinstance(events[1], BanAdded)
    assert isinstance(subject.order_ban(HOST_IPV6, 1.0, by="noc", reason="x")[0], BanExtended)
    joined = subject.receive([crossing(HOST_IPV6, OUT)], 2.0)[1]
    assert isinstance(joined, BanJoined)


def test_what_is_asked_often_costs_little() -> None:
    """Counts, one host's ban and a part of the attacks are given without making all values."""
    of = guard(active_limit=2)
    hosts = [IPAddress(f"198.51.100.{n}") for n in range(10, 14)]
    of.receive([crossing(host) for host in hosts], 0.0)
    assert (of.attack_count, of.ban_count) == (4, 2)
    assert [attack.host for attack in of.attacks(1, 2)] == hosts[1:3]
    assert of.attacks(3, 2) == of.attacks()[3:]
    assert [of.is_attacked(hosts[0], direction) for direction in (IN, OUT)] == [True, False]
    assert of.ban(hosts[0]) == of.bans()[0]
    assert of.ban(hosts[3]) is None


def test_many_fall_due_in_several_calls() -> None:
    """With a limit no more bans end in a call than that, nor claims ask; the next calls go on."""
    of = guard(active_limit=2, duration_seconds=5)
    hosts = [IPAddress(f"198.51.100.{n}") for n in range(10, 14)]
    for host in hosts[:2]:
        of.order_ban(host, 0.0, by="noc")
    of.receive([crossing(host) for host in hosts[2:]], 0.0)
    assert kinds(of.advance(6.0, 1)) == ["BanRemoved", "BanAdded"]
    assert kinds(of.advance(6.0, 1)) == ["BanRemoved", "BanAdded"]
    assert (of.advance(6.0, 1), banned(of)) == ([], hosts[2:])
