"""How many reports are taken in an hour: from one kind of phone in one network, from one network, and together.

A network is the first 24 bits of an IPv4 address, 48 of IPv6. It is counted under a key that a secret and the day make, is
written beside no report, and is gone within hours (docs/reports.md).
"""

from __future__ import annotations

import hmac
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, Final

from registry.storage.leads import HOUR, Limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from webapp.visits import Visitors

DAY: Final = 86_400
FROM_PHONE: Final = 5
FROM_NETWORK: Final = 30
ALTOGETHER: Final = 300
KEY_BYTES: Final = 8


class ReportLimits:
    """Knows which limits a request falls under. It keeps nothing."""

    def __init__(self, secret: bytes, visitors: Visitors) -> None:
        self._secret = secret
        self._visitors = visitors

    def of(self, environ: Mapping[str, Any], now: int) -> tuple[Limit, ...]:
        """Return the limits of a request; `now` is Unix seconds.

        A private address is that of a proxy that names no other: then kinds of phones are told apart, and no networks.
        """
        salt = hmac.digest(self._secret, b"report day %d" % (now // DAY), "sha256")

        def key(kind: str, *said: str) -> str:
            mac = hmac.digest(salt, "\n".join((kind, *said)).encode(), "sha256")
            return f"{kind}:{mac[:KEY_BYTES].hex()}"

        device = self._visitors.phone(environ, now).device
        network = network_of(self._visitors.address(environ))
        together = Limit("all", ALTOGETHER)
        if not network:
            return Limit(key("d", device), FROM_NETWORK), together
        return Limit(key("d", device, network), FROM_PHONE), Limit(key("n", network), FROM_NETWORK), together


def network_of(address: str) -> str:
    """Return the coarse network of a public address; nothing for any other."""
    try:
        found = ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or found
    if not found.is_global:
        return ""
    size = 48 if isinstance(found, IPv6Address) else 24
    return f"{int(found) >> (found.max_prefixlen - size):x}/{size}"


def wait(now: int) -> int:
    """Return after how many seconds the next hour is counted."""
    return HOUR - now % HOUR
