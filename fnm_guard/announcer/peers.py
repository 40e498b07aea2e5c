"""How each peer's session is, from what ExaBGP tells.

Pure but for the time, which comes as an argument.  A refused session is tried again every few seconds, each time
`connected` and then `down`: the state stays `down` until the session is up, with the last reason that a NOTIFICATION
gave: a peer that refuses us mostly hangs up without a word when it is asked again.  A wrong MD5 password or a filter
makes no event at all: after 30 s without a session the reason says where to look.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from netaddr import AddrFormatError, IPAddress

from fnm_guard.announcer.commands import family
from fnm_guard.announcer.reasons import SILENT_SECONDS, explain_down, is_telling, missing_families, no_session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fnm_guard.announcer.account import Account
    from fnm_guard.announcer.listing import ListedNeighbor
    from fnm_guard.core.policy import PeerProfile

__all__ = ["PeerBook", "PeerState", "SessionState"]


STALE_SECONDS = 150.0
"""After this long without a word the reason of a lost session is history: ExaBGP tries every 61 s at least."""


class SessionState(StrEnum):
    """How far a session is."""

    DOWN = "down"
    CONNECTING = "connecting"
    UP = "up"


@dataclass(frozen=True, slots=True)
class PeerState:
    """One peer as it is now.

    Attributes:
        since: When it came into this state, seconds since the epoch.
        reason: Why it is not up, or what it does not take although it is; "" when all is well.
        families: Negotiated ones, `ipv4 unicast`.
        wanted: Routes that it should have.
        announced: Routes that ExaBGP holds for it; sent as soon as the session is up.
        last_ack_seconds: How long ExaBGP took over the last command for it; None: none was sent.
    """

    name: str
    address: IPAddress
    remote_as: int
    state: SessionState
    since: float
    reason: str = ""
    families: tuple[str, ...] = ()
    wanted: int = 0
    announced: int = 0
    last_ack_seconds: float | None = None


class PeerBook:
    """The states of all peers; tells of every change but that of `last_ack_seconds` alone."""

    def __init__(self, peers: "Sequence[PeerProfile]", on_change: "Callable[[PeerState], None]", now: float) -> None:
        self._on_change = on_change
        self._profiles: dict[str, PeerProfile] = {}
        self._states: dict[str, PeerState] = {}
        self._said: dict[str, str] = {}
        self._offered: dict[str, tuple[str, ...]] = {}
        self._heard: dict[str, float] = {}
        self._without_exabgp: set[str] = set()
        self.replace_peers(peers, now)

    def replace_peers(self, peers: "Sequence[PeerProfile]", now: float) -> None:
        """Take a new configuration; a peer that stays keeps its state."""
        old = self._states
        self._profiles = {peer.name: peer for peer in peers}
        self._states = {}
        for peer in peers:
            state = old.get(peer.name)
            if state is None or state.address != peer.address:
                state = PeerState(peer.name, peer.address, peer.remote_as, SessionState.DOWN, now)
            self._states[peer.name] = replace(state, remote_as=peer.remote_as)

    def states(self) -> tuple[PeerState, ...]:
        """Give all of them in the order of the configuration."""
        return tuple(self._states.values())

    def is_up(self, name: str) -> bool:
        """Whether the session of that peer is established."""
        return self._states[name].state is SessionState.UP

    def hear(self, event: "Mapping[str, Any]", now: float) -> str | None:
        """Enter an event of ExaBGP's; give the name of the peer if its session has just come up."""
        neighbor = event.get("neighbor")
        name = self._named(neighbor) if isinstance(neighbor, dict) else None
        if name is None or not isinstance(neighbor, dict):
            return None
        self._heard[name] = now
        match event.get("type"), neighbor.get("state"):
            case "notification", _:
                self._said[name] = _message(neighbor)
            case "negotiated", _:
                self._offered[name] = _families(neighbor)
            case "state", "connected":
                self._connected(name, now)
            case "state", "up":
                self._up(name, now)
                return name
            case "state", "down":
                self._ended(name, str(neighbor.get("reason", "")), now)
        return None

    def listed(self, neighbors: "Mapping[IPAddress, ListedNeighbor]", now: float) -> list[str]:
        """Enter ExaBGP's own listing; give the names of the peers whose session is up."""
        names = []
        for name, state in list(self._states.items()):
            neighbor = neighbors.get(state.address)
            if neighbor is not None and neighbor.up:
                names.append(name)
                self._offered[name] = neighbor.families
                self._up(name, now - neighbor.seconds)
            elif neighbor is None:
                self._down(name, "exabgp does not have this peer in its configuration", now)
                self._without_exabgp.add(name)
            elif name in self._without_exabgp:
                self._without_exabgp.discard(name)
                self._set(name, state=SessionState.CONNECTING, since=now, reason="")
            elif state.state is SessionState.UP:
                self._down(name, "the session ended", now)
            else:
                self._connected(name, now)
        return names

    def all_down(self, reason: str, now: float) -> None:
        """Enter that there is no ExaBGP, and why."""
        for name in self._states:
            self._down(name, reason, now)
        self._without_exabgp.update(self._states)

    def check_silence(self, now: float) -> None:
        """Give a reason to those that have waited long for a session."""
        for name, state in list(self._states.items()):
            waited = now - max(state.since, self._heard.get(name, 0.0))
            is_new = state.state is SessionState.CONNECTING and waited >= SILENT_SECONDS
            is_stale = state.state is SessionState.DOWN and waited >= STALE_SECONDS
            if is_new or (is_stale and name not in self._without_exabgp):
                self._down(name, no_session(state.address), now)

    def count(self, accounts: "Mapping[str, Account]") -> None:
        """Enter how many routes each peer should have and has."""
        for name, account in accounts.items():
            if name in self._states:
                self._set(name, wanted=account.wanted_count, announced=account.told_count)

    def acknowledged(self, name: str, seconds: float) -> None:
        """Enter how long ExaBGP took; told to nobody."""
        if name in self._states:
            self._states[name] = replace(self._states[name], last_ack_seconds=seconds)

    def _named(self, neighbor: "Mapping[str, Any]") -> str | None:
        try:
            address = IPAddress(neighbor["address"]["peer"])
        except (KeyError, TypeError, ValueError, AddrFormatError):
            return None
        return next((name for name, state in self._states.items() if state.address == address), None)

    def _connected(self, name: str, now: float) -> None:
        state = self._states[name]
        if state.state is SessionState.DOWN and not state.reason:
            self._set(name, state=SessionState.CONNECTING, since=now)

    def _up(self, name: str, since: float) -> None:
        state, families = self._states[name], self._offered.get(name, ())
        self._without_exabgp.discard(name)
        self._set(
            name,
            state=SessionState.UP,
            since=state.since if state.state is SessionState.UP else since,
            reason=self._missing(name, families),
            families=families,
        )

    def _down(self, name: str, reason: str, now: float) -> None:
        state = self._states[name]
        since = state.since if state.state is SessionState.DOWN else now
        self._set(name, state=SessionState.DOWN, since=since, reason=reason, families=())

    def _ended(self, name: str, reason: str, now: float) -> None:
        state = self._states[name]
        said = self._said.pop(name, "")
        if is_telling(reason) or state.state is not SessionState.DOWN or not state.reason:
            self._down(name, explain_down(reason, said), now)

    def _missing(self, name: str, negotiated: tuple[str, ...]) -> str:
        profile = self._profiles[name]
        hops = ((4, profile.next_hop_ipv4), (6, profile.next_hop_ipv6))
        wanted = (family(version) for version, hop in hops if hop is not None)
        return missing_families(tuple(item for item in wanted if item not in negotiated))

    def _set(self, name: str, **changes: Any) -> None:
        old = self._states[name]
        new = replace(old, **changes)
        if new != old:
            self._states[name] = new
            self._on_change(new)


def _families(neighbor: "Mapping[str, Any]") -> tuple[str, ...]:
    negotiated = neighbor.get("negotiated")
    found = negotiated.get("families") if isinstance(negotiated, dict) else None
    return tuple(sorted(str(item) for item in found)) if isinstance(found, list) else ()


def _message(neighbor: "Mapping[str, Any]") -> str:
    notification = neighbor.get("notification")
    return str(notification.get("message", "")) if isinstance(notification, dict) else ""
