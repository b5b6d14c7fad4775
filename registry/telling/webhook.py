"""Posts a notice to a manufacturer's webhook, signed as Standard Webhooks 1.0.0 says (www.standardwebhooks.com).

Headers: `webhook-id` (the same at every attempt), `webhook-timestamp` (Unix seconds) and `webhook-signature`: for each valid
secret `v1,` and the Base64 of HMAC-SHA256 over id, timestamp and body, joined by full stops.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry.enforcement.deliveries import HTTPS, read_target
from registry.errors import DeliveryError, DocumentError
from registry.telling.addresses import resolve
from registry.telling.exchange import WHOLE_SECONDS, Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.enforcement.deliveries import Delivery
    from registry.telling.addresses import Resolve

MOST_ANSWER: Final = 4096
"""Bytes of an answer that are read. Nothing is done with them."""
GONE: Final = 410
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 -- how a secret is written, not one


def shown(secret: bytes) -> str:
    """Return a secret as receivers' libraries take it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def signature(secrets: Sequence[bytes], name: str, timestamp: int, body: bytes) -> str:
    """Return the header by which a receiver knows the message, one signature for each secret."""
    signed = f"{name}.{timestamp}.".encode() + body
    made = (base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode() for secret in secrets)
    return " ".join(f"v1,{one}" for one in made)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Sends deliveries to webhooks."""

    secrets: Callable[[int, int], Sequence[bytes]]
    """Gives a manufacturer's valid secrets at a time."""
    ports: frozenset[int] = frozenset({HTTPS})
    loopback: bool = False
    """Whether messages may go to this machine, over plain http: for a demonstration."""
    resolve: Resolve = resolve
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    clock: Callable[[], float] = time.time
    seconds: float = WHOLE_SECONDS

    def __call__(self, delivery: Delivery) -> None:
        """Post a delivery. Raises `DeliveryError` unless the answer is one of 2xx."""
        try:
            target = read_target(delivery.address, ports=self.ports, loopback=self.loopback)
        except DocumentError as error:
            raise DeliveryError(error.message, is_final=True) from error
        now = int(self.clock())
        secrets = self.secrets(delivery.manufacturer, now)
        if not secrets:
            raise DeliveryError("the manufacturer has no secret for its webhooks", is_final=True)
        headers = {
            "Host": target.authority,
            "Content-Type": "application/json",
            "User-Agent": "Touchstone",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(secrets, delivery.id, now, delivery.body),
        }
        ask = Exchange(loopback=self.loopback, resolve=self.resolve, tls=self.tls, seconds=self.seconds)
        self._judge(ask(target, delivery.body, headers, most=MOST_ANSWER)[0])

    @staticmethod
    def _judge(status: int) -> None:
        if 200 <= status < 300:  # noqa: PLR2004  # as HTTP says success
            return
        if 300 <= status < 400:  # noqa: PLR2004  # as HTTP says redirection
            raise DeliveryError(f"the answer is {status}, a redirect, which is not followed; expected 2xx")
        raise DeliveryError(f"the answer is {status}, expected 2xx", is_final=status == GONE)
