"""What the site gives a browser with a form, and with the page that thanks for it, instead of a session.

A form's ticket says when the form was made, and is good for one report. A receipt opens the summary of one report for a day:
the reference alone, which people tell others, opens nothing. Neither names a person, and nothing is kept of them here.
"""

from __future__ import annotations

import binascii
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

RECEIPT_SECONDS: Final = 86_400
LONGEST: Final = 200
NONCE: Final = 16
_MAC: Final = 16
_TIME: Final = 6


@dataclass(frozen=True, slots=True)
class Form:
    """A form that this site made."""

    nonce: bytes
    made: int
    """Unix seconds."""


class ReportTickets:
    """Makes tickets and receipts, and reads them. The secret is the site's."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"reports", "sha256")

    def form(self, now: int) -> str:
        """Return a ticket for a new form; `now` is Unix seconds."""
        return self._sealed(b"form", now.to_bytes(_TIME) + secrets.token_bytes(NONCE))

    def read_form(self, ticket: str) -> Form | None:
        """Return the form of a ticket, however old; none if we did not make it."""
        said = self._opened(b"form", ticket)
        return Form(said[_TIME:], int.from_bytes(said[:_TIME])) if said else None

    def receipt(self, reference: str, now: int) -> str:
        """Return what opens the summary of a report until a day from now."""
        return self._sealed(b"receipt", (now + RECEIPT_SECONDS).to_bytes(_TIME) + reference.encode())

    def read_receipt(self, receipt: str, now: int) -> tuple[str, int] | None:
        """Return the reference that a receipt is for, and until when it is good; none if it is not ours, or too old."""
        said = self._opened(b"receipt", receipt)
        if not said or now > int.from_bytes(said[:_TIME]):
            return None
        return said[_TIME:].decode(), int.from_bytes(said[:_TIME])

    def _sealed(self, purpose: bytes, said: bytes) -> str:
        return urlsafe_b64encode(self._mac(purpose, said) + said).decode().rstrip("=")

    def _opened(self, purpose: bytes, text: str) -> bytes | None:
        if len(text) > LONGEST or not text.isascii():
            return None
        try:
            raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except (binascii.Error, ValueError):
            return None
        mac, said = raw[:_MAC], raw[_MAC:]
        return said if hmac.compare_digest(mac, self._mac(purpose, said)) else None

    def _mac(self, purpose: bytes, said: bytes) -> bytes:
        return hmac.digest(self._key, purpose + b"\0" + said, "sha256")[:_MAC]
