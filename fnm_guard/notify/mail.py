"""Mail by SMTP.

A batch goes over one connection.  What the server says of one mail settles that mail: 4xx is tried again, 5xx is not.
What keeps the connection from being made (no route, no TLS, a bad certificate, a refused login) is trouble of the
channel: nothing is settled, and all of it is tried again until each mail's time is up, so that a mended password or
server still delivers what waits.
"""

import asyncio
import ssl
from typing import TYPE_CHECKING

import aiosmtplib
import msgspec
import structlog

from fnm_guard.notify.facts import one_line
from fnm_guard.notify.outcome import ChannelDownError, Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from email.message import EmailMessage

    from fnm_guard.notify.model import MailSettings, Message
    from fnm_guard.notify.outcome import Settle

__all__ = ["MailChannel", "MailPayload", "pack_mail"]

BATCH = 20
PERMANENT = 500
"""SMTP replies from here on are final (RFC 5321, section 4.2.1)."""

_log: structlog.typing.FilteringBoundLogger = structlog.get_logger("fnm_guard.notify")


class MailPayload(msgspec.Struct, frozen=True):
    """A mail as it waits: whom it is for, and its text, which is ASCII by its encoding."""

    to: list[str]
    mail: str


def pack_mail(message: "EmailMessage", to: "Sequence[str]") -> bytes:
    """Give a mail as the outbox holds it."""
    return msgspec.json.encode(MailPayload(list(to), message.as_bytes().decode("ascii")))


class MailChannel:
    """Delivers packed mails.

    Args:
        repeat: Takes the rest of a mail that some recipients could not take yet: key, payload.
    """

    name = "mail"
    lanes = 1
    batch = BATCH

    def __init__(self, settings: "MailSettings", repeat: "Callable[[str, bytes], object]") -> None:
        self._settings = settings
        self._repeat = repeat
        self.retry_seconds = settings.retry_seconds

    async def deliver(self, batch: "Sequence[Message]", settle: "Settle") -> None:
        """Send the mails over one connection."""
        client = await self._connect()
        try:
            for message in batch:
                settle(message, await self._send(client, message))
        finally:
            await self._leave(client)

    async def test(self, message: "EmailMessage") -> str:
        """Send one mail past the outbox and say where it went.

        Raises:
            ChannelDownError: If it did not go out, with the reason.
        """
        client = await self._connect()
        try:
            settings = self._settings
            async with asyncio.timeout(settings.timeout_seconds):
                refused, _ = await client.sendmail(settings.sender, list(settings.to), message.as_bytes())
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise ChannelDownError(self._explain(error)) from error
        finally:
            await self._leave(client)
        if refused:
            raise ChannelDownError(f"{self._place()}: refused for {_named(refused)}; the others have it")
        return f"{', '.join(settings.to)} by {self._place()}"

    def close(self) -> None:
        """Nothing runs outside of `deliver`."""

    async def _connect(self) -> aiosmtplib.SMTP:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.timeout_seconds):
                context = None if settings.security == "none" else await asyncio.to_thread(self._trust)
                client = aiosmtplib.SMTP(
                    hostname=settings.server,
                    port=settings.port,
                    username=settings.user,
                    password=settings.password,
                    local_hostname=settings.helo,
                    timeout=settings.timeout_seconds,
                    use_tls=settings.security == "tls",
                    start_tls=settings.security == "starttls",
                    tls_context=context,
                )
                await client.connect()
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise ChannelDownError(self._explain(error)) from error
        return client

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.ca_file)

    async def _send(self, client: aiosmtplib.SMTP, message: "Message") -> Outcome:
        try:
            payload = msgspec.json.decode(message.payload, type=MailPayload)
        except msgspec.DecodeError as error:
            return Outcome(Result.NEVER, f"not readable: {error}")
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                refused, _ = await client.sendmail(self._settings.sender, payload.to, payload.mail.encode())
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError, TimeoutError) as error:
            raise ChannelDownError(self._explain(error)) from error
        except aiosmtplib.SMTPRecipientsRefused as error:
            return self._all_refused({item.recipient: (item.code, item.message) for item in error.recipients})
        except aiosmtplib.SMTPResponseException as error:
            return Outcome(Result.NEVER if error.code >= PERMANENT else Result.LATER, self._explain(error))
        except (aiosmtplib.SMTPException, ValueError) as error:
            return Outcome(Result.NEVER, f"{self._place()}: {one_line(str(error))}")
        if refused:
            self._some_refused(message, payload, refused)
        return Outcome(Result.SENT)

    def _all_refused(self, replies: "dict[str, tuple[int, str]]") -> Outcome:
        # One that may take it later is reason enough to try again; the final refusals then repeat themselves.
        result = Result.NEVER if all(code >= PERMANENT for code, _ in replies.values()) else Result.LATER
        return Outcome(result, f"{self._place()}: refused for {_named(replies)}")

    def _some_refused(
        self, message: "Message", payload: MailPayload, refused: "dict[str, aiosmtplib.SMTPResponse]"
    ) -> None:
        _log.warning("mail not taken for some recipients", refused=_named(refused))
        later = [address for address, reply in refused.items() if reply.code < PERMANENT]
        if later:
            self._repeat(f"{message.key} {' '.join(later)}", msgspec.json.encode(MailPayload(later, payload.mail)))

    async def _leave(self, client: aiosmtplib.SMTP) -> None:
        try:
            async with asyncio.timeout(1.0):
                await client.quit()
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            client.close()

    def _place(self) -> str:
        return f"{self._settings.server} port {self._settings.port}"

    def _explain(self, error: Exception) -> str:
        if isinstance(error, aiosmtplib.SMTPResponseException):
            login = isinstance(error, aiosmtplib.SMTPAuthenticationError)
            what = f"login of {self._settings.user} refused: " if login else ""
            return f"{self._place()}: {what}{error.code} {one_line(error.message)}"
        cause = error.__cause__ if isinstance(error, aiosmtplib.SMTPConnectError) and error.__cause__ else error
        text = one_line(str(cause)) or f"no answer in {self._settings.timeout_seconds:g} s"
        return f"{self._place()}: {text}"


def _named(replies: "dict[str, aiosmtplib.SMTPResponse] | dict[str, tuple[int, str]]") -> str:
    return ", ".join(f"{address} ({reply[0]} {one_line(reply[1])})" for address, reply in replies.items())
