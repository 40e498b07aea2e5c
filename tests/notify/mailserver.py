"""A real SMTP server on the loopback that does as it is told."""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

__all__ = ["MailServer"]


@dataclass
class MailServer:
    """What the server says, and what it got.

    Attributes:
        tls: Certificate for TLS or STARTTLS.
        implicit: TLS from the first byte.
        password: What a login needs; None: no login is offered.
        at_data: Replies to the next mails' data; when they are used up, it takes the mail.  `HANG UP` cuts the line.
        at_recipient: Replies to the next tries of a recipient.
        silent: Accept connections and never say a word.
    """

    tls: ssl.SSLContext | None = None
    implicit: bool = False
    password: str | None = None
    at_data: deque[str] = field(default_factory=deque)
    at_recipient: dict[str, deque[str]] = field(default_factory=dict)
    silent: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)
    users: list[str | None] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen, on the same port as before if it was stopped."""
        loop = asyncio.get_running_loop()
        context = self.tls if self.implicit else None
        self._server = await loop.create_server(self._protocol, "127.0.0.1", self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    def _protocol(self) -> asyncio.BaseProtocol:
        self.connections += 1
        if self.silent:
            return asyncio.Protocol()
        # aiosmtpd knows only of STARTTLS; it would not allow a login inside implicit TLS.
        starttls = self.tls is not None and not self.implicit
        offer: dict[str, Any] = {"auth_require_tls": starttls}
        if self.password is not None:
            offer |= {"authenticator": self._authenticate, "auth_required": starttls}
        if starttls:
            offer |= {"tls_context": self.tls, "require_starttls": True}
        return SMTP(self, hostname="mail.example.net", loop=asyncio.get_running_loop(), **offer)

    def _authenticate(
        self, server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        good = data.login == b"guard" and data.password == str(self.password).encode()
        # handled=False lets the server answer a refusal with 535 by itself.
        return AuthResult(success=good, handled=False, auth_data="guard")

    async def handle_RCPT(self, _: Any, __: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        replies = self.at_recipient.get(address)
        if replies:
            return replies.popleft()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.at_data:
            reply = self.at_data.popleft()
            if reply == "HANG UP":
                server.transport.abort()
            return reply
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients.append(list(envelope.rcpt_tos))
        self.secured.append(session.ssl is not None or self.implicit)
        self.users.append(session.auth_data)
        return "250 OK"
