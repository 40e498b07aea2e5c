"""Section about notifications."""

import datetime as dt
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr

from fnm_guard.config import kinds
from fnm_guard.config.secret import secret
from fnm_guard.config.section import Contradiction, Section
from fnm_guard.config.values import BadValueError

__all__ = ["MailSettings", "NotifySettings", "ScriptSettings"]

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL}){{0,16}}"

MailAddress = Annotated[
    str, kinds.text(rf"(?=.{{3,254}}$){_ATOM}(?:\.{_ATOM})*@{_DOMAIN}", "not a mail address", "NAME@DOMAIN, in ASCII")
]
HostName = Annotated[str, kinds.text(rf"(?=.{{1,253}}$){_DOMAIN}\.?", "not a host name", "a host name")]
PASSWORD = r"[^\x00-\x1f\x7f]{1,255}"  # noqa: S105 - the pattern of one


def _read_server(value: object) -> str:
    try:
        return str(ipaddress.ip_address(value)) if isinstance(value, str) else str(HOST.read(value))
    except ValueError:
        return str(HOST.read(value))


HOST = kinds.text(rf"(?=.{{1,253}}$){_DOMAIN}\.?", "not a server", "a host name or an address")


def _read_zone(value: object) -> str:
    if value == "UTC":
        return "UTC"
    try:
        return ZoneInfo(str(value)).key
    except (ValueError, OSError, KeyError):
        raise BadValueError("unknown time zone", "a name of the IANA time zone database, as Europe/Berlin") from None


class MailSettings(Section):
    """Mail by SMTP."""

    server: Annotated[str, kinds.Kind(_read_server, {"type": "string", "x-values": "host name or address"})]
    """Mail server."""
    port: Annotated[int, kinds.whole(1, 65_535)] = 25
    """Its port; 587 is usual for submission with STARTTLS, 465 for TLS."""
    security: Annotated[Literal["none", "starttls", "tls"], kinds.choice("none", "starttls", "tls")] = "none"
    """Encryption: none, STARTTLS (a server that does not offer it gets no mail), or TLS from the first byte."""
    user: Annotated[str, kinds.text(r"[ -~]{1,255}", "not a user name", "printable ASCII")] | None = None
    """User to log in as; empty: no login."""
    password: Annotated[SecretStr, secret(PASSWORD, "1 to 255 characters without control characters")] | None = None
    """Password of that user."""
    sender: MailAddress = Field(alias="from")
    """Address the mails come from."""
    to: Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=100)]
    """Addresses the mails go to."""
    timeout: Annotated[float, kinds.duration(1, 600)] = 30.0
    """Longest time for one attempt."""
    retry_for: Annotated[float, kinds.duration(0, 30 * 86_400)] = 172_800.0
    """How long a mail that could not be delivered is tried again."""
    helo: HostName | None = None
    """Name given to the server; empty: the machine's own."""

    def contradictions(self) -> Iterator[Contradiction]:
        """Give what does not fit together."""
        if (self.user is None) != (self.password is None):
            missing, given = ("user", "password") if self.user is None else ("password", "user")
            text = f"missing; allowed: it must be given where there is a {given}"
            yield Contradiction((missing,), text, ((given,),))
        if self.user is not None and self.security == "none" and not self._is_local():
            text = "a login would cross the network in clear; allowed: starttls, tls, or a server on this machine"
            yield Contradiction(("security",), text, (("user",), ("server",)))

    def _is_local(self) -> bool:
        try:
            return ipaddress.ip_address(self.server).is_loopback
        except ValueError:
            return self.server == "localhost"


class ScriptSettings(Section):
    """A program that is called for every attack."""

    path: Annotated[Path, kinds.file_path()]
    """The program, called as PROGRAM ADDRESS DIRECTION POWER ACTION with the report on standard input."""
    timeout: Annotated[float, kinds.duration(1, 3600)] = 60.0
    """After this time it is ended."""


class NotifySettings(Section):
    """Who is told, and how."""

    brand: Annotated[
        str, kinds.text(r"[!-~](?:[ -~]{0,62}[!-~])?", "not a brand", "1 to 64 printable ASCII characters")
    ] = "Myflower Guard"
    """Name at the front of every subject."""
    timezone: Annotated[str, kinds.Kind(_read_zone, {"type": "string", "x-values": "name of a time zone"})] = "UTC"
    """Time zone of the times in messages."""
    audit_deadline: Annotated[float, kinds.duration(0.1, 600)] = 10.0
    """How long the second mail waits for its audit packets."""
    templates: Annotated[Path, kinds.file_path()] | None = None
    """Folder with templates of your own, which stand in for those of the same name."""
    mail: MailSettings | None = None
    """Mail by SMTP; empty: no mail."""
    script: ScriptSettings | None = None
    """A program that is called for every attack; empty: none."""

    def zone(self) -> dt.tzinfo:
        """Give the time zone as an object; UTC needs no database."""
        return dt.UTC if self.timezone == "UTC" else ZoneInfo(self.timezone)
