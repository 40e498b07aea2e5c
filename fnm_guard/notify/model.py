"""What the notifications are told, and what they need of others."""

from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fnm_guard.core.events import RemovalCause
    from fnm_guard.core.life import Attack, Ban
    from fnm_guard.core.model import Audit, HostRates

__all__ = [
    "ChannelReport",
    "Kind",
    "MailSettings",
    "Message",
    "Notice",
    "NotifierStatus",
    "NotifyPolicy",
    "Outbox",
    "Pace",
    "ScriptSettings",
]


class Kind(StrEnum):
    """The messages of one ban."""

    BANNED = "banned"
    DETAILED = "detailed"
    UNBANNED = "unbanned"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell about a ban.

    Attributes:
        at: When it happened, in core seconds.
        attack: What led to it or joined it; None for a ban by hand.
        rates: Both directions of the host, of the same instant; None: those of the crossing.
        audit: The kept packets, for the details.
        cause, by, reason: Of the unban.
    """

    ban: "Ban"
    at: float
    attack: "Attack | None" = None
    rates: "HostRates | None" = None
    audit: "Audit | None" = None
    cause: "RemovalCause | None" = None
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NotifyPolicy:
    """What all messages have in common.

    Attributes:
        instance: Name of this guard; part of every Message-ID, so unique among guards and among databases.
        timezone: Of the times in messages.
        templates: Folder of the operator's own templates.
    """

    instance: str = "fnm-guard"
    brand: str = "Myflower Guard"
    timezone: tzinfo = UTC
    templates: "Path | None" = None


@dataclass(frozen=True, slots=True)
class MailSettings:
    """One mail server and who gets mail.

    Attributes:
        sender, to: Bare addresses, ASCII.
        timeout_seconds: Longest time for connecting with login, and for each mail.
        retry_seconds: How long a mail that cannot be delivered is tried again.
        helo: Name given to the server; None: the machine's own.
        ca_file: PEM certificates to trust instead of the system's.
    """

    server: str
    sender: str
    to: tuple[str, ...]
    port: int = 25
    security: Literal["none", "starttls", "tls"] = "none"
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout_seconds: float = 30.0
    retry_seconds: float = 172_800.0
    helo: str | None = None
    ca_file: "Path | None" = None


@dataclass(frozen=True, slots=True)
class ScriptSettings:
    """A program called as FastNetMon calls its own."""

    path: "Path"
    timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How soon again after a failure: the first pause, doubled up to the limit."""

    first_seconds: float = 10.0
    limit_seconds: float = 600.0

    def pause(self, failures: int) -> float:
        """Give the pause after so many failures in a row, at least one."""
        return float(min(self.first_seconds * 2 ** min(failures - 1, 30), self.limit_seconds))


@dataclass(frozen=True, slots=True)
class ChannelReport:
    """What became of a test message on one channel; `text` says where it went, or why not."""

    channel: str
    sent: bool
    text: str


@dataclass(frozen=True, slots=True)
class NotifierStatus:
    """How the notifications are.

    Attributes:
        state: `running`, or `failing` while a channel cannot be used.
        text: Why.
        waiting: Messages that have not gone out.
        counters: What happened since the start, by name; all but `*_sent` should stay 0.
    """

    state: str
    text: str
    waiting: int
    counters: "Mapping[str, int]"


class Message(Protocol):
    """One message of the outbox; times in seconds since the epoch."""

    @property
    def id(self) -> int:
        """What it is settled by."""
        ...

    @property
    def key(self) -> str:
        """Messages of one key go out in order."""
        ...

    @property
    def payload(self) -> bytes:
        """What was put."""
        ...

    @property
    def created(self) -> float:
        """When it was put."""
        ...

    @property
    def attempts(self) -> int:
        """How often it was tried."""
        ...


class Outbox(Protocol):
    """Messages on their way out that survive the process; nothing here blocks."""

    def room(self, channel: str) -> int:
        """Give how many more messages the channel takes."""
        ...

    def put(self, channel: str, key: str, payload: bytes, due: float) -> int | None:
        """Let a message wait; None: no room."""
        ...

    def due(self, channel: str, now: float) -> "Sequence[Message]":
        """Give the first message of every key that is due, oldest first."""
        ...

    def next_due(self, channel: str) -> float | None:
        """Say when the next message is due."""
        ...

    def done(self, message: int) -> None:
        """Take out a message that has gone."""
        ...

    def retry(self, message: int, due: float, error: str) -> None:
        """Keep a message for another try."""
        ...

    def failed(self, message: int, error: str) -> None:
        """Give up a message."""
        ...

    def pending(self) -> "Mapping[str, int]":
        """Give how many messages wait, by channel."""
        ...
