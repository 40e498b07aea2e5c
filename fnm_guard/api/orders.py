"""The JSON of orders and of what became of them; the same rules as in `shapes`."""

import msgspec

from fnm_guard.api.shapes import BanShape

__all__ = ["BanOrder", "ChannelShape", "NotifyTestShape", "ReloadShape", "UnbanOrder", "UnbanShape"]


class BanOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/bans`.  `for` is a duration as in the configuration (`30m`); without it the default one."""

    host: str
    duration: str | None = msgspec.field(default=None, name="for")
    reason: str = ""
    permanent: bool = False


class UnbanOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `DELETE /v1/bans` and `DELETE /v1/bans/{host}`, which may be left out."""

    reason: str = ""


class ReloadShape(msgspec.Struct, frozen=True):
    """`POST /v1/reload`: what changed, a line each."""

    changes: list[str]


class ChannelShape(msgspec.Struct, frozen=True):
    """What became of a test message on one channel."""

    channel: str
    sent: bool
    text: str


class NotifyTestShape(msgspec.Struct, frozen=True):
    """`POST /v1/notify-test`."""

    channels: list[ChannelShape]


class UnbanShape(msgspec.Struct, frozen=True):
    """`DELETE /v1/bans` and `DELETE /v1/bans/{host}`: the bans as they were."""

    unbanned: list[BanShape]
