"""States of peers, from events as ExaBGP 5.0.15 gives them; the time is an argument."""

from dataclasses import replace
from typing import Any

import pytest
from netaddr import IPAddress

from announcer.stage import OTHER, PEER, profile, route
from fnm_guard.announcer.account import Account
from fnm_guard.announcer.listing import ListedNeighbor
from fnm_guard.announcer.peers import PeerBook, PeerState, SessionState

BOTH = ("ipv4 unicast", "ipv6 unicast")


class Desk:
    """A book, and what it told."""

    def __init__(self) -> None:
        self.told: list[PeerState] = []
        self.book = PeerBook((profile(), profile("other", address=IPAddress(OTHER))), self.told.append, 0.0)

    @property
    def state(self) -> PeerState:
        """The first peer."""
        return self.book.states()[0]

    def hear(self, now: float, **neighbor: Any) -> str | None:
        """Take a state event of the first peer."""
        return self._hear("state", now, neighbor)

    def negotiate(self, *families: str) -> None:
        """Take what an OPEN has agreed on."""
        self._hear("negotiated", 0.0, {"negotiated": {"families": list(families)}})

    def notify(self, message: str) -> None:
        """Take a NOTIFICATION."""
        self._hear("notification", 0.0, {"notification": {"code": 6, "subcode": 2, "message": message}})

    def come_up(self, now: float) -> None:
        """Take a whole session."""
        self.hear(now, state="connected")
        self.negotiate(*BOTH)
        assert self.hear(now, state="up") == "upstream"

    def _hear(self, kind: str, now: float, neighbor: dict[str, Any]) -> str | None:
        address = {"local": "None", "peer": PEER}
        return self.book.hear({"type": kind, "neighbor": {"address": address, **neighbor}}, now)


@pytest.fixture
def desk() -> Desk:
    """A book of two peers."""
    return Desk()


def test_a_session_that_comes_up(desk: Desk) -> None:
    """Connecting, then up with what was negotiated; each change is told once."""
    desk.come_up(10.0)
    assert [state.state for state in desk.told] == ["connecting", "up"]
    assert (desk.state.state, desk.state.reason, desk.state.since) == (SessionState.UP, "", 10.0)
    assert desk.state.families == BOTH
    assert desk.book.is_up("upstream")
    assert not desk.book.is_up("other")


def test_a_family_that_is_missing(desk: Desk) -> None:
    """A session that is up for one family only says which one is missing, as long as it is."""
    desk.negotiate("ipv4 unicast")
    desk.hear(1.0, state="up")
    assert desk.state.state == "up"
    assert "ipv6 unicast not negotiated" in desk.state.reason
    desk.hear(2.0, state="down", reason="closing connection")
    desk.come_up(3.0)
    assert desk.state.reason == ""


def test_a_refused_session_stays_down_with_its_reason(desk: Desk) -> None:
    """A peer that refuses is tried again every few seconds: one change, and the first telling reason."""
    for now in range(0, 40, 4):
        desk.hear(now, state="connected")
        reason = "notification received (2,2)" if now == 0 else "closing connection"
        desk.hear(now + 0.1, state="down", reason=reason)
        desk.book.check_silence(now + 0.2)
    assert [state.state for state in desk.told] == ["connecting", "down"]
    assert "wrong AS" in desk.state.reason
    assert desk.state.since == 0.1


def test_what_the_peer_said_goes_with_its_notification(desk: Desk) -> None:
    """The text of a NOTIFICATION belongs to the session that it ended, not to a later one."""
    desk.come_up(1.0)
    desk.notify("back at six")
    desk.hear(2.0, state="down", reason="notification received (6,2)")
    assert "back at six" in desk.state.reason
    desk.hear(3.0, state="down", reason="notification received (6,4)")
    assert "back at six" not in desk.state.reason


def test_silence_gets_a_reason(desk: Desk) -> None:
    """A wrong MD5 password makes no event: after thirty seconds the state says where to look."""
    desk.book.listed({IPAddress(PEER): ListedNeighbor(False, 0, ()), IPAddress(OTHER): ListedNeighbor(False, 0, ())}, 5)
    desk.book.check_silence(34.9)
    assert desk.state.state == "connecting"
    desk.book.check_silence(35.0)
    assert desk.state.state == "down"
    assert "MD5" in desk.state.reason
    desk.come_up(60.0)
    assert (desk.state.state, desk.state.reason) == ("up", "")


def test_an_old_reason_goes_stale(desk: Desk) -> None:
    """When a peer that refused is not even reached any more, its refusal is history."""
    desk.come_up(0.0)
    desk.hear(10.0, state="down", reason="notification received (6,2)")
    desk.book.check_silence(159.0)
    assert "shut down" in desk.state.reason
    desk.book.check_silence(160.0)
    assert "no session within" in desk.state.reason


def test_exabgp_goes_and_comes(desk: Desk) -> None:
    """Without ExaBGP every peer is down for that reason; with it back, it is no longer the reason."""
    desk.come_up(1.0)
    desk.book.all_down("exabgp ended: boom", 2.0)
    assert [(state.state, state.reason) for state in desk.book.states()] == [("down", "exabgp ended: boom")] * 2
    desk.book.check_silence(500.0)
    assert desk.state.reason == "exabgp ended: boom"
    neighbor = ListedNeighbor(up=False, seconds=0, families=())
    assert desk.book.listed({IPAddress(PEER): neighbor, IPAddress(OTHER): neighbor}, 600.0) == []
    assert [(state.state, state.reason, state.since) for state in desk.book.states()] == [("connecting", "", 600.0)] * 2


def test_a_listing_makes_up_for_lost_events(desk: Desk) -> None:
    """What ExaBGP lists counts: a session that is up since a while, one that is gone, a peer that it has not."""
    up = ListedNeighbor(up=True, seconds=30, families=BOTH)
    assert desk.book.listed({IPAddress(PEER): up}, 100.0) == ["upstream"]
    assert (desk.state.state, desk.state.since, desk.state.families) == ("up", 70.0, BOTH)
    assert "does not have this peer" in desk.book.states()[1].reason
    assert desk.book.listed({IPAddress(PEER): replace(up, seconds=99)}, 160.0) == ["upstream"]
    assert desk.state.since == 70.0
    desk.book.listed({IPAddress(PEER): ListedNeighbor(up=False, seconds=0, families=())}, 200.0)
    assert (desk.state.state, desk.state.reason) == ("down", "the session ended")


def test_counts_and_acknowledgements(desk: Desk) -> None:
    """Routes are counted, those that cannot be said among the wanted; how long an answer took is no change to tell."""
    account = Account(profile(next_hop_ipv6=None))
    account.want(frozenset({route("203.0.113.7/32"), route("2001:db8::7/128")}))
    desk.book.count({"upstream": account, "gone": account})
    assert (desk.state.wanted, desk.state.announced) == (2, 0)
    told = len(desk.told)
    desk.book.acknowledged("upstream", 0.003)
    desk.book.acknowledged("gone", 0.003)
    assert desk.state.last_ack_seconds == 0.003
    desk.book.count({"upstream": account})
    assert len(desk.told) == told


def test_another_configuration(desk: Desk) -> None:
    """A peer that stays keeps its state, one whose address changed begins anew, one that went is gone."""
    desk.come_up(1.0)
    desk.book.replace_peers((profile(remote_as=64511), profile("third")), 5.0)
    assert [(state.name, state.state, state.remote_as) for state in desk.book.states()] == [
        ("upstream", "up", 64511),
        ("third", "down", 64500),
    ]
    desk.book.replace_peers((profile(address=IPAddress(OTHER)),), 6.0)
    assert desk.state.state == "down"


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"type": "state"},
        {"type": "state", "neighbor": None},
        {"type": "state", "neighbor": []},
        {"type": "state", "neighbor": {"address": {"peer": "nobody"}, "state": "up"}},
        {"type": "state", "neighbor": {"address": {"peer": "192.0.2.99"}, "state": "up"}},
        {"type": "state", "neighbor": {"address": None, "state": "up"}},
        {"type": "state", "neighbor": {"address": {"peer": PEER}, "state": 3}},
        {"type": "negotiated", "neighbor": {"address": {"peer": PEER}, "negotiated": None}},
        {"type": "notification", "neighbor": {"address": {"peer": PEER}, "notification": "what"}},
        {"type": "notification", "notification": "shutdown"},
        {"type": ["state"], "neighbor": {"address": {"peer": PEER}}},
    ],
)
def test_events_of_another_form(desk: Desk, event: dict[str, Any]) -> None:
    """An event that is not understood changes nothing."""
    before = desk.book.states()
    assert desk.book.hear(event, 1.0) is None
    assert desk.book.states() == before
