"""What a channel says of each message, and of itself."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fnm_guard.notify.model import Message

__all__ = ["Channel", "ChannelDownError", "Outcome", "Result", "Settle"]


class Result(StrEnum):
    """What became of one try."""

    SENT = "sent"
    LATER = "later"
    NEVER = "never"
    """Refused for good: another try would end the same."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One try's result.

    Attributes:
        text: Why it was not sent.
        silent: Whether it needs no line in the log: the channel has written one, or did at its start.
    """

    result: Result
    text: str = ""
    silent: bool = False


class ChannelDownError(Exception):
    """The channel cannot be used at all now; messages not settled yet keep their place."""


if TYPE_CHECKING:
    Settle = Callable[[Message, Outcome], None]


class Channel(Protocol):
    """One way out."""

    @property
    def name(self) -> str:
        """The outbox's name for it."""
        ...

    @property
    def lanes(self) -> int:
        """How many batches may be on their way at once."""
        ...

    @property
    def batch(self) -> int:
        """How many messages are handed over at once."""
        ...

    @property
    def retry_seconds(self) -> float:
        """How long a message that cannot be delivered is tried again."""
        ...

    async def deliver(self, batch: "Sequence[Message]", settle: "Settle") -> None:
        """Try every message once, in order, and settle each at once.

        Raises:
            ChannelDownError: If the rest of the batch could not even be tried.
        """
        ...

    def close(self) -> None:
        """End what still runs."""
        ...
