"""Section about BGP: our side, ExaBGP, and the peers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from netaddr import IPAddress
from pydantic import Field, SecretStr, model_validator

from fnm_guard.config import kinds
from fnm_guard.config.addresses import read_address
from fnm_guard.config.detection import Name
from fnm_guard.config.secret import secret
from fnm_guard.config.section import Contradiction, Loc, Section
from fnm_guard.core.policy import PeerProfile

__all__ = ["BgpSettings", "ExaBgpSettings", "NextHopSettings", "PeerSettings", "UserName"]

HIGH_32 = 4_294_967_295

UserName = Annotated[
    str, kinds.text(r"[a-z_][a-z0-9_-]{0,30}", "not a user or group name", "lower-case letters, digits, _ -")
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error", "critical"],
    kinds.choice("debug", "info", "warning", "error", "critical"),
]
# It goes into ExaBGP's configuration text, in quotes; 80 is TCP_MD5SIG_MAXKEYLEN.
PASSWORD = r"[!#-&(-\[\]-~]{1,80}"  # noqa: S105 - the pattern of one

Password = Annotated[
    SecretStr, secret(PASSWORD, "1 to 80 printable ASCII characters without spaces, quotes and backslashes")
]


class NextHopSettings(Section):
    """Discard next hops, one a family (RFC 5635); an address alone stands for its own family."""

    ipv4: Annotated[IPAddress, kinds.address(4)] | None = None
    """Next hop of IPv4 routes; without it no IPv4 route is announced to this peer."""
    ipv6: Annotated[IPAddress, kinds.address(6)] | None = None
    """Next hop of IPv6 routes; without it no IPv6 route is announced to this peer."""

    @model_validator(mode="before")
    @classmethod
    def _take_address(cls, data: object) -> object:
        if not isinstance(data, str | IPAddress):
            return data
        found = read_address(data)
        return {f"ipv{found.version}": found}

    def contradictions(self) -> Iterator[Contradiction]:
        """Give what does not fit together."""
        if self.ipv4 is None and self.ipv6 is None:
            yield Contradiction((), "empty; allowed: ipv4, ipv6 or both", (("ipv4",), ("ipv6",)))


def _or_address(schema: dict[str, Any]) -> None:
    """Let the JSON Schema of a next hop take an address alone."""
    schema["anyOf"] = [{"$ref": schema.pop("$ref")}, {"type": "string", "x-values": "address"}]


def _discard() -> NextHopSettings:
    return NextHopSettings(ipv4=IPAddress("192.0.2.1"), ipv6=IPAddress("100::1"))


class PeerSettings(Section):
    """One BGP neighbour and how blackholes are announced to it."""

    address: Annotated[IPAddress, kinds.address()]
    """The peer's address; the session runs over its family."""
    remote_as: Annotated[int, kinds.as_number()] = Field(alias="as")
    """The peer's AS number; equal to `bgp.local_as` for iBGP."""
    local_address: Annotated[IPAddress, kinds.address()] | None = None
    """Our end of the session, of the same family; empty: the kernel chooses."""
    next_hop: NextHopSettings = Field(default_factory=_discard, json_schema_extra=_or_address)
    """Discard next hop: an address, or one a family; left out: 192.0.2.1 and 100::1."""
    communities: Annotated[tuple[Annotated[str, kinds.community()], ...], Field(max_length=32)] = ("65535:666",)
    """Standard communities (RFC 1997), as agreed with the peer; the default is BLACKHOLE (RFC 7999)."""
    large_communities: Annotated[tuple[Annotated[str, kinds.large_community()], ...], Field(max_length=32)] = ()
    """Large communities (RFC 8092) of every blackhole."""
    no_export: Annotated[bool, kinds.switch()] = True
    """Whether NO_EXPORT is added; false towards the route servers of an exchange: with it they pass nothing on."""
    local_preference: Annotated[int, kinds.whole(0, HIGH_32)] | None = None
    """LOCAL_PREF of every blackhole; iBGP only.  Empty: ExaBGP's own."""
    password: Password | None = None
    """TCP MD5 password (RFC 2385)."""
    ttl_security: Annotated[bool, kinds.switch()] = False
    """Whether both ends insist on TTL 255 (RFC 5082); for directly connected peers."""
    multihop: Annotated[int, kinds.whole(2, 255)] | None = None
    """TTL of our packets to an eBGP peer several hops away; empty: directly connected."""
    hold: Annotated[int, kinds.duration(3, 65_535, is_whole=True)] = 90
    """Hold time offered to the peer."""
    graceful_restart: Annotated[int, kinds.duration(0, 4095, is_whole=True)] = 120
    """How long the peer keeps our routes while ExaBGP restarts (RFC 4724); 0 does not offer it."""
    max_routes: Annotated[int, kinds.whole(1, 1_000_000)] = 1000
    """Most routes announced to this peer; keep it below the peer's max-prefix, which drops the whole session."""

    def contradictions(self) -> Iterator[Contradiction]:
        """Give what does not fit together."""
        if self.local_address is not None and self.local_address.version != self.address.version:
            text = f"of the wrong family: {self.local_address}; allowed: an IPv{self.address.version} address"
            yield Contradiction(("local_address",), text, (("address",),))
        if self.local_address == self.address:
            text = f"the peer's own address: {self.local_address}; allowed: an address of this machine"
            yield Contradiction(("local_address",), text, (("address",),))
        if self.ttl_security and self.multihop is not None:
            text = "does not go with ttl_security; allowed: one of the two"
            yield Contradiction(("multihop",), text, (("ttl_security",),))
        for name in ("communities", "large_communities"):
            values = getattr(self, name)
            for index, value in enumerate(values):
                if value in values[:index]:
                    yield Contradiction((name, index), f"stands twice: {value}; allowed: once")

    def profile(self, name: str, local_as: int, router_id: IPAddress) -> PeerProfile:
        """Give the peer as the announcer wants it."""
        return PeerProfile(
            name=name,
            address=self.address,
            remote_as=self.remote_as,
            local_as=local_as,
            router_id=router_id,
            local_address=self.local_address,
            next_hop_ipv4=self.next_hop.ipv4,
            next_hop_ipv6=self.next_hop.ipv6,
            communities=self.communities,
            large_communities=self.large_communities,
            no_export=self.no_export,
            local_preference=self.local_preference,
            password=None if self.password is None else self.password.get_secret_value(),
            ttl_security=self.ttl_security,
            multihop=self.multihop,
            hold_seconds=self.hold,
            graceful_restart_seconds=self.graceful_restart,
            max_routes=self.max_routes,
        )


class ExaBgpSettings(Section):
    """The ExaBGP process."""

    managed: Annotated[bool, kinds.switch()] = True
    """Whether fnm-guard starts and supervises ExaBGP; false where it is a service of its own."""
    command: Annotated[Path, kinds.file_path()] | None = None
    """Path of the exabgp program; empty: the one that was installed with fnm-guard."""
    user: UserName | None = None
    """User that ExaBGP runs as; empty: the daemon's own."""
    on_stop: Annotated[Literal["withdraw", "keep"], kinds.choice("withdraw", "keep")] = "withdraw"
    """What a planned stop does with the routes: withdraw them, or keep them until their bans are due."""
    log_level: LogLevel = "warning"
    """How much ExaBGP logs."""


class BgpSettings(Section):
    """BGP; without peers nothing is announced."""

    local_as: Annotated[int, kinds.as_number()] | None = None
    """Our AS number; needed with peers."""
    router_id: Annotated[IPAddress, kinds.address(4)] | None = None
    """Our BGP identifier, written as an IPv4 address; needed with peers."""
    exabgp: ExaBgpSettings = ExaBgpSettings()
    """The ExaBGP process."""
    peers: Annotated[dict[Name, PeerSettings], Field(max_length=64)] = Field(default_factory=dict)
    """BGP neighbours by name."""

    def contradictions(self) -> Iterator[Contradiction]:
        """Give what does not fit together."""
        if not self.peers:
            return
        for name in ("local_as", "router_id"):
            if getattr(self, name) is None:
                yield Contradiction((name,), "missing; allowed: it must be given where there are peers")
        seen: dict[IPAddress, str] = {}
        for name, peer in self.peers.items():
            first = seen.setdefault(peer.address, name)
            if first != name:
                text = f"the address of peer {first} too: {peer.address}; allowed: one peer an address"
                yield Contradiction(("peers", name, "address"), text)
            yield from self._about(name, peer)

    def _about(self, name: str, peer: PeerSettings) -> Iterator[Contradiction]:
        if self.local_as is None:
            return
        others: tuple[Loc, ...] = (("local_as",), ("peers", name, "as"))
        is_internal = peer.remote_as == self.local_as
        if not is_internal and peer.local_preference is not None:
            yield Contradiction(("peers", name, "local_preference"), "the peer is eBGP; allowed: on iBGP only", others)
        if is_internal and peer.multihop is not None:
            yield Contradiction(("peers", name, "multihop"), "the peer is iBGP; allowed: on eBGP only", others)

    def profiles(self) -> tuple[PeerProfile, ...]:
        """Give the peers in the order of the file."""
        if self.local_as is None or self.router_id is None:
            return ()
        return tuple(peer.profile(name, self.local_as, self.router_id) for name, peer in self.peers.items())
