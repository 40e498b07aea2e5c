"""Section about bans."""

from collections.abc import Iterator
from typing import Annotated

from fnm_guard.config import kinds
from fnm_guard.config.section import Contradiction, Section
from fnm_guard.config.values import write_duration
from fnm_guard.core.policy import Mode, OutgoingPolicy

__all__ = ["BanSettings", "LimitSettings"]

MONTH = 30 * 86_400


class LimitSettings(Section):
    """Bounds on what may be banned."""

    active: Annotated[int, kinds.whole(1, 100_000)] = 100
    """How many bans may be active at once, by hand included; above it people are told, nothing is announced."""


class BanSettings(Section):
    """What follows from an attack."""

    mode: Annotated[Mode, kinds.member(Mode)] = Mode.ACT
    """`act` announces; `monitor` decides everything and announces nothing."""
    duration: Annotated[float, kinds.duration(1, MONTH)] = 1800.0
    """How long a ban lasts; while the attack is still visible it is extended."""
    holdoff: Annotated[float, kinds.duration(0, 86_400)] = 60.0
    """How long a host is not banned automatically after it was unbanned by hand."""
    outgoing: Annotated[OutgoingPolicy, kinds.member(OutgoingPolicy)] = OutgoingPolicy.ANNOUNCE
    """What an attack from one of our hosts leads to: `announce` bans that host, `tell` only tells people."""
    extension: Annotated[float, kinds.duration(1, MONTH)] = 86_400.0
    """Longest life of an automatic ban by extensions, counted from its start."""
    limits: LimitSettings = LimitSettings()
    """Bounds on what may be banned."""

    def contradictions(self) -> Iterator[Contradiction]:
        """Give what does not fit together."""
        if self.extension >= self.duration:
            return
        extension, duration = write_duration(self.extension), write_duration(self.duration)
        if "extension" in self.model_fields_set:
            text = f"too short: {extension}; allowed: at least ban.duration, {duration}"
            yield Contradiction(("extension",), text, (("duration",),))
        else:
            text = f"too long: {duration}; allowed: at most ban.extension, {extension} unless set"
            yield Contradiction(("duration",), text, (("extension",),))
