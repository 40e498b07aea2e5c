"""The decision as a whole: what goes in, and the events that come out."""

from collections.abc import Sequence

from netaddr import IPAddress, IPSet

from core.make import (
    FOREIGN,
    HOST,
    HOST_IPV6,
    IN,
    NEVER,
    OTHER_HOST,
    OURS,
    OURS_IPV6,
    OUT,
    audit,
    audit_packet,
    ban,
    crossing,
    policy,
    reading,
)
from fnm_guard.core.events import (
    AttackEnded,
    AttackStarted,
    BanAdded,
    BanExtended,
    BanJoined,
    BanRefused,
    BanRemoved,
    Event,
    Refusal,
    RemovalCause,
)
from fnm_guard.core.guard import Guard
from fnm_guard.core.model import AttackPolicy, AttackType, BanOrigin, Mode

ATTACKS = AttackPolicy(release=0.8, hold_seconds=10)


def _guard(**changes: object) -> Guard:
    return Guard(ATTACKS, policy(**changes))


def _kinds(events: Sequence[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def _refusals(events: Sequence[Event]) -> list[Refusal]:
    return [event.refusal for event in events if isinstance(event, BanRefused)]


def _banned(guard: Guard) -> list[IPAddress]:
    return [each.host for each in guard.bans()]


def test_crossing_bans_at_once() -> None:
    """Attack and ban come out of the call that brought the crossing, in this order, with the time of the call."""
    guard = Guard(ATTACKS, policy(), next_attack=5, next_ban=9)
    events = guard.receive([crossing(at=1.0)], 1.02)
    assert _kinds(events) == ["AttackStarted", "BanAdded"]
    assert [event.at for event in events] == [1.02, 1.02]
    assert (guard.attacks()[0].number, guard.bans()[0].number, guard.bans()[0].attack) == (5, 9, 5)
    assert guard.bans()[0].expires == 1.02 + 1800


def test_every_crossing_is_decided() -> None:
    """Several crossings of one call are decided in their order; a refused one does not stop the next."""
    guard = _guard()
    events = guard.receive([crossing(NEVER), crossing(FOREIGN), crossing(), crossing(direction=OUT)], 0.0)
    assert _kinds(events) == [
        *("AttackStarted", "BanRefused"),
        *("AttackStarted", "BanRefused"),
        *("AttackStarted", "BanAdded"),
        *("AttackStarted", "BanJoined"),
    ]
    assert _refusals(events) == [Refusal.NEVER_BAN, Refusal.NOT_OURS]
    assert _banned(guard) == [HOST]


def test_repeated_crossing_gives_nothing() -> None:
    """The same host and direction again is the same attack."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    assert guard.receive([crossing(at=1)], 1.0) == []


def test_dropped_crossings_are_counted() -> None:
    """Nothing is dropped here, and the counters say so."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    guard.order_unban(HOST, 0.0, by="noc")
    assert (guard.crossings_dropped, guard.holdoffs_dropped) == (0, 0)


def test_end_of_an_attack_leaves_the_ban() -> None:
    """Silence is no proof once the upstream drops: the ban stays until it is due."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    assert guard.observe([reading(at=1, pps=0), reading(OTHER_HOST, at=1)], 1.0) == []
    events = guard.observe([reading(at=11, pps=0)], 11.0)
    assert _kinds(events) == ["AttackEnded"]
    assert isinstance(events[0], AttackEnded)
    assert (events[0].attack.ended, events[0].at) == (1, 11)
    assert guard.attacks() == ()
    assert _banned(guard) == [HOST]
    assert guard.advance(1799.0) == []
    removed = guard.advance(1800.0)
    assert isinstance(removed[0], BanRemoved)
    assert (removed[0].cause, removed[0].by, removed[0].reason) == (RemovalCause.EXPIRED, "detector", "due")
    assert guard.bans() == ()


def test_examine_gives_the_attack_as_it_is() -> None:
    """The audit packets name the attack; the answer has its latest figures."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    guard.observe([reading(at=1, peak=140_000)], 1.0)
    found = guard.examine(audit(audit_packet(source_port=11211)), 1.0)
    assert found == guard.attack(HOST, IN)
    assert found is not None
    assert (found.type, found.port, found.peak) == (AttackType.AMPLIFICATION, 11211, 140_000)
    assert guard.examine(audit(host=OTHER_HOST), 1.0) is None


def test_ban_goes_on_while_the_attack_is_seen() -> None:
    """A due ban of a host still flooded is extended by the duration, by the detector."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    guard.observe([reading(at=1799)], 1799.0)
    events = guard.advance(1800.0)
    assert events == [BanExtended(1800.0, guard.bans()[0], "detector")]
    assert guard.bans()[0].expires == 3600.0
    assert guard.bans()[0].number == 1


def test_an_attack_in_the_other_direction_extends_too() -> None:
    """Any attack of the host that is seen keeps its ban."""
    guard = _guard()
    guard.receive([crossing(), crossing(direction=OUT)], 0.0)
    guard.observe([reading(at=1799, pps=0)], 1799.0)
    assert _kinds(guard.advance(1800.0)) == ["BanExtended"]


def test_ban_by_hand_goes_on_while_attacked() -> None:
    """A due ban by hand is extended as well when the host is seen flooded, else it ends."""
    guard = _guard()
    guard.order_ban(HOST, 0.0, by="noc", duration_seconds=60)
    guard.order_ban(OTHER_HOST, 0.0, by="noc", duration_seconds=60)
    assert _kinds(guard.receive([crossing(at=30)], 30.0)) == ["AttackStarted", "BanJoined"]
    events = guard.advance(60.0)
    assert _kinds(events) == ["BanExtended", "BanRemoved"]
    assert [(each.host, each.origin, each.expires) for each in guard.bans()] == [(HOST, BanOrigin.MANUAL, 1860.0)]


def test_quiet_attack_does_not_extend() -> None:
    """A ban ends although its attack has not, when the host was quiet at the last reading; loud again, it is banned."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    guard.observe([reading(at=1799, pps=10)], 1799.0)
    assert _kinds(guard.advance(1800.0)) == ["BanRemoved"]
    assert guard.advance(1801.0) == []
    guard.observe([reading(at=1802)], 1802.0)
    events = guard.advance(1802.0)
    assert _kinds(events) == ["BanAdded"]
    assert (guard.bans()[0].number, guard.bans()[0].attack) == (2, 1)


def test_flood_that_returns_after_the_ban_is_a_new_attack() -> None:
    """Blackholed upstream, the attack ends here; when the route is gone and it returns, it crosses and is banned."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    guard.observe([reading(at=1, pps=0), reading(at=11, pps=0)], 11.0)
    guard.advance(1800.0)
    events = guard.receive([crossing(at=1801)], 1801.0)
    assert _kinds(events) == ["AttackStarted", "BanAdded"]
    assert (guard.attacks()[0].number, guard.bans()[0].number) == (2, 2)


def test_extensions_end() -> None:
    """After the longest life a ban ends although the attack goes on, and is not made again for that attack."""
    guard = _guard(duration_seconds=100, extension_limit_seconds=150)
    guard.receive([crossing()], 0.0)
    assert _kinds(guard.advance(100.0)) == ["BanExtended"]
    events = guard.advance(150.0)
    assert _kinds(events) == ["BanRemoved"]
    assert isinstance(events[0], BanRemoved)
    assert events[0].reason == "still attacked, but extended for as long as ban.extension_limit allows"
    guard.observe([reading(at=151)], 151.0)
    assert guard.advance(151.0) == []
    assert guard.order_unban(HOST, 152.0, by="noc") == []
    assert guard.advance(500.0) == []
    assert _kinds(guard.order_ban(HOST, 501.0, by="noc")) == ["BanAdded", "BanJoined"]


def test_unban_wins_over_a_running_attack() -> None:
    """An unban ends the ban, holds off for its time without a word, and then the host still flooded is banned again."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    events = guard.order_unban(HOST, 10.0, by="noc", reason="customer asks")
    assert _kinds(events) == ["BanRemoved"]
    assert isinstance(events[0], BanRemoved)
    assert (events[0].cause, events[0].by, events[0].reason) == (RemovalCause.OPERATOR, "noc", "customer asks")
    assert guard.holdoffs() == {HOST: 70.0}
    guard.observe([reading(at=69)], 69.0)
    assert guard.advance(69.9) == []
    assert _kinds(guard.advance(70.0)) == ["BanAdded"]
    assert guard.holdoffs() == {}


def test_crossing_in_a_holdoff_starts_an_attack_and_no_ban() -> None:
    """In a hold-off each attack is refused once, and both are on one ban when it ends."""
    guard = _guard()
    assert guard.order_unban(HOST, 0.0, by="noc") == []
    events = guard.receive([crossing(at=1), crossing(direction=OUT, at=1)], 1.0)
    assert _kinds(events) == ["AttackStarted", "BanRefused"] * 2
    assert _refusals(events) == [Refusal.HELD_OFF] * 2
    assert guard.receive([crossing(at=2)], 2.0) == []
    assert guard.advance(59.0) == []
    assert _kinds(guard.advance(60.0)) == ["BanAdded", "BanJoined"]
    assert len(guard.bans()) == 1


def test_end_of_a_holdoff_asks_only_for_what_is_seen() -> None:
    """A host quiet when its hold-off ends is not banned; loud again in the same attack, it is."""
    guard = _guard()
    guard.order_unban(HOST, 0.0, by="noc")
    guard.receive([crossing(at=55)], 55.0)
    guard.observe([reading(at=58, pps=10)], 58.0)
    assert guard.advance(60.0) == []
    guard.observe([reading(at=61)], 61.0)
    assert _kinds(guard.advance(61.0)) == ["BanAdded"]


def test_holdoff_of_a_host_without_an_attack_just_ends() -> None:
    """Nothing happens when nothing was held off, nor for an attack that has outlived its extensions."""
    guard = _guard(duration_seconds=100, extension_limit_seconds=100)
    guard.order_unban(OTHER_HOST, 0.0, by="noc")
    guard.receive([crossing()], 0.0)
    guard.advance(100.0)
    guard.order_unban(HOST, 101.0, by="noc")
    assert guard.advance(161.0) == []
    assert guard.holdoffs() == {}


def test_over_when_the_holdoff_ends() -> None:
    """An attack that ended in the hold-off is not banned afterwards."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    guard.order_unban(HOST, 1.0, by="noc")
    guard.observe([reading(at=2, pps=0), reading(at=12, pps=0)], 12.0)
    assert guard.advance(61.0) == []


def test_ban_by_hand_in_a_holdoff() -> None:
    """The operator may change his mind: the ban clears the hold-off, and running attacks join it."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    guard.order_unban(HOST, 1.0, by="noc")
    assert _kinds(guard.order_ban(HOST, 2.0, by="noc", reason="abuse")) == ["BanAdded", "BanJoined"]
    assert guard.holdoffs() == {}
    assert [(each.joined, each.reason, each.origin) for each in guard.bans()] == [(1, "abuse", BanOrigin.MANUAL)]
    assert guard.advance(100.0) == []


def test_order_for_a_banned_host_changes_the_ban() -> None:
    """A second order is no second ban."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    events = guard.order_ban(HOST, 1.0, by="noc", reason="long one", duration_seconds=7200)
    assert events == [BanExtended(1.0, guard.bans()[0], "noc")]
    assert (guard.bans()[0].expires, guard.bans()[0].reason) == (7201.0, "long one")
    permanent = guard.order_ban(HOST, 2.0, by="noc", permanent=True)
    assert _kinds(permanent) == ["BanExtended"]
    assert guard.advance(1e9) == []


def test_refused_orders_are_events() -> None:
    """An order that cannot be followed says why and changes nothing."""
    guard = _guard(active_limit=1)
    guard.order_ban(HOST, 0.0, by="noc")
    for host, refusal in ((FOREIGN, Refusal.NOT_OURS), (NEVER, Refusal.NEVER_BAN), (OTHER_HOST, Refusal.TOO_MANY)):
        events = guard.order_ban(host, 1.0, by="noc")
        assert _refusals(events) == [refusal]
    assert _banned(guard) == [HOST]


def test_free_place_goes_to_the_oldest_attack() -> None:
    """Attacks refused for the number of bans are told once, and get the places that become free, oldest first."""
    guard = _guard(active_limit=1)
    guard.receive([crossing()], 0.0)
    events = guard.receive([crossing(OTHER_HOST, at=1), crossing(HOST_IPV6, at=1)], 1.0)
    assert _refusals(events) == [Refusal.TOO_MANY] * 2
    assert guard.advance(2.0) == []
    guard.order_unban(HOST, 3.0, by="noc")
    events = guard.advance(3.0)
    assert _kinds(events) == ["BanAdded"]
    assert _banned(guard) == [OTHER_HOST]
    assert guard.advance(4.0) == []


def test_free_place_goes_to_an_attack_that_is_seen() -> None:
    """A quiet attack does not take a place from one that goes on."""
    guard = _guard(active_limit=1)
    guard.receive([crossing(), crossing(OTHER_HOST), crossing(HOST_IPV6)], 0.0)
    guard.observe([reading(OTHER_HOST, at=1, pps=10)], 1.0)
    guard.order_unban(HOST, 2.0, by="noc")
    guard.advance(2.0)
    assert _banned(guard) == [HOST_IPV6]


def test_refused_attack_joins_when_its_host_is_banned() -> None:
    """An attack that waits for a place joins at once the ban that its host gets otherwise."""
    guard = _guard(active_limit=1)
    guard.order_ban(OTHER_HOST, 0.0, by="noc", duration_seconds=5)
    guard.receive([crossing()], 0.0)
    guard.observe([reading(at=4, pps=10)], 4.0)
    guard.advance(5.0)
    events = guard.receive([crossing(direction=OUT, at=6)], 6.0)
    assert _kinds(events) == ["AttackStarted", "BanAdded", "BanJoined"]
    assert guard.bans()[0].joined == 1


def test_both_attacks_of_a_host_get_one_place() -> None:
    """Two waiting attacks of a host need one place, and the second joins with the first."""
    guard = _guard(active_limit=1)
    guard.order_ban(OTHER_HOST, 0.0, by="noc", duration_seconds=5)
    guard.receive([crossing(), crossing(direction=OUT), crossing(HOST_IPV6)], 0.0)
    assert _kinds(guard.advance(5.0)) == ["BanRemoved", "BanAdded", "BanJoined"]
    assert _banned(guard) == [HOST]


def test_claim_ends_with_its_attack() -> None:
    """An attack that is over waits for nothing: the next one of that host is decided once, by itself."""
    guard = _guard(active_limit=1)
    guard.receive([crossing(), crossing(OTHER_HOST)], 0.0)
    guard.observe([reading(OTHER_HOST, at=1, pps=0), reading(OTHER_HOST, at=11, pps=0)], 11.0)
    guard.order_unban_all(12.0, by="noc")
    assert set(guard.holdoffs()) == {HOST}
    assert _kinds(guard.receive([crossing(OTHER_HOST, at=13)], 13.0)) == ["AttackStarted", "BanAdded"]
    assert guard.advance(14.0) == []


def test_claim_ends_with_an_attack_that_is_ours_no_more() -> None:
    """The same for an attack that a reload ended."""
    guard = _guard(active_limit=0)
    guard.receive([crossing(HOST_IPV6)], 0.0)
    guard.reconfigure(ATTACKS, policy(networks=IPSet([OURS])), 1.0)
    guard.reconfigure(ATTACKS, policy(), 2.0)
    assert _kinds(guard.receive([crossing(HOST_IPV6, at=3)], 3.0)) == ["AttackStarted", "BanAdded"]
    assert guard.advance(4.0) == []


def test_after_the_holdoff_without_a_place() -> None:
    """Each new refusal of an attack is told, once."""
    guard = _guard(active_limit=1)
    guard.receive([crossing()], 0.0)
    guard.order_unban(HOST, 1.0, by="noc")
    guard.receive([crossing(OTHER_HOST, at=2)], 2.0)
    assert _refusals(guard.advance(61.0)) == [Refusal.TOO_MANY]
    assert guard.advance(62.0) == []
    guard.order_unban(OTHER_HOST, 63.0, by="noc")
    assert _kinds(guard.advance(63.0)) == ["BanAdded"]
    assert _banned(guard) == [HOST]


def test_unban_of_an_unknown_host_gives_nothing() -> None:
    """No event means that nothing was banned; the host is held off all the same."""
    guard = _guard()
    assert guard.order_unban(HOST, 0.0, by="noc") == []
    assert guard.holdoffs() == {HOST: 60.0}


def test_unban_all() -> None:
    """Every ban ends, and no waiting attack takes a place that it left."""
    guard = _guard(active_limit=2)
    guard.receive([crossing(), crossing(OTHER_HOST), crossing(HOST_IPV6)], 0.0)
    events = guard.order_unban_all(1.0, by="noc", reason="test")
    assert _kinds(events) == ["BanRemoved", "BanRemoved"]
    assert guard.bans() == ()
    assert guard.advance(60.9) == []
    assert set(guard.holdoffs()) == {HOST, OTHER_HOST, HOST_IPV6}
    assert _kinds(guard.advance(61.0)) == ["BanAdded", "BanAdded"]
    assert _banned(guard) == [HOST, OTHER_HOST]


def test_monitor_decides_everything() -> None:
    """In monitor mode the same events come out; the bans say that nothing is announced."""
    guard = _guard(mode=Mode.MONITOR)
    assert _kinds(guard.receive([crossing()], 0.0)) == ["AttackStarted", "BanAdded"]
    assert _kinds(guard.order_ban(OTHER_HOST, 0.0, by="noc")) == ["BanAdded"]
    assert {(each.mode, each.announce) for each in guard.bans()} == {(Mode.MONITOR, False)}
    assert _kinds(guard.order_unban(HOST, 1.0, by="noc")) == ["BanRemoved"]


def test_restore_takes_over_bans_and_holdoffs() -> None:
    """After a restart bans stand, hold-offs hold, and what fell due meanwhile ends."""
    guard = _guard()
    events = guard.restore(
        [ban(4), ban(5, OTHER_HOST, expires=90.0)],
        100.0,
        {HOST_IPV6: 130.0, OTHER_HOST: 100.0, HOST: 150.0},
    )
    assert [(event.ban.number, event.cause) for event in events if isinstance(event, BanRemoved)] == [
        (5, RemovalCause.EXPIRED)
    ]
    assert _banned(guard) == [HOST]
    assert guard.holdoffs() == {HOST_IPV6: 130.0}
    assert _kinds(guard.receive([crossing(at=101)], 101.0)) == ["AttackStarted", "BanJoined"]
    assert _refusals(guard.receive([crossing(HOST_IPV6, at=101)], 101.0)) == [Refusal.HELD_OFF]
    assert _kinds(guard.receive([crossing(OTHER_HOST, at=102)], 102.0)) == ["AttackStarted", "BanAdded"]
    assert guard.bans()[-1].number == 6


def test_restore_without_holdoffs() -> None:
    """A store from before has none."""
    guard = _guard()
    assert guard.restore([], 0.0) == []
    assert guard.holdoffs() == {}


def test_reconfigure_ends_what_is_no_longer_allowed() -> None:
    """A ban of a host now never banned ends, its attack runs on and is told why it is not banned."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    events = guard.reconfigure(ATTACKS, policy(never_ban=IPSet([str(HOST)])), 1.0)
    assert _kinds(events) == ["BanRemoved", "BanRefused"]
    assert _refusals(events) == [Refusal.NEVER_BAN]
    assert len(guard.attacks()) == 1
    assert guard.advance(2.0) == []
    events = guard.reconfigure(ATTACKS, policy(), 3.0)
    assert _kinds(events) == ["BanAdded"]


def test_reconfigure_ends_attacks_of_hosts_that_are_ours_no_more() -> None:
    """Nobody watches such a host: its attack would never end."""
    guard = _guard()
    guard.receive([crossing(HOST_IPV6), crossing()], 0.0)
    events = guard.reconfigure(ATTACKS, policy(networks=IPSet([OURS])), 1.0)
    assert _kinds(events) == ["BanRemoved", "AttackEnded"]
    assert isinstance(events[1], AttackEnded)
    assert (events[1].attack.host, events[1].attack.ended) == (HOST_IPV6, 1.0)
    assert _banned(guard) == [HOST]
    assert guard.advance(2.0) == []


def test_reconfigure_of_the_limit() -> None:
    """A lower limit ends nothing and refuses new bans; a higher one lets the waiting in at once."""
    guard = _guard(active_limit=2)
    guard.receive([crossing(), crossing(OTHER_HOST)], 0.0)
    assert guard.reconfigure(ATTACKS, policy(active_limit=1), 1.0) == []
    assert _refusals(guard.receive([crossing(HOST_IPV6)], 2.0)) == [Refusal.TOO_MANY]
    assert _kinds(guard.reconfigure(ATTACKS, policy(active_limit=3), 3.0)) == ["BanAdded"]
    assert len(guard.bans()) == 3


def test_reconfigure_leaves_holdoffs() -> None:
    """A reload does not cut an operator's unban short."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    guard.order_unban(HOST, 1.0, by="noc")
    assert guard.reconfigure(ATTACKS, policy(holdoff_seconds=0), 2.0) == []
    assert guard.advance(60.9) == []
    assert _kinds(guard.advance(61.0)) == ["BanAdded"]


def test_change_of_mode_decides_again() -> None:
    """People are told what is now the case: the old ban ends, and a host seen flooded is banned in the new mode."""
    guard = _guard(mode=Mode.MONITOR)
    guard.receive([crossing(), crossing(OTHER_HOST)], 0.0)
    guard.observe([reading(OTHER_HOST, at=1, pps=10)], 1.0)
    events = guard.reconfigure(ATTACKS, policy(), 2.0)
    assert _kinds(events) == ["BanRemoved", "BanRemoved", "BanAdded"]
    assert [(each.host, each.mode, each.announce) for each in guard.bans()] == [(HOST, Mode.ACT, True)]


def test_new_attack_policy_holds_from_now_on() -> None:
    """A shorter hold time ends attacks at their next reading."""
    guard = _guard()
    guard.receive([crossing()], 0.0)
    guard.observe([reading(at=1, pps=0)], 1.0)
    guard.reconfigure(AttackPolicy(hold_seconds=2), policy(), 2.0)
    assert _kinds(guard.observe([reading(at=3, pps=0)], 3.0)) == ["AttackEnded"]


def test_both_families_are_one_kind() -> None:
    """An IPv6 host goes the same way as an IPv4 one."""
    guard = _guard(networks=IPSet([OURS_IPV6]))
    events = guard.receive([crossing(HOST_IPV6)], 0.0)
    assert _kinds(events) == ["AttackStarted", "BanAdded"]
    assert isinstance(events[0], AttackStarted)
    assert isinstance(events[1], BanAdded)
    assert isinstance(guard.order_ban(HOST_IPV6, 1.0, by="noc", reason="x")[0], BanExtended)
    joined = guard.receive([crossing(HOST_IPV6, OUT)], 2.0)[1]
    assert isinstance(joined, BanJoined)
