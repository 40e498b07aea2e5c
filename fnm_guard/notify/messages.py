"""Mails as text.

The Message-ID of a mail follows from the ban or attack it tells about and from the instance alone.  So the second and
the third mail name the first (`In-Reply-To`, `References`, RFC 5322, section 3.6.4) also after a restart, and a mail
that goes out twice is the same mail.
"""

import hashlib
import re
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.quoprimime import body_encode
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from fnm_guard.notify.facts import Facts, one_line
from fnm_guard.notify.model import Kind

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from fnm_guard.core.events import BanRefused
    from fnm_guard.notify.model import MailSettings, Notice, NotifyPolicy
    from fnm_guard.notify.templates import Templates

__all__ = ["Composer"]

_DOMAIN = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")
_DOMAIN_LIMIT = 40
"""A longer Message-ID would be folded into encoded words by Python's email package, and threads would break."""
_LINE_LIMIT = 900
"""Longest line sent as it is; RFC 5321, section 4.5.3.1.6, allows 998."""


class Composer:
    """Renders mails; needs no mail server.

    Args:
        wall: Core seconds to UTC.
    """

    def __init__(
        self,
        policy: "NotifyPolicy",
        mail: "MailSettings",
        templates: "Templates",
        wall: "Callable[[float], datetime]",
    ) -> None:
        self._mail = mail
        self._templates = templates
        self._wall = wall
        self._facts = Facts(policy, wall)
        self._domain = _domain(policy.instance)

    def render(self, notice: "Notice", kind: Kind) -> EmailMessage:
        """Give one mail about a ban.

        Raises:
            ValueError: If details are asked for of a ban by hand that no attack has joined.
        """
        facts = self._facts.of_notice(notice)
        first = self._identity(f"ban-{notice.ban.number}")
        match kind:
            case Kind.BANNED:
                return self._message(self._subject("banned", facts), "banned.body.j2", facts, notice.at, first)
            case Kind.DETAILED:
                if notice.attack is None:
                    raise ValueError(f"ban {notice.ban.number}: a ban by hand has no details")
                # The thread keeps its subject: that of the ban, also when the details are of an attack that joined it.
                subject = self._subject("banned", facts | self._facts.of_ban(notice.ban))
                identity = self._identity(f"ban-{notice.ban.number}.attack-{notice.attack.number}")
                return self._message(subject, "details.body.j2", facts, notice.at, identity, first)
            case Kind.UNBANNED:
                identity = self._identity(f"ban-{notice.ban.number}.end")
                subject = self._subject("unbanned", facts)
                return self._message(subject, "unbanned.body.j2", facts, notice.at, identity, first)

    def refused(self, event: "BanRefused") -> EmailMessage:
        """Give the mail about a host that was not banned."""
        facts = self._facts.of_refusal(event)
        number = 0 if event.attack is None else event.attack.number
        identity = self._identity(f"attack-{number}.refused")
        return self._message(self._subject("refused", facts), "refused.body.j2", facts, event.at, identity)

    def test(self, at: float) -> EmailMessage:
        """Give a mail that shows that mail works."""
        facts = self._facts.of_test(at)
        identity = self._identity(f"test-{self._wall(at).timestamp():.6f}")
        return self._message(self._subject("test", facts), "test.body.j2", facts, at, identity)

    def _subject(self, name: str, facts: dict[str, Any]) -> str:
        return one_line(self._templates.render(f"{name}.subject.j2", facts))

    def _message(
        self, subject: str, body: str, facts: dict[str, Any], at: float, identity: str, first: str = ""
    ) -> EmailMessage:
        headers = {
            "From": _folded("From", one_line(self._mail.sender)),
            "To": _folded("To", ", ".join(one_line(address) for address in self._mail.to)),
            "Subject": _folded("Subject", subject),
            "Date": format_datetime(self._wall(at)),
            "Message-ID": identity,
            "In-Reply-To": first,
            "References": first,
            "Auto-Submitted": "auto-generated",
        }
        return _assembled(headers, self._templates.render(body, facts))

    def _identity(self, local: str) -> str:
        return f"<{local}@{self._domain}>"


def _assembled(headers: dict[str, str], body: str) -> EmailMessage:
    """Give a mail of finished parts; parsing what is known to be good would take ten times as long as all the rest."""
    plain = body.isascii() and all(len(line) <= _LINE_LIMIT for line in body.splitlines())
    headers["MIME-Version"] = "1.0"
    headers["Content-Type"] = 'text/plain; charset="utf-8"'
    headers["Content-Transfer-Encoding"] = "7bit" if plain else "quoted-printable"
    text = f"{body}\n" if body else ""
    message = EmailMessage(policy=SMTP)
    for name, value in headers.items():
        if value:
            message.set_raw(name, value)
    # A lone surrogate of an operator's template must not stop the mail.
    message.set_payload(text if plain else body_encode(text.encode("utf-8", "replace").decode("latin-1")))
    return message


def _folded(name: str, text: str) -> str:
    """Give a header in lines; with other letters all of it is encoded, not words here and there (RFC 2047)."""
    return Header(text, "us-ascii" if text.isascii() else "utf-8", header_name=name).encode()


def _domain(instance: str) -> str:
    """Give the instance as the right side of a Message-ID; a digest of it where it does not fit."""
    if len(instance) <= _DOMAIN_LIMIT and _DOMAIN.fullmatch(instance):
        return instance
    return f"{hashlib.sha256(instance.encode('utf-8', 'replace')).hexdigest()[:16]}.guard"
