"""Orders: what an operator may ask of the bans, and what is refused."""

import pytest
from netaddr import IPAddress

from core.make import FOREIGN, HOST, HOST_IPV6, NEVER, OTHER_HOST, OUT, attack, ban, policy
from fnm_guard.core.bans import Bans, Order
from fnm_guard.core.events import BanAdded, BanExtended, BanJoined, BanRefused, Refusal
from fnm_guard.core.policy import OutgoingPolicy


def _order(host: IPAddress = HOST, reason: str = "", seconds: float | None = None, permanent: bool = False) -> Order:
    return Order(host, "noc", reason, seconds, permanent)


def _refusal(event: object) -> Refusal | None:
    return event.refusal if isinstance(event, BanRefused) else None


def test_order_makes_a_told_only_ban_announced() -> None:
    """An operator who orders a ban wants it in the routers."""
    bans = Bans(policy(outgoing=OutgoingPolicy.TELL))
    bans.claim(attack(1, direction=OUT), 0.0)
    event = bans.order(_order(), 0.0)
    assert isinstance(event, BanExtended)
    assert event.ban.announce


def test_order_of_a_new_ban() -> None:
    """A ban by hand ends as ordered, or like an automatic one; only a permanent one has no end."""
    bans = Bans(policy(), next_number=7)
    assert bans.order(_order(reason="abuse"), 0.0) == BanAdded(0.0, ban(7, reason="abuse"), None)
    bans.order(_order(OTHER_HOST, seconds=60), 1.0)
    bans.order(_order(HOST_IPV6, permanent=True), 2.0)
    assert [(each.number, each.expires) for each in bans.all()] == [(7, 1800), (8, 61), (9, None)]


@pytest.mark.parametrize(
    ("standing", "order", "expires"),
    [
        (_order(seconds=60), _order(seconds=30), 40.0),
        (_order(seconds=60), _order(seconds=3600), 3610.0),
        (_order(seconds=60), _order(), 1810.0),
        (_order(seconds=9000), _order(reason="x"), 9000.0),
        (_order(seconds=60), _order(permanent=True), None),
        (_order(permanent=True), _order(seconds=60), 70.0),
        (_order(permanent=True), _order(reason="x"), None),
    ],
)
def test_order_of_a_banned_host(standing: Order, order: Order, expires: float | None) -> None:
    """A duration is taken as ordered; without one the ban is never shortened."""
    bans = Bans(policy())
    bans.order(standing, 0.0)
    event = bans.order(order, 10.0)
    assert event == BanExtended(10.0, ban(reason=order.reason, expires=expires), "noc")
    assert bans.all() == (event.ban,)


def test_order_keeps_the_reason_unless_given() -> None:
    """A new duration alone leaves the reason."""
    bans = Bans(policy())
    bans.order(_order(reason="abuse"), 0.0)
    event = bans.order(_order(seconds=60), 0.0)
    assert isinstance(event, BanExtended)
    assert event.ban.reason == "abuse"


def test_order_that_changes_nothing_is_refused() -> None:
    """An order without effect says so instead of nothing."""
    bans = Bans(policy())
    bans.order(_order(permanent=True), 0.0)
    event = bans.order(_order(), 10.0)
    assert isinstance(event, BanRefused)
    assert (event.refusal, event.by, event.attack) == (Refusal.ALREADY, "noc", None)


@pytest.mark.parametrize(("seconds", "permanent"), [(0, False), (-1, False), (60, True)])
def test_bad_duration_is_refused(seconds: float, permanent: bool) -> None:
    """An order with a senseless duration changes nothing, also for a banned host."""
    bans = Bans(policy())
    bans.order(_order(), 0.0)
    for host in (HOST, OTHER_HOST):
        assert _refusal(bans.order(_order(host, seconds=seconds, permanent=permanent), 1.0)) is Refusal.BAD_DURATION
    assert bans.all() == (ban(),)


@pytest.mark.parametrize(("host", "refusal"), [(NEVER, Refusal.NEVER_BAN), (FOREIGN, Refusal.NOT_OURS)])
def test_forbidden_hosts(host: IPAddress, refusal: Refusal) -> None:
    """The never-ban list and our networks hold for the detector and for operators."""
    bans = Bans(policy())
    automatic = bans.claim(attack(host=host), 0.0)
    assert isinstance(automatic, BanRefused)
    assert (automatic.refusal, automatic.by, automatic.attack) == (refusal, "detector", attack(host=host))
    assert _refusal(bans.order(_order(host, permanent=True), 0.0)) is refusal
    assert bans.all() == ()


def test_active_limit() -> None:
    """All bans count, whoever wanted them; both kinds are refused over the limit; a join and a renewal are not."""
    bans = Bans(policy(active_limit=2))
    bans.order(_order(HOST_IPV6), 0.0)
    assert bans.has_room()
    bans.claim(attack(1), 0.0)
    assert not bans.has_room()
    assert _refusal(bans.claim(attack(2, OTHER_HOST), 0.0)) is Refusal.TOO_MANY
    assert _refusal(bans.order(_order(OTHER_HOST), 0.0)) is Refusal.TOO_MANY
    assert isinstance(bans.claim(attack(3, direction=OUT), 0.0), BanJoined)
    assert isinstance(bans.order(_order(seconds=5), 0.0), BanExtended)


def test_refusals_spend_no_number() -> None:
    """Numbers go to bans alone."""
    bans = Bans(policy())
    bans.claim(attack(host=FOREIGN), 0.0)
    bans.order(_order(FOREIGN), 0.0)
    bans.order(_order(), 0.0)
    assert bans.all()[0].number == 1


def test_order_ends_a_holdoff() -> None:
    """A ban by hand in a hold-off is allowed and clears it."""
    bans = Bans(policy())
    bans.lift(HOST, 10.0, "noc", "")
    assert isinstance(bans.order(_order(), 11.0), BanAdded)
    assert bans.holdoffs.all() == {}
