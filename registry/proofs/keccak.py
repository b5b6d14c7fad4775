"""keccak256, the hash of everything in the protocol, in one place (docs/decisions/0003-keccak.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Hash = Callable[[bytes], bytes]
    Source = Callable[[], Hash]

KNOWN_ANSWERS: Final = (
    (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
    (b"\x19" * 200, "136e0e4ebc507a7f05a57bdf1075717700ac4da1e20a04f1dc4c9d6c4771fa77"),
)
"""The second answer is of a message longer than one block of 136 bytes."""


def from_tiny_keccak() -> Hash:
    """Return the fastest one."""
    from tiny_keccak import keccak256  # noqa: PLC0415  # which of them is installed is what is asked here

    return keccak256


def from_safe_pysha3() -> Hash:
    """Return one that is half as fast and, like the first, made for this hash alone."""
    from sha3 import keccak_256  # noqa: PLC0415  # as above

    def keccak256(data: bytes) -> bytes:
        digest: bytes = keccak_256(data).digest()
        return digest

    return keccak256


def from_eth_hash() -> Hash:
    """Return the slowest one, which web3 brings along wherever it is installed."""
    from eth_hash.auto import keccak  # noqa: PLC0415  # as above

    return keccak


def choose(candidates: Iterable[Source]) -> Hash:
    """Return the first candidate that is installed and gives the known answers.

    SHA-3 differs from keccak256 by one padding byte, and libraries have mixed them up: a wrong answer must not get as far as a
    seal. Raises `ImportError` if none is left.
    """
    for candidate in candidates:
        try:
            keccak256 = candidate()
        except ImportError:
            continue
        if all(keccak256(message).hex() == answer for message, answer in KNOWN_ANSWERS):
            return keccak256
    raise ImportError("found no keccak256 that gives the known answers, expected tiny-keccak, safe-pysha3 or pycryptodome")


keccak256: Final = choose((from_tiny_keccak, from_safe_pysha3, from_eth_hash))
