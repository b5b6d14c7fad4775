"""The hashes of one batch's units, one after the other: what units share is hashed once for all of them.

Equal to `registry.proofs.encoding`, which also checks every field; whoever uses this one has checked them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.proofs import encoding
from registry.proofs.keccak import keccak256

if TYPE_CHECKING:
    from collections.abc import Iterable

INDEX_ZEROS: Final = bytes(28)
"""What comes before the four bytes of an index in its ABI encoding."""


class BatchHasher:
    """Hashes units that are given by the place of their product in a list, and by their serial as ASCII."""

    __slots__ = ("_domain", "_keys", "_structs")

    def __init__(self, registry_id: bytes, salt: bytes, products: Iterable[tuple[str, str]]) -> None:
        """Take the batch's products as (gtin, lot). Raises `SealError` if the registry id is not 32 bytes."""
        listed = [(gtin.encode(), lot.encode()) for gtin, lot in products]
        self._domain = b"\x19\x01" + encoding.domain_separator(registry_id)
        unit_type = keccak256(encoding.UNIT_TYPE)
        self._structs = [unit_type + keccak256(gtin) + keccak256(lot) for gtin, lot in listed]
        self._keys = [salt + gtin + encoding.SEPARATOR for gtin, _ in listed]

    def unit_key(self, product: int, serial: bytes) -> bytes:
        """Return the key that orders the batch's rows."""
        return keccak256(self._keys[product] + serial)

    def digest(self, product: int, serial: bytes) -> bytes:
        """Return the EIP-712 digest of the unit's record, which is what gets signed."""
        return keccak256(self._domain + keccak256(self._structs[product] + keccak256(serial)))


def leaf(index: int, unit_key: bytes, digest: bytes, attributes_hash: bytes) -> bytes:
    """Return the leaf of a row."""
    return keccak256(keccak256(INDEX_ZEROS + index.to_bytes(4, "big") + unit_key + digest + attributes_hash))
