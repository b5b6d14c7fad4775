"""What is on its way to a rights holder, when it is tried again, and where a webhook may lead (docs/telling.md).

A delivery arrives at least once: whoever sends it may be killed between sending and noting that it was sent. Its id stays the
same, so that a receiver can drop what it has.
"""

from __future__ import annotations

import enum
import random
import re
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

from registry.errors import DocumentError

ATTEMPTS: Final = 8
WAITS: Final = (60, 300, 1_800, 7_200, 21_600, 43_200, 86_400)
"""Seconds after each attempt that failed: eight attempts in two days. The last failure is for people to look at."""
JITTER: Final = 0.2
"""Part of a wait by which it may be longer: what failed together is not tried again at the same moment."""
LEASE: Final = 300
"""Seconds for which a delivery belongs to who took it; then it is taken to be lost on the way. No attempt lasts that long."""
HTTPS: Final = 443
LONGEST_URL: Final = 500
LONGEST_MAIL: Final = 254
"""Characters of an address (RFC 5321, 4.5.3.1.3)."""
_MAIL: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


class Channel(enum.StrEnum):
    """By which way something is told."""

    MAIL = "mail"
    WEBHOOK = "webhook"


class State(enum.StrEnum):
    """How far a delivery is."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    """It is tried again."""
    DEAD = "dead"
    """It is not tried again unless a person says so."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one address."""

    id: str
    notice: str
    manufacturer: int
    channel: Channel
    address: str
    """An e-mail address, or a URL."""
    subject: str
    """Of a mail; empty for a webhook."""
    body: bytes
    """The text of a mail in UTF-8, or what is posted."""
    created_at: int
    state: State = State.QUEUED
    attempts: int = 0
    due_at: int = 0
    sent_at: int = 0
    last_error: str = ""
    """In words, without a secret."""


class Sends(Protocol):
    """Sends by one channel."""

    def __call__(self, delivery: Delivery, /) -> None:
        """Send it. Raises `DeliveryError`."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook leads, taken apart."""

    scheme: str
    host: str
    """In small letters, without brackets."""
    port: int
    path: str
    """With the query."""

    @property
    def authority(self) -> str:
        """Return host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (HTTPS if self.scheme == "https" else 80) else f"{host}:{self.port}"


def next_attempt(attempts: int, now: int, chance: float | None = None) -> int | None:
    """Return when (Unix seconds) a delivery that failed so often is tried again; none if it is not.

    `chance`, from 0 to 1, places it within its jitter.
    """
    if attempts >= ATTEMPTS:
        return None
    part = random.random() if chance is None else chance  # noqa: S311  # spreads load, and is no secret
    wait = WAITS[max(attempts, 1) - 1]
    return now + round(wait * (1 + JITTER * part))


def read_mail(typed: str) -> str:
    """Return an e-mail address as it was typed; raises `DocumentError` for what no mail server must be handed."""
    found = typed.strip()
    if len(found) > LONGEST_MAIL or not _MAIL.fullmatch(found) or ".." in found:
        raise DocumentError("found no e-mail address, expected one such as legal@brand.example")
    return found


def read_target(typed: str, *, ports: frozenset[int] = frozenset({HTTPS}), loopback: bool = False) -> Target:
    """Return where a webhook's URL leads; raises `DocumentError` if it may not lead there, whatever its name resolves to.

    `loopback` lets plain http and any port lead to this machine: for a demonstration.
    """
    if (
        len(typed) > LONGEST_URL
        or not typed.isascii()
        or not typed.isprintable()
        or any(sign in typed for sign in ' "<>\\^`{|}')
    ):
        raise DocumentError(f"found a URL with signs that no URL has, expected at most {LONGEST_URL} ASCII characters")
    try:
        parts = urlsplit(typed)
        port = parts.port
    except ValueError as error:
        raise DocumentError("found no URL, expected one such as https://brand.example/hooks/touchstone") from error
    host = (parts.hostname or "").lower()
    here = loopback and host in {"localhost", "127.0.0.1", "::1"}
    if parts.scheme != "https" and not (here and parts.scheme == "http"):
        raise DocumentError("found a URL that is not https, expected https://…")
    if parts.username is not None or parts.password is not None or parts.fragment or "#" in typed:
        raise DocumentError("found a URL with a user, a password or a fragment, expected none of them")
    if ":" not in host and (not _HOST.fullmatch(host) or ".." in host):
        raise DocumentError("found a URL without a host name, expected one such as https://brand.example/hooks/touchstone")
    chosen = port if port is not None else HTTPS if parts.scheme == "https" else 80
    if chosen not in ports and not here:
        raise DocumentError(f"found port {chosen}, expected {' or '.join(map(str, sorted(ports)))}")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, chosen, path)
