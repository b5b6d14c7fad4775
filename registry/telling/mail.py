"""Sends a mail through the operator's mail server, over TLS."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from registry.enforcement.deliveries import read_mail
from registry.errors import DeliveryError, DocumentError

if TYPE_CHECKING:
    from registry.enforcement.deliveries import Delivery

SECONDS: Final = 20.0
"""For each answer of the server."""
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
PERMANENT: Final = 500


class Security(StrEnum):
    """How the connection to the mail server is kept from others."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"
    """To this machine alone."""


@dataclass(frozen=True, slots=True)
class Mail:
    """Sends deliveries by mail."""

    host: str
    sender: str
    """The address that a mail comes from."""
    port: int = 587
    security: Security = Security.STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context, repr=False)

    def __post_init__(self) -> None:
        """Raise `DocumentError` for settings that would send mails or the password in the clear."""
        read_mail(self.sender)
        if self.security is Security.NONE and self.host not in LOOPBACK:
            raise DocumentError(f"mail to {self.host} would go in the clear, expected starttls or tls")

    def __call__(self, delivery: Delivery) -> None:
        """Send a delivery. Raises `DeliveryError`, a final one if the server says that it will never take it."""
        message = self.message(delivery)
        server = None
        try:
            server = self._connect()
            server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise DeliveryError(
                f"the mail server refused the address with {codes[0]}", is_final=min(codes) >= PERMANENT
            ) from error
        except smtplib.SMTPResponseException as error:  # its text may repeat what was said to it
            raise DeliveryError(f"the mail server answered {error.smtp_code} ({type(error).__name__})") from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryError(f"the mail server could not be asked: {type(error).__name__}") from error
        finally:
            if server is not None:
                # The mail is with the server: what happens at the leave-taking changes nothing.
                with suppress(smtplib.SMTPException, OSError):
                    server.quit()

    def message(self, delivery: Delivery) -> EmailMessage:
        """Return a delivery as a mail. Raises a final `DeliveryError` for what no header may hold."""
        message = EmailMessage(policy=SMTP)
        if not delivery.subject.isprintable():  # of a lone line feed the library would make the end of all headers
            raise DeliveryError("the mail's subject holds signs that steer, expected a line of text", is_final=True)
        try:
            message["From"] = self.sender
            message["To"] = read_mail(delivery.address)
            message["Subject"] = delivery.subject
        except (ValueError, DocumentError) as error:  # line breaks in a header, or no address
            raise DeliveryError("the mail's subject or address cannot stand in a header", is_final=True) from error
        message["Date"] = format_datetime(datetime.fromtimestamp(delivery.created_at, UTC))
        # The same at every attempt: mail programs drop what they have.
        message["Message-ID"] = f"<{delivery.id}@{self.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(delivery.body.decode(), charset="utf-8", cte="base64")
        return message

    def _connect(self) -> smtplib.SMTP:
        if self.security is Security.TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=self.tls)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        try:
            if self.security is Security.STARTTLS:
                server.starttls(context=self.tls)
            if self.user:
                server.login(self.user, self.password)
        except BaseException:
            server.close()
            raise
        return server
