"""The whole file as one value, and the policies that the other rooms are built from."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

from netaddr import IPNetwork, IPSet
from pydantic import Field, ValidationInfo, field_validator

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
from fnm_guard.config.section import Contradiction, ContradictionError, Section
from fnm_guard.config.service import ApiSettings, LogSettings, PathSettings
from fnm_guard.core.model import (
    AttackPolicy,
    BanPolicy,
    DetectionPolicy,
    PeerProfile,
    ThresholdGroup,
    Thresholds,
)

__all__ = [
    "ApiSettings", "AuditSettings", "BanSettings", "BgpSettings", "CaptureSettings", "DetectionSettings",
    "DirectionSettings", "ExaBgpSettings", "GroupSettings", "LimitSettings", "LogSettings", "MailSettings",
    "NextHopSettings", "NotifySettings", "PathSettings", "PeerSettings", "ScriptSettings", "Settings",
    "ThresholdSettings",
]  # fmt: skip

HOSTS_LIMIT = 2**24
NETWORKS_LIMIT = 65_536
SOCKET_PATH_BYTES = 107

_Value = TypeVar("_Value")
_DEFAULT = Thresholds(pps=30_000)


class Settings(Section):
    """The configuration of one fnm-guard."""

    networks: Annotated[tuple[OurPrefix, ...], Field(min_length=1, max_length=NETWORKS_LIMIT)]
    """Our networks: only hosts in here are counted and banned.  16777216 IPv4 addresses at most."""
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

    @field_validator("networks", "never_ban", mode="after")
    @classmethod
    def _check_networks(cls, networks: tuple[IPNetwork, ...], info: ValidationInfo) -> tuple[IPNetwork, ...]:
        found = list(_repeated(networks))
        if info.field_name == "networks" and _ipv4_hosts(networks) > HOSTS_LIMIT:
            found.append(((), f"more than {HOSTS_LIMIT} IPv4 addresses; allowed: prefixes of one /8 together"))
        return _agreed(networks, found)

    @field_validator("capture", mode="after")
    @classmethod
    def _check_capture(cls, capture: tuple[CaptureSettings, ...]) -> tuple[CaptureSettings, ...]:
        places = [
            ((index, "interfaces", position), name)
            for index, entry in enumerate(capture)
            for position, name in enumerate(entry.interfaces)
        ]
        seen: set[str] = set()
        found: list[Contradiction] = []
        for loc, name in places:
            if name in seen:
                found.append((loc, f"stands twice: {name!r}; allowed: once in all of capture"))
            seen.add(name)
        return _agreed(capture, found)

    @field_validator("detection", mode="after")
    @classmethod
    def _check_groups(cls, detection: DetectionSettings, info: ValidationInfo) -> DetectionSettings:
        if "networks" not in info.data:
            return detection
        ours = IPSet(info.data["networks"])
        found: list[Contradiction] = [
            (("groups", name, "networks", index), f"outside networks: {network}; allowed: prefixes inside networks")
            for name, group in detection.groups.items()
            for index, network in enumerate(group.networks)
            if network not in ours
        ]
        return _agreed(detection, found)

    def contradictions(self) -> Iterator[Contradiction]:
        """Give what does not fit together."""
        for index, entry in enumerate(self.capture):
            if entry.snaplen < self.audit.frame_bytes:
                text = f"too small: {entry.snaplen}; allowed: at least audit.frame_bytes, {self.audit.frame_bytes}"
                yield ("capture", index, "snaplen"), text
        length = len(os.fsencode(self.api_socket))
        if length > SOCKET_PATH_BYTES:
            loc = ("paths", "runtime") if self.api.socket is None else ("api", "socket")
            yield loc, f"the path of the socket has {length} bytes; allowed: {SOCKET_PATH_BYTES}"

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


def _repeated(networks: tuple[IPNetwork, ...]) -> Iterator[Contradiction]:
    seen: set[IPNetwork] = set()
    for index, network in enumerate(networks):
        if network in seen:
            yield (index,), f"stands twice: {network}; allowed: once"
        seen.add(network)


def _ipv4_hosts(networks: tuple[IPNetwork, ...]) -> int:
    return sum(network.size for network in IPSet(networks).iter_cidrs() if network.version == 4)  # noqa: PLR2004 - IPv4


def _agreed(value: _Value, found: list[Contradiction]) -> _Value:
    if found:
        raise ContradictionError(tuple(found))
    return value
