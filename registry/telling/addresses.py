"""Which addresses on the network a message may be sent to: public ones, and nothing that leads back inside.

A manufacturer names its webhook itself, so the name may resolve to anything: our own machine, a cloud's metadata service, a
neighbour. The name is resolved once, every address that it gives is looked at, and the connection goes to one of these: a
second answer of a name server is never asked for. The lists follow the IANA special-purpose address registries.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from registry.errors import DeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
    """Gives the addresses of a host name, as texts. Raises `OSError`."""

NOT_PUBLIC_4: Final = tuple(map(ip_network, (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
)))  # fmt: skip
PUBLIC_6: Final = ip_network("2000::/3")
"""What is handed out for use on the network. Mapped, NAT64, unique local, link-local and multicast addresses lie outside."""
NOT_PUBLIC_6: Final = tuple(map(ip_network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")))
"""Parts of it that lead elsewhere: Teredo, ORCHID and benchmarks, documentation, 6to4."""


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Say whether an address is one of a machine on the public network."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in NOT_PUBLIC_4)
    plain = IPv6Address(int(address))  # without a zone
    return address.scope_id is None and plain in PUBLIC_6 and not any(plain in network for network in NOT_PUBLIC_6)


def resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host name, as the system finds them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def reachable(host: str, port: int, ask: Resolve = resolve, *, loopback: bool = False) -> tuple[str, ...]:
    """Return the addresses to which a message for a host may go; `loopback` lets it go to this machine.

    Raises `DeliveryError`: a final one if the name leads to any address that is not public, and one to try again if it could
    not be resolved.
    """
    try:
        found = ask(host, port)
        addresses = [ip_address(text) for text in found]
    except (OSError, UnicodeError, ValueError) as error:
        raise DeliveryError(f"the name {host} could not be resolved") from error
    if not addresses:
        raise DeliveryError(f"the name {host} has no address")
    for address in addresses:
        if not is_public(address) and not (loopback and str(address) in {"127.0.0.1", "::1"}):
            raise DeliveryError(
                f"the name {host} leads to an address that is not public, expected one on the public network", is_final=True
            )
    return tuple(map(str, addresses))
