"""One question over HTTP to a host that somebody else named, and one answer.

No redirect is followed, no proxy is asked, so many bytes of the answer are read and no more, and a clock ends it all. Where it
may lead: `registry.telling.addresses`.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from registry.enforcement.deliveries import read_target
from registry.errors import DeliveryError, DocumentError
from registry.telling.addresses import reachable, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.enforcement.deliveries import Target
    from registry.telling.addresses import Resolve

CONNECT_SECONDS: Final = 5.0
WHOLE_SECONDS: Final = 20.0
"""For name, connection, handshake, question and answer together; a name's resolution has the system's own limit."""
OK: Final = 200


@dataclass(frozen=True, slots=True)
class Exchange:
    """Asks strangers' hosts."""

    loopback: bool = False
    """Whether it may lead to this machine, over plain http: for a demonstration."""
    resolve: Resolve = resolve
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    seconds: float = WHOLE_SECONDS

    def __call__(self, target: Target, body: bytes | None, headers: Mapping[str, str], *, most: int) -> tuple[int, bytes]:
        """Post a body, or get what is there; returns the status and the first bytes of the answer.

        Raises `DeliveryError` if there was none.
        """
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
                asking.request("GET" if body is None else "POST", target.path, body, dict(headers))
                answer = asking.getresponse()
                return answer.status, answer.read(most)
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

    def fetch(self, url: str, *, most: int) -> bytes:
        """Return what lies at an address, at most so many bytes. Raises `DeliveryError` if it could not be had."""
        try:
            target = read_target(url, loopback=self.loopback)
        except DocumentError as error:
            raise DeliveryError(error.message, is_final=True) from error
        headers = {"Host": target.authority, "User-Agent": "Touchstone", "Accept-Encoding": "identity"}
        status, raw = self(target, None, headers, most=most + 1)
        if status != OK or len(raw) > most:
            raise DeliveryError(f"{target.host} answered {status} with {len(raw)} bytes, expected 200 and at most {most}")
        return raw

    @staticmethod
    def _connect(target: Target, addresses: Sequence[str]) -> socket.socket:
        """Return a connection to one of the addresses that were looked at; the name is not asked again."""
        for address in addresses:
            with suppress(OSError):
                return socket.create_connection((address, target.port), CONNECT_SECONDS)
        raise DeliveryError(f"{target.host} could not be reached")


def _shut(connection: socket.socket) -> None:
    """End a connection under whoever reads from it."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
