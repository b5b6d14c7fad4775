"""Posts a notice to a manufacturer's webhook, signed as Standard Webhooks 1.0.0 says (www.standardwebhooks.com).

Headers: `webhook-id` (the same at every attempt), `webhook-timestamp` (Unix seconds) and `webhook-signature`: for each valid
secret `v1,` and the Base64 of HMAC-SHA256 over id, timestamp and body, joined by full stops. No redirect is followed, no proxy
is asked, little of the answer is read, and a clock ends it all. Where it may lead: `registry.telling.addresses`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry.enforcement.deliveries import HTTPS, read_target
from registry.errors import DeliveryError, DocumentError
from registry.telling.addresses import reachable, resolve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.enforcement.deliveries import Delivery, Target
    from registry.telling.addresses import Resolve

CONNECT_SECONDS: Final = 5.0
WHOLE_SECONDS: Final = 20.0
"""For name, connection, handshake, question and answer together; a name's resolution has the system's own limit."""
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
        self._judge(self._post(target, delivery.body, headers))

    def _post(self, target: Target, body: bytes, headers: dict[str, str]) -> int:
        """Return the status of the answer."""
        ends = time.monotonic() + self.seconds
        connection = self._connect(target, reachable(target.host, target.port, self.resolve, loopback=self.loopback))
        # Timeouts are for each read alone: whoever answers byte by byte is ended by a clock. TLS takes the socket away from its
        # object, so the clock has one of its own for the same connection.
        handle = connection.dup()
        ending = threading.Timer(max(ends - time.monotonic(), 0), _shut, [handle])
        ending.daemon = True
        ending.start()
        try:
            if target.scheme == "https":
                connection = self.tls.wrap_socket(connection, server_hostname=target.host)
            with closing(http.client.HTTPConnection(target.host, target.port)) as asking:
                asking.sock = connection
                asking.request("POST", target.path, body, headers)
                answer = asking.getresponse()
                answer.read(MOST_ANSWER)
                return answer.status
        except ssl.SSLCertVerificationError as error:
            raise DeliveryError(f"the certificate of {target.host} is not valid: {error.verify_message}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            in_time = time.monotonic() < ends
            raise DeliveryError(
                f"{target.host} gave no answer: {type(error).__name__}"
                if in_time
                else f"{target.host} gave no answer in {self.seconds:g} seconds"
            ) from error
        finally:
            ending.cancel()
            handle.close()
            connection.close()

    @staticmethod
    def _connect(target: Target, addresses: Sequence[str]) -> socket.socket:
        """Return a connection to one of the addresses that were looked at; the name is not asked again."""
        for address in addresses:
            with suppress(OSError):
                return socket.create_connection((address, target.port), CONNECT_SECONDS)
        raise DeliveryError(f"{target.host} could not be reached")

    @staticmethod
    def _judge(status: int) -> None:
        if 200 <= status < 300:  # noqa: PLR2004  # as HTTP says success
            return
        if 300 <= status < 400:  # noqa: PLR2004  # as HTTP says redirection
            raise DeliveryError(f"the answer is {status}, a redirect, which is not followed; expected 2xx")
        raise DeliveryError(f"the answer is {status}, expected 2xx", is_final=status == GONE)


def _shut(connection: socket.socket) -> None:
    """End a connection under whoever reads from it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
