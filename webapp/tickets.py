"""Tickets: who was shown the page of a label may say something of its unit, for an hour, without having signed in.

A page of another site cannot make one, so that nobody's browser answers without its reader; and what a ticket names is what its
page was about. It is no secret of a person, and nothing about tickets is kept.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from registry.units.records import UnitId

GOOD_FOR: Final = 3600
"""Seconds."""
LONGEST: Final = 200
_MAC: Final = 16


class Tickets:
    """Makes tickets and reads them. The secret is the site's."""

    def __init__(self, secret: bytes) -> None:
        self._key = hmac.digest(secret, b"tickets", "sha256")

    def issue(self, unit: UnitId, now: int) -> str:
        """Return a ticket for a unit; `now` is Unix seconds."""
        said = f"{now + GOOD_FOR}/{unit.gtin}/{unit.serial}".encode()
        return urlsafe_b64encode(self._mac(said) + said).decode().rstrip("=")

    def read(self, ticket: str, now: int) -> UnitId | None:
        """Return the unit of a ticket; none if it is not one of ours, or too old."""
        if len(ticket) > LONGEST:
            return None
        try:
            raw = urlsafe_b64decode(ticket + "=" * (-len(ticket) % 4))
        except (binascii.Error, ValueError):
            return None
        mac, said = raw[:_MAC], raw[_MAC:]
        if not hmac.compare_digest(mac, self._mac(said)):
            return None
        until, gtin, serial = said.decode().split("/", 2)
        return UnitId(gtin, serial) if now <= int(until) else None

    def _mac(self, said: bytes) -> bytes:
        return hmac.digest(self._key, said, "sha256")[:_MAC]
