"""From what was told to messages in the outbox: rendered now, with the settings of now, sent later."""

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from fnm_guard.core.policy import Mode
from fnm_guard.notify.calls import CallWriter, ScriptCall
from fnm_guard.notify.mail import pack_mail
from fnm_guard.notify.messages import Composer
from fnm_guard.notify.model import Kind
from fnm_guard.notify.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from email.message import EmailMessage

    from fnm_guard.core.events import BanRefused
    from fnm_guard.notify.model import MailSettings, Notice, NotifyPolicy, Outbox, ScriptSettings

__all__ = ["Preparer"]

SPARE_ROOM = 1_000
"""Room in the outbox that is kept free of details, half of what a channel has there."""


class Preparer:
    """Renders for the channels that are wanted.

    Args:
        wall: Core seconds to UTC.
        now: Seconds since the epoch.

    Attributes:
        counters: `CHANNEL_dropped`: messages that the outbox had no room for.
    """

    def __init__(
        self,
        policy: "NotifyPolicy",
        mail: "MailSettings | None",
        script: "ScriptSettings | None",
        outbox: "Outbox",
        wall: "Callable[[float], datetime]",
        now: "Callable[[], float]",
    ) -> None:
        self._templates = Templates(policy.templates)
        self._to = () if mail is None else mail.to
        self._composer = None if mail is None else Composer(policy, mail, self._templates, wall)
        self._calls = None if script is None else CallWriter(policy, self._templates, wall)
        self._outbox = outbox
        self._now = now
        self.counters: Counter[str] = Counter()

    @property
    def fallbacks(self) -> int:
        """How many messages were made with our template because the operator's failed."""
        return self._templates.fallbacks

    def tell(self, notice: "Notice", kind: Kind) -> None:
        """Put the messages about one thing told about a ban."""
        spare = kind is Kind.DETAILED
        if self._composer is not None and self._has_room("mail", spare):
            mail = self._composer.render(notice, kind)
            self._put("mail", f"ban-{notice.ban.number}", pack_mail(mail, self._to))
        # A script may act on what it is told: never without a ban that acts.
        if self._calls is not None and notice.ban.mode is not Mode.MONITOR and self._has_room("script", spare):
            call = self._calls.call(notice, kind)
            self._put("script", call.host, msgspec.json.encode(call))

    def refuse(self, event: "BanRefused") -> None:
        """Put the mail about an attacked host that was not banned."""
        if self._composer is not None and event.attack is not None and self._has_room("mail"):
            mail = self._composer.refused(event)
            self._put("mail", f"attack-{event.attack.number}", pack_mail(mail, self._to))

    def repeat(self, key: str, payload: bytes) -> None:
        """Put a mail again, for those who could not take it yet."""
        self._put("mail", key, payload)

    def test_mail(self, at: float) -> "EmailMessage | None":
        """Give a test mail; None: no mail is wanted."""
        return None if self._composer is None else self._composer.test(at)

    def test_call(self, at: float) -> ScriptCall | None:
        """Give a test call; None: no script is wanted."""
        return None if self._calls is None else self._calls.test(at)

    def _has_room(self, channel: str, spare: bool = False) -> bool:
        """Look before rendering: in a storm that is where the time goes."""
        room = self._outbox.room(channel)
        if room > (SPARE_ROOM if spare else 0):
            return True
        self.counters[f"{channel}_dropped"] += 1
        return False

    def _put(self, channel: str, key: str, payload: bytes) -> None:
        if self._outbox.put(channel, key, payload, self._now()) is None:
            self.counters[f"{channel}_dropped"] += 1
