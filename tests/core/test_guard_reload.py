"""A restart and a reload: what stands, what ends, what is decided again."""

from netaddr import IPSet

from core.make import (
    ATTACKS,
    HOST,
    HOST_IPV6,
    OTHER_HOST,
    OURS,
    ban,
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
    BanRemoved,
    Refusal,
    RemovalCause,
)
from fnm_guard.core.policy import AttackPolicy, Mode


def test_restore_takes_over_bans_and_holdoffs() -> None:
    """After a restart bans stand, hold-offs hold, and what fell due meanwhile ends."""
    subject = guard()
    events = subject.restore(
        [ban(4), ban(5, OTHER_HOST, expires=90.0)],
        100.0,
        {HOST_IPV6: 130.0, OTHER_HOST: 100.0, HOST: 150.0},
    )
    assert [(event.ban.number, event.cause) for event in events if isinstance(event, BanRemoved)] == [
        (5, RemovalCause.EXPIRED)
    ]
    assert banned(subject) == [HOST]
    assert subject.holdoffs() == {HOST_IPV6: 130.0}
    assert kinds(subject.receive([crossing(at=101)], 101.0)) == ["AttackStarted", "BanJoined"]
    assert refusals(subject.receive([crossing(HOST_IPV6, at=101)], 101.0)) == [Refusal.HELD_OFF]
    assert kinds(subject.receive([crossing(OTHER_HOST, at=102)], 102.0)) == ["AttackStarted", "BanAdded"]
    assert subject.bans()[-1].number == 6


def test_restore_without_holdoffs() -> None:
    """A store from before has none."""
    subject = guard()
    assert subject.restore([], 0.0) == []
    assert subject.holdoffs() == {}


def test_reconfigure_ends_what_is_no_longer_allowed() -> None:
    """A ban of a host now never banned ends, its attack runs on and is told why it is not banned."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    events = subject.reconfigure(ATTACKS, policy(never_ban=IPSet([str(HOST)])), 1.0)
    assert kinds(events) == ["BanRemoved", "BanRefused"]
    assert refusals(events) == [Refusal.NEVER_BAN]
    assert len(subject.attacks()) == 1
    assert subject.advance(2.0) == []
    events = subject.reconfigure(ATTACKS, policy(), 3.0)
    assert kinds(events) == ["BanAdded"]


def test_reconfigure_ends_attacks_of_hosts_that_are_ours_no_more() -> None:
    """Nobody watches such a host: its attack would never end."""
    subject = guard()
    subject.receive([crossing(HOST_IPV6), crossing()], 0.0)
    events = subject.reconfigure(ATTACKS, policy(networks=IPSet([OURS])), 1.0)
    assert kinds(events) == ["BanRemoved", "AttackEnded"]
    assert isinstance(events[1], AttackEnded)
    assert (events[1].attack.host, events[1].attack.ended) == (HOST_IPV6, 1.0)
    assert banned(subject) == [HOST]
    assert subject.advance(2.0) == []


def test_reconfigure_of_the_limit() -> None:
    """A lower limit ends nothing and refuses new bans; a higher one lets the waiting in at once."""
    subject = guard(active_limit=2)
    subject.receive([crossing(), crossing(OTHER_HOST)], 0.0)
    assert subject.reconfigure(ATTACKS, policy(active_limit=1), 1.0) == []
    assert refusals(subject.receive([crossing(HOST_IPV6)], 2.0)) == [Refusal.TOO_MANY]
    assert kinds(subject.reconfigure(ATTACKS, policy(active_limit=3), 3.0)) == ["BanAdded"]
    assert len(subject.bans()) == 3


def test_reconfigure_leaves_holdoffs() -> None:
    """A reload does not cut an operator's unban short."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    subject.order_unban(HOST, 1.0, by="noc")
    assert subject.reconfigure(ATTACKS, policy(holdoff_seconds=0), 2.0) == []
    assert subject.advance(60.9) == []
    assert kinds(subject.advance(61.0)) == ["BanAdded"]


def test_change_of_mode_decides_again() -> None:
    """People are told what is now the case: the old ban ends, and a host seen flooded is banned in the new mode."""
    subject = guard(mode=Mode.MONITOR)
    subject.receive([crossing(), crossing(OTHER_HOST)], 0.0)
    subject.observe([reading(OTHER_HOST, at=1, pps=10)], 1.0)
    events = subject.reconfigure(ATTACKS, policy(), 2.0)
    assert kinds(events) == ["BanRemoved", "BanRemoved", "BanAdded"]
    assert [(each.host, each.mode, each.announce) for each in subject.bans()] == [(HOST, Mode.ACT, True)]


def test_new_attack_policy_holds_from_now_on() -> None:
    """A shorter hold time ends attacks at their next reading."""
    subject = guard()
    subject.receive([crossing()], 0.0)
    subject.observe([reading(at=1, pps=0)], 1.0)
    subject.reconfigure(AttackPolicy(hold_seconds=2), policy(), 2.0)
    assert kinds(subject.observe([reading(at=3, pps=0)], 3.0)) == ["AttackEnded"]
