"""The bytes that are hashed: record, row, leaf, seal (docs/protocol.md). Twin of `contracts/libraries/UnitLeaf.sol`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import rfc8785

from registry.errors import DocumentError, IdentityError, MerkleError, SealError
from registry.proofs.keccak import keccak256

if TYPE_CHECKING:
    from registry.units.records import Record, UnitId

__all__ = [
    "MAX_UNITS",
    "NO_ATTRIBUTES",
    "Opening",
    "RecordHasher",
    "Row",
    "attributes_hash",
    "canonical",
    "domain_separator",
    "keccak256",
    "leaf",
    "packed_key",
    "salt_hash",
    "seal",
    "unit_key",
]

WORD: Final = 32
GTIN_DIGITS: Final = 14
MAX_UNITS: Final = 2**32 - 1
"""The most units of a batch: their count is a uint32."""
NO_ATTRIBUTES: Final = bytes(WORD)
SEPARATOR: Final = b"\x1f"
DOMAIN_TYPE: Final = b"EIP712Domain(string name,string version,bytes32 salt)"
DOMAIN_NAME: Final = b"Touchstone"
DOMAIN_VERSION: Final = b"1"
UNIT_TYPE: Final = b"Unit(string gtin,string lot,string serial)"


@dataclass(frozen=True, slots=True)
class Row:
    """What the tree holds of one unit; its double hash is the leaf."""

    index: int
    """Rank by unit key, from 0."""
    unit_key: bytes
    digest: bytes
    """The record's EIP-712 digest."""
    attributes_hash: bytes
    """32 zero bytes where the unit has none."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a seal commits."""

    root: bytes
    unit_count: int
    manifest_hash: bytes


def domain_separator(registry_id: bytes) -> bytes:
    """Return the EIP-712 domain of every record in a registry: no chain and no contract, because a label outlives both.

    Raises `SealError` if `registry_id` is not 32 bytes.
    """
    if len(registry_id) != WORD:
        raise SealError(f"the registry id has {len(registry_id)} bytes, expected {WORD}")
    return keccak256(keccak256(DOMAIN_TYPE) + keccak256(DOMAIN_NAME) + keccak256(DOMAIN_VERSION) + registry_id)


class RecordHasher:
    """Gives the digests of a registry's records, a hundred times faster than a general EIP-712 encoder."""

    __slots__ = ("_domain", "_type")

    def __init__(self, registry_id: bytes) -> None:
        self._domain = b"\x19\x01" + domain_separator(registry_id)
        self._type = keccak256(UNIT_TYPE)

    def digest(self, record: Record) -> bytes:
        """Return the record's EIP-712 digest, which is what gets signed.

        Raises `IdentityError` if a field cannot be written as UTF-8.
        """
        try:
            gtin, lot, serial = record.gtin.encode(), record.lot.encode(), record.serial.encode()
        except UnicodeEncodeError as error:
            raise IdentityError(f"found {error.object!r}, expected text that can be written as UTF-8") from error
        struct_hash = keccak256(self._type + keccak256(gtin) + keccak256(lot) + keccak256(serial))
        return keccak256(self._domain + struct_hash)


def unit_key(salt: bytes, unit: UnitId) -> bytes:
    """Return the key that orders a batch's rows; without the batch's salt nobody can guess serials from it.

    Only what a link can carry has a key, so that no two units share one. Raises `IdentityError` otherwise, and `SealError` if
    the salt is not 32 bytes.
    """
    if len(salt) != WORD:
        raise SealError(f"the salt has {len(salt)} bytes, expected {WORD}")
    gtin, serial = unit.gtin, unit.serial
    if len(gtin) != GTIN_DIGITS or not (gtin.isascii() and gtin.isdigit()):
        raise IdentityError(f"found the GTIN {gtin!r}, expected {GTIN_DIGITS} digits")
    if not (serial and serial.isascii()):
        raise IdentityError(f"found the serial {serial!r}, expected ASCII characters")
    return packed_key(salt, gtin, serial.encode())


def packed_key(salt: bytes, gtin: str, serial: bytes) -> bytes:
    """Return a unit's key where its parts were checked already, as those of a tree file: for whoever looks at many."""
    return keccak256(salt + gtin.encode() + SEPARATOR + serial)


def salt_hash(salt: bytes) -> bytes:
    """Return what the manifest commits of the salt."""
    return keccak256(salt)


def attributes_hash(raw: bytes | None) -> bytes:
    """Return the hash of a unit's attributes (RFC 8785 bytes), 32 zero bytes where it has none."""
    return NO_ATTRIBUTES if raw is None else keccak256(raw)


def leaf(row: Row) -> bytes:
    """Return the row's leaf: hashed twice, so that an inner node never passes for one (OpenZeppelin StandardMerkleTree v1).

    Raises `MerkleError` if the index is not a uint32 or a field is not 32 bytes: bytes that could slide from one field into
    the next would have no single meaning.
    """
    if not 0 <= row.index <= MAX_UNITS:
        raise MerkleError(f"found the index {row.index}, expected a uint32")
    if not len(row.unit_key) == len(row.digest) == len(row.attributes_hash) == WORD:
        raise MerkleError(f"a field of row {row.index} does not have {WORD} bytes")
    return keccak256(keccak256(row.index.to_bytes(WORD, "big") + row.unit_key + row.digest + row.attributes_hash))


def seal(opening: Opening) -> bytes:
    """Return the seal: `keccak256(abi.encode(bytes32 root, uint32 unitCount, bytes32 manifestHash))`.

    Raises `SealError` if the count is zero or no uint32, or a hash is not 32 bytes.
    """
    if not 1 <= opening.unit_count <= MAX_UNITS:
        raise SealError(f"found the unit count {opening.unit_count}, expected 1 to {MAX_UNITS}")
    if not len(opening.root) == len(opening.manifest_hash) == WORD:
        raise SealError(f"root or manifest hash does not have {WORD} bytes")
    return keccak256(opening.root + opening.unit_count.to_bytes(WORD, "big") + opening.manifest_hash)


def canonical(document: object) -> bytes:
    """Return a JSON document's one canonical form (RFC 8785).

    Raises `DocumentError` if it has none: numbers out of range, text that is not Unicode, values that are not JSON.
    """
    try:
        return rfc8785.dumps(document)  # type: ignore[arg-type]  # what is not JSON is refused by it
    except (rfc8785.CanonicalizationError, UnicodeEncodeError, RecursionError, TypeError) as error:
        raise DocumentError(f"the document has no canonical form: {error}") from error
