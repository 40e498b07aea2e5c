"""The whole file as one value, and the policies that the other rooms are built from."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from netaddr import IPNetwork, IPSet
from pydantic import Field

from fnm_guard.config import kinds
from fnm_guard.config.ban import BanSettings, LimitSettings
from fnm_guard.config.bgp import BgpSettings, ExaBgpSettings, NextHopSettings, PeerSettings
from fnm_guard.config.detection import (
    AuditSettings,
    CaptureSettings,
    DetectionSettings,
    DirectionSettings,
    GroupSettings,
    OurPrefix,
    ThresholdSettings,
)
from fnm_guard.config.notify import MailSettings, NotifySettings, ScriptSettings
from fnm_guard.config.problems import shown
from fnm_guard.config.section import Contradiction, Loc, Section
from fnm_guard.config.service import ApiSettings, LogSettings, PathSettings
from fnm_guard.core.model import Thresholds
from fnm_guard.core.policy import AttackPolicy, BanPolicy, DetectionPolicy, PeerProfile, ThresholdGroup

__all__ = [
    "ApiSettings", "AuditSettings", "BanSettings", "BgpSettings", "CaptureSettings", "DetectionSettings",
    "DirectionSettings", "ExaBgpSettings", "GroupSettings", "LimitSettings", "LogSettings", "MailSettings",
    "NextHopSettings", "NotifySettings", "PathSettings", "PeerSettings", "ScriptSettings", "Settings",
    "ThresholdSettings",
]  # fmt: skip

HOSTS_LIMIT = 2**24
NETWORKS_LIMIT = 65_536
SOCKET_PATH_BYTES = 107

_DEFAULT = Thresholds(pps=30_000)


class Settings(Section):
    """The configuration of one fnm-guard."""

    networks: Annotated[tuple[OurPrefix, ...], Field(min_length=1, max_length=NETWORKS_LIMIT)]
    """Our networks: only hosts in here are counted and banned.  At most 16777216 IPv4 addresses."""
    never_ban: Annotated[tuple[Annotated[IPNetwork, kinds.prefix(0, 0)], ...], Field(max_length=NETWORKS_LIMIT)] = ()
    """Prefixes and addresses that are never banned, by hand or not (the whitelist)."""
    capture: Annotated[tuple[CaptureSettings, ...], Field(max_length=64)] = ()
    """What is read; `run` needs one entry at least, `replay` none."""
    detection: DetectionSettings = DetectionSettings()
    """When a host is under attack."""
    audit: AuditSettings = AuditSettings()
    """The frames that are kept of an attack."""
    ban: BanSettings = BanSettings()
    """What follows from an attack."""
    bgp: BgpSettings = BgpSettings()
    """BGP; without peers nothing is announced."""
    notify: NotifySettings = NotifySettings()
    """Who is told, and how."""
    paths: PathSettings = PathSettings()
    """Where the daemon keeps its files."""
    api: ApiSettings = ApiSettings()
    """The interface that the command line uses."""
    log: LogSettings = LogSettings()
    """The log on standard error."""

    def contradictions(self) -> Iterator[Contradiction]:
        """Give what does not fit together."""
        yield from _repeated("networks", self.networks)
        yield from _repeated("never_ban", self.never_ban)
        ours = IPSet(self.networks)
        if sum(network.size for network in ours.iter_cidrs() if network.version == 4) > HOSTS_LIMIT:  # noqa: PLR2004
            text = f"more than {HOSTS_LIMIT} IPv4 addresses; allowed: as many as a /8 has"
            yield Contradiction(("networks",), text)
        yield from self._outside(ours)
        yield from self._about_capture()
        yield from self._about_flows()
        yield from self._about_sockets()

    def _outside(self, ours: IPSet) -> Iterator[Contradiction]:
        for name, group in self.detection.groups.items():
            for index, network in enumerate(group.networks):
                if network not in ours:
                    loc = ("detection", "groups", name, "networks", index)
                    text = f"outside networks: {network}; allowed: prefixes inside networks"
                    yield Contradiction(loc, text, (("networks",),))

    def _about_capture(self) -> Iterator[Contradiction]:
        seen: set[str | int] = set()
        for index, entry in enumerate(self.capture):
            if entry.snaplen < self.audit.frame_bytes:
                text = f"too small: {entry.snaplen}; allowed: at least audit.frame_bytes, {self.audit.frame_bytes}"
                yield Contradiction(("capture", index, "snaplen"), text, (("audit", "frame_bytes"),))
            claims: list[tuple[str | int, Loc]] = [
                (name, ("interfaces", position)) for position, name in enumerate(entry.interfaces)
            ]
            if entry.cluster is not None:
                claims.append((entry.cluster, ("cluster",)))
            for claim, loc in claims:
                if claim in seen:
                    text = f"stands twice: {claim!r}; allowed: once in all of capture"
                    yield Contradiction(("capture", index, *loc), text)
                seen.add(claim)

    def _about_flows(self) -> Iterator[Contradiction]:
        """Say which threshold can never be reached, because XDP counts no flows."""
        for index, entry in enumerate(self.capture):
            if entry.source != "xdp":
                continue
            for place in self.detection.flow_thresholds():
                text = "XDP counts no flows; allowed: without source: xdp"
                yield Contradiction(("detection", *place), text, (("capture", index, "source"),))
            return

    def _about_sockets(self) -> Iterator[Contradiction]:
        """Say which path is too long for a Unix socket; the longest name in the runtime folder is ExaBGP's bridge."""
        places: list[tuple[Loc, Path]] = [(("paths", "runtime"), self.paths.runtime / "bridge.sock")]
        if self.api.socket is not None:
            places.append((("api", "socket"), self.api.socket))
        for loc, path in places:
            length = len(os.fsencode(path))
            if length > SOCKET_PATH_BYTES:
                text = f"too long for a socket: {length} bytes with {shown(path.name)}; allowed: {SOCKET_PATH_BYTES}"
                yield Contradiction(loc, text)

    @property
    def api_socket(self) -> Path:
        """The path of the API's socket."""
        return self.api.socket or self.paths.runtime / "api.sock"

    def detection_policy(self) -> DetectionPolicy:
        """Give what the engine needs; groups carry complete thresholds."""
        detection = self.detection
        incoming = detection.thresholds.incoming.over(_DEFAULT)
        outgoing = detection.thresholds.outgoing.over(_DEFAULT)
        groups = (
            ThresholdGroup(
                name=name,
                networks=group.networks,
                incoming=group.thresholds.incoming.over(incoming),
                outgoing=group.thresholds.outgoing.over(outgoing),
            )
            for name, group in detection.groups.items()
        )
        return DetectionPolicy(
            networks=self.networks,
            incoming=incoming,
            outgoing=outgoing,
            groups=tuple(groups),
            window_seconds=detection.window,
            tick_seconds=detection.tick,
            ipv6_hosts=detection.ipv6_hosts,
            flows=detection.flows,
        )

    def attack_policy(self) -> AttackPolicy:
        """Give when an attack is over."""
        return AttackPolicy(release=self.detection.release, hold_seconds=self.detection.hold)

    def ban_policy(self) -> BanPolicy:
        """Give what may be banned, how, and for how long."""
        return BanPolicy(
            networks=IPSet(self.networks),
            never_ban=IPSet(self.never_ban),
            mode=self.ban.mode,
            outgoing=self.ban.outgoing,
            duration_seconds=self.ban.duration,
            holdoff_seconds=self.ban.holdoff,
            active_limit=self.ban.limits.active,
            extension_limit_seconds=self.ban.extension,
        )

    def peer_profiles(self) -> tuple[PeerProfile, ...]:
        """Give the BGP neighbours in the order of the file."""
        return self.bgp.profiles()


def _repeated(key: str, networks: tuple[IPNetwork, ...]) -> Iterator[Contradiction]:
    seen: set[IPNetwork] = set()
    for index, network in enumerate(networks):
        if network in seen:
            yield Contradiction((key, index), f"stands twice: {network}; allowed: once")
        seen.add(network)
