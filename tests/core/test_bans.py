"""How a ban begins, is joined, goes on and ends."""

from dataclasses import replace

import pytest
from netaddr import IPAddress, IPSet

from core.make import FOREIGN, HOST, HOST_IPV6, OTHER_HOST, OURS, OUT, attack, ban, policy
from fnm_guard.core.bans import Bans, Order
from fnm_guard.core.events import BanAdded, BanJoined, BanRefused, BanRemoved, Refusal, RemovalCause
from fnm_guard.core.life import Ban
from fnm_guard.core.model import BanOrigin, Direction, Metric
from fnm_guard.core.policy import Mode, OutgoingPolicy

AUTOMATIC = Ban(
    number=1,
    host=HOST,
    origin=BanOrigin.AUTOMATIC,
    by="detector",
    reason="incoming pps 40000 above 30000",
    started=5.0,
    expires=1805.0,
    direction=Direction.INCOMING,
    power=100_000.0,
    attack=3,
)
MONITOR = policy(mode=Mode.MONITOR)
TELL = policy(outgoing=OutgoingPolicy.TELL)


def _order(host: IPAddress = HOST, reason: str = "", seconds: float | None = None, permanent: bool = False) -> Order:
    return Order(host, "noc", reason, seconds, permanent)


def _refusal(event: object) -> Refusal | None:
    return event.refusal if isinstance(event, BanRefused) else None


def test_automatic_ban() -> None:
    """An attack's ban carries its figures, and ends after the duration of the policy."""
    bans = Bans(policy())
    assert bans.claim(attack(3), 5.0) == BanAdded(5.0, AUTOMATIC, attack(3))
    assert bans.all() == (AUTOMATIC,)
    assert bans.has(HOST)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metric": Metric.MBPS, "rate": 1234.56, "threshold": 0.5}, "incoming mbps 1234.6 above 0.5"),
        ({"rate": 1e7, "group": "resolvers"}, "incoming pps 10000000 above 30000 of group resolvers"),
        ({"direction": OUT, "metric": Metric.SYN_PPS}, "outgoing syn_pps 40000 above 30000"),
    ],
)
def test_reason_says_what_crossed(changes: dict[str, object], reason: str) -> None:
    """The reason of an automatic ban names direction, metric, rate, threshold and group."""
    event = Bans(policy()).claim(replace(attack(), **changes), 0.0)  # type: ignore[arg-type]  # table of fields
    assert isinstance(event, BanAdded)
    assert event.ban.reason == reason


def test_second_attack_joins() -> None:
    """A banned host has one ban: an attack in the other direction joins it, and so does the next one."""
    bans = Bans(policy())
    bans.claim(attack(3), 5.0)
    assert bans.claim(attack(4, direction=OUT), 6.0) == BanJoined(
        6.0, replace(AUTOMATIC, joined=4), attack(4, direction=OUT)
    )
    bans.claim(attack(5), 7.0)
    assert bans.all() == (replace(AUTOMATIC, joined=5),)


def test_attack_joins_a_ban_by_hand() -> None:
    """A ban by hand stays one by hand when its host is attacked."""
    bans = Bans(policy())
    bans.order(_order(reason="abuse"), 0.0)
    event = bans.claim(attack(3), 5.0)
    assert event == BanJoined(5.0, ban(reason="abuse", joined=3), attack(3))


def test_told_only_until_an_incoming_attack_joins() -> None:
    """An outgoing attack under `tell` has a ban without a route; an incoming one makes it blackhole."""
    bans = Bans(TELL)
    added = bans.claim(attack(1, direction=OUT), 0.0)
    assert isinstance(added, BanAdded)
    assert (added.ban.announce, added.ban.mode) == (False, Mode.ACT)
    again = bans.claim(attack(2, direction=OUT), 1.0)
    assert isinstance(again, BanJoined)
    assert not again.ban.announce
    joined = bans.claim(attack(3), 2.0)
    assert isinstance(joined, BanJoined)
    assert joined.ban.announce


def test_outgoing_attack_never_silences_a_ban() -> None:
    """What is announced stays announced when a told-only attack joins."""
    bans = Bans(TELL)
    bans.claim(attack(1), 0.0)
    joined = bans.claim(attack(2, direction=OUT), 1.0)
    assert isinstance(joined, BanJoined)
    assert joined.ban.announce


def test_monitor_announces_nothing() -> None:
    """In monitor mode every ban stands as if, by hand as well, and says so."""
    bans = Bans(MONITOR)
    bans.claim(attack(1), 0.0)
    bans.claim(attack(2, direction=OUT), 0.0)
    bans.order(_order(OTHER_HOST), 0.0)
    bans.order(_order(reason="again"), 0.0)
    assert [(each.mode, each.announce) for each in bans.all()] == [(Mode.MONITOR, False)] * 2


def test_lift_holds_off() -> None:
    """An unban by hand ends the ban and keeps automatic ones off for a while."""
    bans = Bans(policy())
    bans.order(_order(), 0.0)
    assert bans.lift(HOST, 10.0, "noc", "false alarm") == BanRemoved(
        10.0, ban(), RemovalCause.OPERATOR, "noc", "false alarm"
    )
    assert not bans.has(HOST)
    assert _refusal(bans.claim(attack(), 69.9)) is Refusal.HELD_OFF
    assert isinstance(bans.claim(attack(), 70.0), BanAdded)
    assert bans.holdoffs.all() == {}


def test_lift_of_a_host_without_a_ban_holds_off_too() -> None:
    """Who unbans a host before the detector bans it is obeyed."""
    bans = Bans(policy())
    assert bans.lift(HOST, 10.0, "noc", "") is None
    assert _refusal(bans.claim(attack(), 11.0)) is Refusal.HELD_OFF


def test_due() -> None:
    """A ban is due at its expiry, a permanent one never."""
    bans = Bans(policy())
    bans.order(_order(seconds=60), 0.0)
    bans.order(_order(OTHER_HOST, permanent=True), 0.0)
    assert bans.due(59.9) == []
    assert [each.host for each in bans.due(60.0)] == [HOST]
    removed = bans.expire(bans.due(60.0)[0], 60.0, "due")
    assert removed == BanRemoved(60.0, ban(expires=60.0), RemovalCause.EXPIRED, "detector", "due")
    assert bans.due(1e9) == []


def test_extension_stops_at_its_limit() -> None:
    """A ban goes on by one duration at a time, the last one cut, and then no more."""
    bans = Bans(policy(duration_seconds=100, extension_limit_seconds=250))
    bans.claim(attack(), 0.0)
    found = []
    for now in (100.0, 200.0, 250.0):
        event = bans.extend(bans.all()[0], now)
        found.append(event and (event.ban.expires, event.by))
    assert found == [(200.0, "detector"), (250.0, "detector"), None]


def test_recheck() -> None:
    """A new policy ends what it forbids, and never because there are too many."""
    bans = Bans(policy())
    for host in (HOST, OTHER_HOST, HOST_IPV6):
        bans.order(_order(host), 0.0)
    bans.policy = policy(networks=IPSet([OURS]), never_ban=IPSet([str(OTHER_HOST)]), active_limit=0)
    found = [(event.ban.host, event.cause, event.by, event.reason) for event in bans.recheck(1.0)]
    assert found == [
        (OTHER_HOST, RemovalCause.CONFIGURATION, "configuration", "on the never_ban list"),
        (HOST_IPV6, RemovalCause.CONFIGURATION, "configuration", "in none of our networks"),
    ]
    assert [each.host for each in bans.all()] == [HOST]
    assert bans.recheck(2.0) == []


def test_change_of_mode_ends_the_bans_of_the_other() -> None:
    """What was announced is withdrawn, and what was not is not announced by a setting alone."""
    bans = Bans(policy())
    bans.order(_order(), 0.0)
    bans.policy = MONITOR
    assert [event.reason for event in bans.recheck(1.0)] == ["the mode is now monitor"]
    assert bans.all() == ()


def test_restore() -> None:
    """Bans from before come back as they were; those due, forbidden, of the other mode or double end."""
    bans = Bans(policy())
    kept = ban(12, HOST, started=-500.0, joined=4)
    gone = [
        ban(13, HOST),
        ban(14, OTHER_HOST, expires=100.0),
        ban(15, FOREIGN, expires=None),
        ban(16, HOST_IPV6, mode=Mode.MONITOR, announce=False),
    ]
    found = bans.restore([*reversed(gone), kept], 100.0)
    assert [(event.ban, event.cause, event.reason) for event in found] == [
        (gone[0], RemovalCause.CONFIGURATION, "the host has another ban"),
        (gone[1], RemovalCause.EXPIRED, "fell due while nobody was running"),
        (gone[2], RemovalCause.CONFIGURATION, "in none of our networks"),
        (gone[3], RemovalCause.CONFIGURATION, "the mode is now act"),
    ]
    assert bans.all() == (kept,)
    added = bans.order(_order(OTHER_HOST), 100.0)
    assert isinstance(added, BanAdded)
    assert added.ban.number == 17


def test_restore_does_not_count() -> None:
    """A lower limit after a restart ends no ban."""
    bans = Bans(policy(active_limit=1))
    assert bans.restore([ban(1), ban(2, OTHER_HOST)], 0.0) == []
    assert not bans.has_room()
