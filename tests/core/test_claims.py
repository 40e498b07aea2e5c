"""Attacks without a ban: why not, and when they ask again."""

from netaddr import IPSet

from core.make import (
    ATTACKS,
    HOST,
    HOST_IPV6,
    OTHER_HOST,
    OURS,
    OUT,
    banned,
    crossing,
    guard,
    kinds,
    policy,
    reading,
    refusals,
)
from fnm_guard.core.events import (
    BanRemoved,
    Refusal,
)


def test_quiet_attack_does_not_extend() -> None:
    """A ban ends although its attack has not, when the host was quiet at the last reading; loud again, it is banned."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    subject.observe([reading(at=1799, pps=10)], 1799.0)
    assert kinds(subject.advance(1800.0)) == ["BanRemoved"]
    assert subject.advance(1801.0) == []
    subject.observe([reading(at=1802)], 1802.0)
    events = subject.advance(1802.0)
    assert kinds(events) == ["BanAdded"]
    assert (subject.bans()[0].number, subject.bans()[0].attack) == (2, 1)


def test_extensions_end() -> None:
    """After the longest life a ban ends although the attack goes on, and is not made again for that attack."""
    subject = guard(duration_seconds=100, extension_limit_seconds=150)
    subject.receive([crossing()], 0.0)
    assert kinds(subject.advance(100.0)) == ["BanExtended"]
    events = subject.advance(150.0)
    assert kinds(events) == ["BanRemoved"]
    assert isinstance(events[0], BanRemoved)
    assert events[0].reason == "still attacked, but extended for as long as ban.extension allows"
    subject.observe([reading(at=151)], 151.0)
    assert subject.advance(151.0) == []
    assert subject.order_unban(HOST, 152.0, by="noc") == []
    assert subject.advance(500.0) == []
    assert kinds(subject.order_ban(HOST, 501.0, by="noc")) == ["BanAdded", "BanJoined"]


def test_crossing_in_a_holdoff_starts_an_attack_and_no_ban() -> None:
    """In a hold-off each attack is refused once, and both are on one ban when it ends."""
    subject = guard()
    assert subject.order_unban(HOST, 0.0, by="noc") == []
    events = subject.receive([crossing(at=1), crossing(direction=OUT, at=1)], 1.0)
    assert kinds(events) == ["AttackStarted", "BanRefused"] * 2
    assert refusals(events) == [Refusal.HELD_OFF] * 2
    assert subject.receive([crossing(at=2)], 2.0) == []
    assert subject.advance(59.0) == []
    assert kinds(subject.advance(60.0)) == ["BanAdded", "BanJoined"]
    assert len(subject.bans()) == 1


def test_end_of_a_holdoff_asks_only_for_what_is_seen() -> None:
    """A host quiet when its hold-off ends is not banned; loud again in the same attack, it is."""
    subject = guard()
    subject.order_unban(HOST, 0.0, by="noc")
    subject.receive([crossing(at=55)], 55.0)
    subject.observe([reading(at=58, pps=10)], 58.0)
    assert subject.advance(60.0) == []
    subject.observe([reading(at=61)], 61.0)
    assert kinds(subject.advance(61.0)) == ["BanAdded"]


def test_holdoff_of_a_host_without_an_attack_just_ends() -> None:
    """Nothing happens when nothing was held off, nor for an attack that has outlived its extensions."""
    subject = guard(duration_seconds=100, extension_limit_seconds=100)
    subject.order_unban(OTHER_HOST, 0.0, by="noc")
    subject.receive([crossing()], 0.0)
    subject.advance(100.0)
    subject.order_unban(HOST, 101.0, by="noc")
    assert subject.advance(161.0) == []
    assert subject.holdoffs() == {}


def test_over_when_the_holdoff_ends() -> None:
    """An attack that ended in the hold-off is not banned afterwards."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    subject.order_unban(HOST, 1.0, by="noc")
    subject.observe([reading(at=2, pps=0), reading(at=12, pps=0)], 12.0)
    assert subject.advance(61.0) == []


def test_free_place_goes_to_the_oldest_attack() -> None:
    """Attacks refused for the number of bans are told once, and get the places that become free, oldest first."""
    subject = guard(active_limit=1)
    subject.receive([crossing()], 0.0)
    events = subject.receive([crossing(OTHER_HOST, at=1), crossing(HOST_IPV6, at=1)], 1.0)
    assert refusals(events) == [Refusal.TOO_MANY] * 2
    assert subject.advance(2.0) == []
    subject.order_unban(HOST, 3.0, by="noc")
    events = subject.advance(3.0)
    assert kinds(events) == ["BanAdded"]
    assert banned(subject) == [OTHER_HOST]
    assert subject.advance(4.0) == []


def test_free_place_goes_to_an_attack_that_is_seen() -> None:
    """A quiet attack does not take a place from one that goes on."""
    subject = guard(active_limit=1)
    subject.receive([crossing(), crossing(OTHER_HOST), crossing(HOST_IPV6)], 0.0)
    subject.observe([reading(OTHER_HOST, at=1, pps=10)], 1.0)
    subject.order_unban(HOST, 2.0, by="noc")
    subject.advance(2.0)
    assert banned(subject) == [HOST_IPV6]


def test_refused_attack_joins_when_its_host_is_banned() -> None:
    """An attack that waits for a place joins at once the ban that its host gets otherwise."""
    subject = guard(active_limit=1)
    subject.order_ban(OTHER_HOST, 0.0, by="noc", duration_seconds=5)
    subject.receive([crossing()], 0.0)
    subject.observe([reading(at=4, pps=10)], 4.0)
    subject.advance(5.0)
    events = subject.receive([crossing(direction=OUT, at=6)], 6.0)
    assert kinds(events) == ["AttackStarted", "BanAdded", "BanJoined"]
    assert subject.bans()[0].joined == 1


def test_both_attacks_of_a_host_get_one_place() -> None:
    """Two waiting attacks of a host need one place, and the second joins with the first."""
    subject = guard(active_limit=1)
    subject.order_ban(OTHER_HOST, 0.0, by="noc", duration_seconds=5)
    subject.receive([crossing(), crossing(direction=OUT), crossing(HOST_IPV6)], 0.0)
    assert kinds(subject.advance(5.0)) == ["BanRemoved", "BanAdded", "BanJoined"]
    assert banned(subject) == [HOST]


def test_claim_ends_with_its_attack() -> None:
    """An attack that is over waits for nothing: the next one of that host is decided once, by itself."""
    subject = guard(active_limit=1)
    subject.receive([crossing(), crossing(OTHER_HOST)], 0.0)
    subject.observe([reading(OTHER_HOST, at=1, pps=0), reading(OTHER_HOST, at=11, pps=0)], 11.0)
    subject.order_unban_all(12.0, by="noc")
    assert set(subject.holdoffs()) == {HOST}
    assert kinds(subject.receive([crossing(OTHER_HOST, at=13)], 13.0)) == ["AttackStarted", "BanAdded"]
    assert subject.advance(14.0) == []


def test_claim_ends_with_an_attack_that_is_ours_no_more() -> None:
    """The same for an attack that a reload ended."""
    subject = guard(active_limit=0)
    subject.receive([crossing(HOST_IPV6)], 0.0)
    subject.reconfigure(ATTACKS, policy(networks=IPSet([OURS])), 1.0)
    subject.reconfigure(ATTACKS, policy(), 2.0)
    assert kinds(subject.receive([crossing(HOST_IPV6, at=3)], 3.0)) == ["AttackStarted", "BanAdded"]
    assert subject.advance(4.0) == []


def test_after_the_holdoff_without_a_place() -> None:
    """Each new refusal of an attack is told, once."""
    subject = guard(active_limit=1)
    subject.receive([crossing()], 0.0)
    subject.order_unban(HOST, 1.0, by="noc")
    subject.receive([crossing(OTHER_HOST, at=2)], 2.0)
    assert refusals(subject.advance(61.0)) == [Refusal.TOO_MANY]
    assert subject.advance(62.0) == []
    subject.order_unban(OTHER_HOST, 63.0, by="noc")
    assert kinds(subject.advance(63.0)) == ["BanAdded"]
    assert banned(subject) == [HOST]
