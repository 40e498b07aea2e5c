"""What may be banned, and the words that say why not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork, IPSet

from core.make import FOREIGN, HOST, HOST_IPV6, NEVER, policy
from fnm_guard.core.events import Refusal
from fnm_guard.core.limits import HAND_BAN_LIMIT_SECONDS, Bounds, HoldOffs, explain_duration


def _prefix_of(pair: tuple[int, int]) -> str:
    return f"198.51.100.{pair[0]}/{pair[1]}"


@pytest.mark.parametrize(
    ("host", "refusal"),
    [
        (HOST, None),
        (HOST_IPV6, None),
        (IPAddress("198.51.100.3"), Refusal.NEVER_BAN),
        (IPAddress("198.51.100.4"), None),
        (FOREIGN, Refusal.NOT_OURS),
        (IPAddress("2001:db8:101::"), Refusal.NOT_OURS),
        (IPAddress("::ffff:198.51.100.7"), Refusal.NOT_OURS),
        (IPAddress("0.0.0.0"), Refusal.NOT_OURS),
    ],
)
def test_only_ours_and_not_never_banned(host: IPAddress, refusal: Refusal | None) -> None:
    """A ban needs a host of our networks that is not on the never-ban list."""
    bounds = Bounds(policy())
    assert bounds.forbid(host) is refusal
    assert bounds.owns(host) is (refusal is not Refusal.NOT_OURS)


def test_no_networks_no_bans() -> None:
    """A policy without networks bans nobody."""
    assert Bounds(policy(networks=IPSet())).forbid(HOST) is Refusal.NOT_OURS


def test_never_ban_wins_over_ownership() -> None:
    """A foreign host on the never-ban list is refused by the list, the operator's own word."""
    bounds = Bounds(policy(never_ban=IPSet([IPNetwork("203.0.113.0/24")])))
    assert bounds.forbid(FOREIGN) is Refusal.NEVER_BAN


@given(
    networks=st.lists(st.builds(IPNetwork, st.tuples(st.integers(0, 255), st.integers(20, 32)).map(_prefix_of))),
    host=st.integers(0, 255).map(lambda last: IPAddress(f"198.51.100.{last}")),
)
def test_bounds_agree_with_the_sets(networks: list[IPNetwork], host: IPAddress) -> None:
    """However the networks overlap and nest, a host is ours if one of them holds it."""
    both = [*networks, IPNetwork("2001:db8:100::/48")]
    bounds = Bounds(policy(networks=IPSet(both), never_ban=IPSet()))
    assert bounds.owns(host) == any(host in network for network in networks)


@pytest.mark.parametrize(
    ("active", "held_off", "refusal"),
    [(99, False, None), (99, True, Refusal.HELD_OFF), (100, False, Refusal.TOO_MANY), (100, True, Refusal.HELD_OFF)],
)
def test_limits_of_a_bannable_host(active: int, held_off: bool, refusal: Refusal | None) -> None:
    """A hold-off comes before the number of bans, which may reach the limit and not pass it."""
    assert Bounds(policy(active_limit=100)).refuse(HOST, active, held_off) is refusal


def test_what_is_forbidden_comes_first() -> None:
    """A host that may never be banned is not told to wait."""
    assert Bounds(policy(active_limit=0)).refuse(NEVER, 0, held_off=True) is Refusal.NEVER_BAN


@pytest.mark.parametrize(
    ("host", "refusal", "text"),
    [
        (
            NEVER,
            Refusal.NEVER_BAN,
            "198.51.100.1 not banned: 198.51.100.0/30 is on the never_ban list; "
            "take it off there if 198.51.100.1 may be banned",
        ),
        (
            FOREIGN,
            Refusal.NOT_OURS,
            "203.0.113.9 not banned: it is in none of our networks; add its network to `networks` if it is ours",
        ),
        (
            HOST,
            Refusal.TOO_MANY,
            "198.51.100.7 not banned: 3 bans are active and ban.limits.active is 100; "
            "unban a host that no longer needs it, or raise the limit",
        ),
        (
            HOST,
            Refusal.HELD_OFF,
            "198.51.100.7 not banned: it was unbanned by hand, and automatic bans of it are held off for 42 s more; "
            "`fnm-guard ban 198.51.100.7` bans it at once",
        ),
        (
            HOST_IPV6,
            Refusal.ALREADY,
            "2001:db8:100::7 not banned: it is banned so already; give another duration or reason, or unban it first",
        ),
    ],
)
def test_text_names_host_rule_and_remedy(host: IPAddress, refusal: Refusal, text: str) -> None:
    """Who reads a refusal knows which host, which rule, and what to do."""
    assert Bounds(policy()).explain(refusal, host, active=3, left=41.2) == text


@pytest.mark.parametrize("seconds", [None, 0.5, 1800, HAND_BAN_LIMIT_SECONDS])
def test_good_durations(seconds: float | None) -> None:
    """A duration is above zero and at most a year."""
    assert explain_duration(HOST, seconds, permanent=False) is None


@pytest.mark.parametrize("seconds", [0, -5, HAND_BAN_LIMIT_SECONDS + 1, math.inf, math.nan])
def test_bad_durations(seconds: float) -> None:
    """Anything else is refused with the value and the limit."""
    text = explain_duration(HOST, seconds, permanent=False)
    assert text is not None
    assert text.startswith(f"198.51.100.7 not banned: a duration of {seconds:g} s must be above 0 and at most 31536000")


def test_permanent_goes_alone() -> None:
    """`permanent` with a duration contradicts itself; alone it is fine."""
    text = explain_duration(HOST, 60, permanent=True)
    assert text == "198.51.100.7 not banned: give a duration of 60 s or `permanent`, not both"
    assert explain_duration(HOST, None, permanent=True) is None


def test_holdoff_runs_out() -> None:
    """A hold-off has seconds left until its end, and none from then on."""
    holdoffs = HoldOffs()
    holdoffs.set(HOST, 60)
    assert (holdoffs.left(HOST, 18), holdoffs.left(HOST, 60), holdoffs.left(FOREIGN, 0)) == (42, 0, 0)
    assert holdoffs.end_due(59.9) == []
    assert holdoffs.end_due(60) == [HOST]
    assert holdoffs.all() == {}


def test_holdoff_set_again_starts_again() -> None:
    """The last order holds, shorter or longer."""
    holdoffs = HoldOffs()
    holdoffs.set(HOST, 60)
    holdoffs.set(HOST, 30)
    assert holdoffs.all() == {HOST: 30}
    holdoffs.clear(HOST)
    holdoffs.clear(HOST)
    assert holdoffs.left(HOST, 0) == 0


def test_full_table_ends_the_oldest_holdoff() -> None:
    """The table is bounded; what ends early is counted, and a host set again is the youngest."""
    hosts = [IPAddress(f"198.51.100.{last}") for last in range(10, 13)]
    holdoffs = HoldOffs(limit=2)
    holdoffs.set(hosts[0], 60)
    holdoffs.set(hosts[1], 61)
    holdoffs.set(hosts[0], 62)
    holdoffs.set(hosts[2], 63)
    assert holdoffs.all() == {hosts[0]: 62, hosts[2]: 63}
    assert holdoffs.dropped == 1
