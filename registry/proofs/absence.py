"""Absence: no unit of an identity is in a batch, shown by the rows between which it would lie (protocol § 4).

The rows of a batch ascend by a key that salt, GTIN and serial give. Whoever has the tree file finds the place of a key in it
and shows the rows on both sides. Whoever has the seal alone sees that these rows are in the tree, that their indexes leave no
rank between them, and that the key would have to be there. That the rows ascend everywhere is the manufacturer's word until a
witness has replayed the tree (`registry.proofs.merkle.replay`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.errors import MerkleError, SealError
from registry.proofs import encoding, manifest, merkle
from registry.proofs.encoding import Opening, Row

if TYPE_CHECKING:
    from registry.proofs.tree_file import TreeFile
    from registry.units.records import UnitId

GUESSES: Final = 10
"""Places looked at by interpolation, before a tree whose keys are not spread as hashes are is halved instead."""
LEADING: Final = 8
"""Bytes of a key that tell where to look for it."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A row with the siblings that lead from it to the root."""

    row: Row
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class BatchGap:
    """What shows that a batch has no unit of an identity, with all that leads from it to the batch's seal."""

    seal: bytes
    root: bytes
    unit_count: int
    manifest: bytes
    """The manifest's RFC 8785 bytes: it commits the salt."""
    salt: bytes
    neighbours: tuple[Neighbour, ...]
    """The rows around the place, or the first or the last row alone."""

    @property
    def opening(self) -> Opening:
        """What the seal is said to commit."""
        return Opening(self.root, self.unit_count, manifest.manifest_hash(self.manifest))


def find(tree: TreeFile, unit: UnitId) -> BatchGap:
    """Return the rows of a tree file between which a unit would lie.

    Nothing of the file is believed: see `verify`. Raises `MerkleError` if the file has a row of this unit, `IdentityError` if
    no unit can be called so, and what `TreeFile` raises.
    """
    header = tree.header
    key = encoding.unit_key(header.salt, unit)
    rank = _rank(tree, key)
    around = [place for place in (rank - 1, rank) if 0 <= place < header.unit_count]
    neighbours = tuple(Neighbour(tree.row(tree.unit(place)), tree.path(place)) for place in around)
    if neighbours[-1].row.unit_key == key:
        raise MerkleError(f"unit {rank} of the batch of seal 0x{tree.seal.hex()} is the one that was asked for")
    return BatchGap(tree.seal, header.root, header.unit_count, tree.manifest_bytes, header.salt, neighbours)


def verify(gap: BatchGap, unit: UnitId, registry_id: bytes) -> None:
    """Prove, by nothing but the seal, that no unit of this identity is in a batch whose rows ascend.

    Raises `SealError`, `DocumentError`, `MerkleError` or `IdentityError` if a part does not fit the next.
    """
    verify_seal(gap, registry_id)
    key = encoding.unit_key(gap.salt, unit)
    merkle.verify_absence(gap.opening, key, [(one.row, one.path) for one in gap.neighbours])


def verify_seal(gap: BatchGap, registry_id: bytes) -> None:
    """Prove that root, count, manifest and salt belong to the seal, and the manifest to this registry.

    Raises `SealError`, or `DocumentError` for a manifest that is none.
    """
    described = manifest.read_once(gap.manifest)
    if described.registry_id != registry_id:
        raise SealError("the manifest belongs to another registry")
    if described.salt_hash != encoding.salt_hash(gap.salt):
        raise SealError("the salt is not the one that the manifest commits")
    if encoding.seal(gap.opening) != gap.seal:
        raise SealError("root, count and manifest do not give the seal")


def _rank(tree: TreeFile, key: bytes) -> int:
    """Return how many rows of the file have a smaller key.

    Keys are hashes, so that a key's first bytes tell about where it is: a million rows take some six looks.
    """
    salt, low, high = tree.header.salt, 0, tree.header.unit_count
    asked, below, above = _leading(key), 0, 1 << 8 * LEADING
    looks = 0
    while low < high:
        looks += 1
        if looks <= GUESSES:
            place = min(low + (asked - below) * (high - low) // max(above - below, 1), high - 1)
        else:
            place = (low + high) // 2
        gtin, serial = tree.identity(place)
        found = encoding.packed_key(salt, gtin, serial)
        if found < key:
            low, below = place + 1, _leading(found)
        else:
            high, above = place, _leading(found)
    return low


def _leading(key: bytes) -> int:
    return int.from_bytes(key[:LEADING], "big")
