"""The tree of a batch: OpenZeppelin's StandardMerkleTree v1 with the leaves kept in order (`sortLeaves: false`).

The nodes are one array of 2n-1 hashes, root first. Node i has its children at 2i+1 and 2i+2, leaf i is at 2n-2-i, and a parent
is the hash of its children, the smaller one first. Because of that a path proves that a row is in the tree, and never where:
the rank is only what the row says of itself. See `replay`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from registry.errors import MerkleError, SealError
from registry.proofs import encoding, manifest
from registry.proofs.keccak import keccak256

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from typing_extensions import Buffer

    from registry.proofs.encoding import Opening, Row
    from registry.units.records import UnitId

    Path = Sequence[bytes]
    """Sibling hashes, leaf to root."""

WORD: Final = 32


def build(leaves: Sequence[bytes]) -> bytes:
    """Return the node array, (2n-1) * 32 bytes. Raises `MerkleError` if there is no leaf or one is not 32 bytes."""
    if not leaves:
        raise MerkleError("found no leaf, expected at least one")
    if any(len(leaf) != WORD for leaf in leaves):
        raise MerkleError(f"a leaf does not have {WORD} bytes")
    inner = len(leaves) - 1
    nodes = [b""] * inner + list(reversed(leaves))
    for place in range(inner - 1, -1, -1):
        nodes[place] = _parent(nodes[2 * place + 1], nodes[2 * place + 2])
    return b"".join(nodes)


def root(nodes: Buffer) -> bytes:
    """Return the root of a node array."""
    return bytes(memoryview(nodes)[:WORD])


def path(nodes: Buffer, index: int, count: int) -> tuple[bytes, ...]:
    """Return the sibling hashes of leaf `index`, leaf to root.

    Raises `MerkleError` if the array does not belong to `count` leaves, or has no such leaf.
    """
    view = memoryview(nodes).cast("B")
    if count < 1 or len(view) != WORD * (2 * count - 1):
        raise MerkleError(f"found {len(view)} bytes of nodes, expected the tree of {count} leaves")
    _check_index(index, count)
    place = 2 * count - 2 - index
    siblings = []
    while place > 0:
        sibling = place + 1 if place % 2 else place - 1
        siblings.append(bytes(view[WORD * sibling : WORD * (sibling + 1)]))
        place = (place - 1) // 2
    return tuple(siblings)


def max_path(count: int) -> int:
    """Return the length of the longest path in a tree of `count` leaves: ceil(log2(count))."""
    return (count - 1).bit_length()


def climb(leaf: bytes, path: Path) -> bytes:
    """Return the root that a leaf and its path lead to. Raises `MerkleError` if a hash is not 32 bytes."""
    node = leaf
    for sibling in path:
        if len(sibling) != WORD:
            raise MerkleError(f"a hash of the path has {len(sibling)} bytes, expected {WORD}")
        # `_parent`, written out: a call would cost as much as the comparison.
        node = keccak256(node + sibling if node < sibling else sibling + node)
    return node


def verify_presence(opening: Opening, row: Row, path: Path) -> bytes:
    """Prove that the row is in the tree, and return its leaf.

    Raises `MerkleError` if its index is not below the count, the path is longer than the count allows (it could start at
    something that was never a row), or it does not lead to the root.
    """
    _check_index(row.index, opening.unit_count)
    longest = max_path(opening.unit_count)
    if len(path) > longest:
        raise MerkleError(f"the path has {len(path)} hashes, expected at most {longest} for {opening.unit_count} units")
    leaf = encoding.leaf(row)
    if climb(leaf, path) != opening.root:
        raise MerkleError(f"the path of row {row.index} does not lead to the root")
    return leaf


def verify_absence(opening: Opening, unit_key: bytes, neighbours: Sequence[tuple[Row, Path]]) -> None:
    """Prove that a batch whose rows are in order has no row of this key.

    `neighbours` are the two rows with consecutive indexes whose keys enclose it, or the first row alone if its key is greater,
    or the last row alone if its key is smaller. This holds for a tree whose rows ascend, which no path shows: it binds the
    manufacturer, and others only once a witness has replayed the tree.

    Raises `MerkleError` if a row is not in the tree or the rows leave a place for the key.
    """
    for row, path in neighbours:
        verify_presence(opening, row, path)
    verify_gap(opening.unit_count, unit_key, [row for row, _ in neighbours])


def verify_gap(count: int, unit_key: bytes, rows: Sequence[Row]) -> None:
    """Prove that rows which are in the tree leave no place for a key; the second half of `verify_absence`.

    Raises `MerkleError` if they do, or the key is not 32 bytes.
    """
    if len(unit_key) != WORD:
        raise MerkleError(f"the unit key has {len(unit_key)} bytes, expected {WORD}")
    match rows:
        case [before, after]:
            if after.index != before.index + 1:
                raise MerkleError(f"rows {before.index} and {after.index} are no neighbours, expected consecutive indexes")
            if not before.unit_key < unit_key < after.unit_key:
                raise MerkleError(f"the keys of rows {before.index} and {after.index} do not enclose the key asked for")
        case [only]:
            before_all = only.index == 0 and unit_key < only.unit_key
            after_all = only.index == count - 1 and only.unit_key < unit_key
            if not (before_all or after_all):
                raise MerkleError(
                    f"row {only.index} alone shows no absence, expected the first with a greater key or the last with a smaller"
                )
        case _:
            raise MerkleError(f"found {len(rows)} rows, expected one or two")


def replay(
    rows: Iterable[Row], opening: Opening, salt: bytes, units: Iterable[UnitId], *, seal: bytes, manifest_bytes: bytes
) -> None:
    """Replay a whole batch, as a witness does before it attests one: only after this do ranks, and so absence, mean anything.

    `units` are the batch's units in the order of the rows, `manifest_bytes` the document that the opening commits, `seal` the
    one that is going to be attested.

    Raises `SealError` if the seal is not the opening's, the manifest not the one that the opening commits, or the salt not the
    one that the manifest commits; `DocumentError` if the manifest is malformed; `MerkleError` if keys are out of order or
    repeated, an index is not the rank, a key is not that of its unit, the count is another, or the tree has another shape.
    """
    if encoding.seal(opening) != seal:
        raise SealError("root, count and manifest hash do not give the seal")
    if manifest.manifest_hash(manifest_bytes) != opening.manifest_hash:
        raise SealError("the manifest is not the one that the seal commits")
    if manifest.read(manifest_bytes).salt_hash != encoding.salt_hash(salt):
        raise SealError("the salt is not the one that the manifest commits")
    leaves = [encoding.leaf(row) for row in _in_order(rows, salt, units)]
    if len(leaves) != opening.unit_count:
        raise MerkleError(f"found {len(leaves)} rows, expected {opening.unit_count}")
    if root(build(leaves)) != opening.root:
        raise MerkleError("the rows do not give the root: the tree has another shape or other rows")


def _in_order(rows: Iterable[Row], salt: bytes, units: Iterable[UnitId]) -> Iterator[Row]:
    """Yield the rows, each after it has been seen to be in its place and about its unit."""
    last_key = b""
    units_left = iter(units)
    for rank, row in enumerate(rows):
        if row.index != rank:
            raise MerkleError(f"the row of rank {rank} says index {row.index}")
        if row.unit_key <= last_key:
            raise MerkleError(f"row {rank} does not have a greater key than the row before it")
        unit = next(units_left, None)
        if unit is None or encoding.unit_key(salt, unit) != row.unit_key:
            raise MerkleError(f"the key of row {rank} is not that of its unit")
        last_key = row.unit_key
        yield row
    if next(units_left, None) is not None:
        raise MerkleError("there are more units than rows")


def _parent(left: bytes, right: bytes) -> bytes:
    return keccak256(left + right if left < right else right + left)


def _check_index(index: int, count: int) -> None:
    if not 0 <= index < count:
        raise MerkleError(f"found the index {index}, expected 0 to {count - 1}")
