"""Small batches for the tests of what can be proved; and, for the attacks, batches that no honest manufacturer would seal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from registry.proofs import encoding, manifest, merkle
from registry.proofs.encoding import Opening, RecordHasher, Row
from registry.units.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.units.records import UnitId

GTIN: Final = "09521001000017"
LOT: Final = "L2609A"
REGISTRY_ID: Final = encoding.keccak256(b"registry of the tests")
SALT: Final = encoding.keccak256(b"salt of the tests")
PRIVATE_KEY: Final = encoding.keccak256(b"key of the tests")


@dataclass(frozen=True)
class Batch:
    """A sealed batch with all that belongs to it."""

    opening: Opening
    rows: tuple[Row, ...]
    """In the order of the tree's leaves, whatever their indexes say."""
    nodes: bytes
    units: tuple[UnitId, ...]
    salt: bytes
    manifest_bytes: bytes

    def path(self, place: int) -> tuple[bytes, ...]:
        """Return the path of the leaf at a place of the tree."""
        return merkle.path(self.nodes, place, len(self.rows))

    def proven(self, place: int) -> tuple[Row, tuple[bytes, ...]]:
        """Return the row at a place of the tree, with its path."""
        return self.rows[place], self.path(place)

    def replay(self) -> None:
        """Replay the batch as a witness does."""
        seal = encoding.seal(self.opening)
        merkle.replay(self.rows, self.opening, self.salt, self.units, seal=seal, manifest_bytes=self.manifest_bytes)


def records(count: int) -> list[Record]:
    """Return this many records of one lot."""
    return [Record(GTIN, LOT, f"S{number:05d}") for number in range(count)]


def describe(salt: bytes = SALT) -> bytes:
    """Return the manifest of the sample lot."""
    product = manifest.Product(gtin=GTIN, lot=LOT, carrier="signed", names={"en": "Sample", "zh": "样品"})
    return manifest.write(manifest.Manifest(REGISTRY_ID, encoding.salt_hash(salt), (product,)))


def seal(
    count: int,
    *,
    change: Callable[[list[Row]], Sequence[Row]] = tuple,
    claimed_count: int | None = None,
    salt_of_keys: bytes = SALT,
) -> Batch:
    """Seal a batch of this many units.

    A dishonest manufacturer may `change` the rows before the tree is built (keys, indexes, order), claim another count, or
    derive the keys from a salt that is not the one whose hash the manifest commits.
    """
    hasher = RecordHasher(REGISTRY_ID)
    keyed = sorted((encoding.unit_key(salt_of_keys, record.id), record) for record in records(count))
    honest = [
        Row(index, key, hasher.digest(record), encoding.attributes_hash(None)) for index, (key, record) in enumerate(keyed)
    ]
    rows = tuple(change(honest))
    by_digest = {hasher.digest(record): record.id for _, record in keyed}
    nodes = merkle.build([encoding.leaf(row) for row in rows])
    manifest_bytes = describe()
    opening = Opening(merkle.root(nodes), claimed_count or len(rows), manifest.manifest_hash(manifest_bytes))
    return Batch(opening, rows, nodes, tuple(by_digest[row.digest] for row in rows), SALT, manifest_bytes)


def with_index(row: Row, index: int) -> Row:
    """Return the row with another index."""
    return replace(row, index=index)
