"""Trees, and proofs of presence and absence: of honest batches, and of batches that nobody should believe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from registry.proofs import encoding, manifest, merkle
from registry.proofs.encoding import Opening, RecordHasher, Row, keccak256
from registry.units.records import Record
from tests.vectors.signature_cases import REGISTRY_ID, fields, hexadecimal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

GTIN: Final = "09521001000017"
LOT: Final = "K2609A"
SALT: Final = keccak256(b"Touchstone vectors v1: salt")
FALSE_SALT: Final = keccak256(b"Touchstone vectors v1: false salt")
ATTRIBUTES: Final = encoding.canonical({"colour": "红", "random": "00112233445566778899aabbccddeeff"})
SIZES: Final = (1, 2, 3, 8, 13)


class Sealed:
    """A batch of `count` units, of which the first by key has attributes; `change` makes its rows dishonest before sealing."""

    def __init__(
        self,
        count: int,
        *,
        change: Callable[[list[Row]], Sequence[Row]] = tuple,
        claimed: int | None = None,
        salt_of_keys: bytes = SALT,
    ) -> None:
        hasher = RecordHasher(REGISTRY_ID)
        records = [Record(GTIN, LOT, f"S{number:04d}") for number in range(count)]
        keyed = sorted((encoding.unit_key(salt_of_keys, record.id), record) for record in records)
        self.rows = tuple(
            change(
                [
                    Row(index, key, hasher.digest(record), encoding.attributes_hash(None if index else ATTRIBUTES))
                    for index, (key, record) in enumerate(keyed)
                ]
            )
        )
        by_digest = {hasher.digest(record): record for record in records}
        self.records = [by_digest[row.digest] for row in self.rows]
        self.salt = SALT
        self.manifest = describe(SALT)
        self.leaves = [encoding.leaf(row) for row in self.rows]
        self.nodes = merkle.build(self.leaves)
        self.opening = Opening(
            merkle.root(self.nodes), len(self.rows) if claimed is None else claimed, manifest.manifest_hash(self.manifest)
        )

    def proven(self, place: int) -> tuple[Row, tuple[bytes, ...]]:
        """Return the row at a place of the tree, with its path."""
        return self.rows[place], merkle.path(self.nodes, place, len(self.rows))


def describe(salt: bytes) -> bytes:
    """Return the manifest of the sample batches."""
    product = manifest.Product(
        gtin=GTIN,
        lot=LOT,
        carrier="signed",
        names={"en": "Kestrel S2", "zh": "红隼 S2"},
        produced="2026-09-14",
        markets=("CN",),
    )
    return manifest.write(manifest.Manifest(REGISTRY_ID, encoding.salt_hash(salt), (product,)))


def written_opening(opening: Opening) -> dict[str, Any]:
    """Return an opening as the vectors write it."""
    return {
        "root": hexadecimal(opening.root),
        "unitCount": opening.unit_count,
        "manifestHash": hexadecimal(opening.manifest_hash),
    }


def written_row(row: Row) -> dict[str, Any]:
    """Return a row as the vectors write it."""
    return {
        "index": row.index,
        "unitKey": hexadecimal(row.unit_key),
        "digest": hexadecimal(row.digest),
        "attributesHash": hexadecimal(row.attributes_hash),
    }


def written_proof(row: Row, path: Sequence[bytes]) -> dict[str, Any]:
    """Return a row with its path as the vectors write it."""
    return {"row": written_row(row), "path": [hexadecimal(word) for word in path]}


def trees() -> Iterator[dict[str, Any]]:
    """Yield whole batches as a witness gets them."""
    for size in SIZES:
        yield _tree(f"{size} unit{'s' if size > 1 else ''}", Sealed(size))

    honest = Sealed(8)
    hidden = Sealed(8)
    hidden.records = hidden.records[:-1]
    one_more = Sealed(8)
    one_more.records = [*one_more.records, one_more.records[0]]
    false_salt = Sealed(8)
    false_salt.salt = FALSE_SALT
    other_manifest = Sealed(8)
    other_manifest.salt, other_manifest.manifest = FALSE_SALT, describe(FALSE_SALT)
    moved = Sealed(8, change=lambda rows: [*rows[1:], rows[0]])
    moved.rows, moved.records = honest.rows, honest.records
    lopsided = Sealed(3)
    lopsided.opening = replace(lopsided.opening, root=merkle.climb(lopsided.leaves[2], lopsided.leaves[:2]))
    for name, failure, batch in (
        ("a salt that the manifest does not commit", "salt", false_salt),
        ("a manifest that the seal does not commit", "manifest", other_manifest),
        ("keys from a salt that nobody committed", "key", Sealed(8, salt_of_keys=FALSE_SALT)),
        ("an index used twice", "index", Sealed(8, change=_index_twice)),
        ("a count too small", "count", Sealed(8, claimed=7)),
        ("a count too great", "count", Sealed(8, claimed=9)),
        ("two rows exchanged", "order", Sealed(8, change=_exchanged)),
        ("a unit sealed twice", "order", Sealed(8, change=_repeated)),
        ("leaves in other places", "shape", moved),
        ("a chain in place of a tree", "shape", lopsided),
        ("a row without its unit", "key", hidden),
        ("a unit without a row", "key", one_more),
    ):
        yield _tree(name, batch) | {"valid": False, "failure": failure}
    other_seal = hexadecimal(encoding.seal(Sealed(13).opening))
    yield _tree("an honest tree behind another seal", honest) | {"valid": False, "failure": "seal", "seal": other_seal}


def presence() -> Iterator[dict[str, Any]]:
    """Yield rows with paths."""
    for size in SIZES:
        batch = Sealed(size)
        for place in sorted({0, size // 2, size - 1}):
            yield _presence(f"row {place} of {size}", batch.opening, *batch.proven(place))

    batch, hidden = Sealed(13), Sealed(4)
    row, path = batch.proven(5)
    leaf = batch.leaves[5]
    left, right = sorted((leaf, path[0]))
    other = keccak256(b"other")
    smaller = replace(batch.opening, unit_count=5)
    for name, failure, opening, wrong, way in (
        ("an index beyond the count", "index", batch.opening, replace(row, index=13), path),
        ("a row that a smaller count hides", "index", smaller, row, path),
        ("rows hidden under the leaves", "path_length", replace(hidden.opening, unit_count=2), *hidden.proven(0)),
        ("a path that goes on beyond the root", "path_length", batch.opening, row, (*path, other)),
        ("a path in a batch of one", "path_length", Sealed(1).opening, Sealed(1).rows[0], (other,)),
        ("another index", "root", batch.opening, replace(row, index=6), path),
        ("another key", "root", batch.opening, replace(row, unit_key=other), path),
        ("another digest", "root", batch.opening, replace(row, digest=other), path),
        ("attributes that were not sealed", "root", batch.opening, replace(row, attributes_hash=other), path),
        ("attributes left out", "root", batch.opening, replace(batch.rows[0], attributes_hash=bytes(32)), batch.proven(0)[1]),
        ("another root", "root", replace(batch.opening, root=other), row, path),
        ("the path of a neighbour", "root", batch.opening, row, batch.proven(6)[1]),
        ("a path that stops early", "root", batch.opening, row, path[:-1]),
        ("no path", "root", batch.opening, row, ()),
        ("a path in the other order", "root", batch.opening, row, path[::-1]),
        ("an inner node claimed as a row", "root", batch.opening, Row(5, left, right, bytes(32)), path[1:]),
    ):
        yield _presence(name, opening, wrong, way) | {"valid": False, "failure": failure}


def absence() -> Iterator[dict[str, Any]]:
    """Yield keys with the rows that are said to show that no unit has them."""
    batch = Sealed(8)
    keys = [row.unit_key for row in batch.rows]
    proven = [batch.proven(place) for place in range(8)]
    lowest, highest, between = bytes(32), b"\xff" * 32, _next(keys[3])
    one = Sealed(1)
    for name, opening, key, rows in (
        ("between two rows", batch.opening, between, proven[3:5]),
        ("just below the row after", batch.opening, _previous(keys[4]), proven[3:5]),
        ("between the first two rows", batch.opening, _next(keys[0]), proven[:2]),
        ("between the last two rows", batch.opening, _next(keys[6]), proven[6:]),
        ("before the first row", batch.opening, lowest, proven[:1]),
        ("after the last row", batch.opening, highest, proven[-1:]),
        ("before the only row", one.opening, lowest, [one.proven(0)]),
        ("after the only row", one.opening, highest, [one.proven(0)]),
    ):
        yield _absence(name, opening, key, rows)

    for name, failure, key, rows in (
        ("no row", "number_of_rows", between, []),
        ("three rows", "number_of_rows", between, proven[2:5]),
        ("rows that are no neighbours", "neighbours", between, [proven[2], proven[4]]),
        ("the unit itself lies between", "neighbours", keys[3], [proven[2], proven[4]]),
        ("the same row twice", "neighbours", between, [proven[3], proven[3]]),
        ("the row after before the row before", "neighbours", between, [proven[4], proven[3]]),
        ("neighbours elsewhere", "enclose", between, proven[5:7]),
        ("the key of the row before", "enclose", keys[3], proven[3:5]),
        ("the key of the row after", "enclose", keys[4], proven[3:5]),
        ("the second row alone", "edge", lowest, [proven[1]]),
        ("the last row but one alone", "edge", highest, [proven[6]]),
        ("the first row with a greater key", "edge", between, [proven[0]]),
        ("the last row with a smaller key", "edge", between, [proven[7]]),
        ("the key of the first row", "edge", keys[0], [proven[0]]),
        ("the key of the last row", "edge", keys[7], [proven[7]]),
        ("a neighbour with the path of the other", "root", between, [proven[3], (proven[4][0], proven[3][1])]),
        (
            "a neighbour with an index of its own making",
            "root",
            between,
            [proven[3], (replace(proven[5][0], index=4), proven[5][1])],
        ),
        ("a row beyond the count", "index", highest, [(replace(proven[7][0], index=8), proven[7][1])]),
    ):
        yield _absence(name, batch.opening, key, rows) | {"valid": False, "failure": failure}


def _tree(name: str, batch: Sealed) -> dict[str, Any]:
    return {
        "name": name,
        "valid": True,
        "registryId": hexadecimal(REGISTRY_ID),
        "salt": hexadecimal(batch.salt),
        "manifest": batch.manifest.decode(),
        "opening": written_opening(batch.opening),
        "seal": hexadecimal(encoding.seal(batch.opening)),
        "units": [
            fields(record) | {"attributes": None if place else ATTRIBUTES.decode()}
            for place, record in enumerate(batch.records)
        ],
        "rows": [written_row(row) for row in batch.rows],
        "nodes": [hexadecimal(batch.nodes[start : start + 32]) for start in range(0, len(batch.nodes), 32)],
    }


def _presence(name: str, opening: Opening, row: Row, path: Sequence[bytes]) -> dict[str, Any]:
    return {"name": name, "valid": True, "opening": written_opening(opening), **written_proof(row, path)}


def _absence(name: str, opening: Opening, key: bytes, rows: Sequence[tuple[Row, Sequence[bytes]]]) -> dict[str, Any]:
    return {
        "name": name,
        "valid": True,
        "opening": written_opening(opening),
        "unitKey": hexadecimal(key),
        "neighbours": [written_proof(row, path) for row, path in rows],
    }


def _index_twice(rows: list[Row]) -> list[Row]:
    return [*rows[:4], replace(rows[4], index=3), *rows[5:]]


def _exchanged(rows: list[Row]) -> list[Row]:
    rows[2], rows[5] = replace(rows[5], index=2), replace(rows[2], index=5)
    return rows


def _repeated(rows: list[Row]) -> list[Row]:
    return [*rows[:4], *(replace(row, index=row.index + 1) for row in rows[3:])]


def _next(key: bytes) -> bytes:
    return (int.from_bytes(key, "big") + 1).to_bytes(32, "big")


def _previous(key: bytes) -> bytes:
    return (int.from_bytes(key, "big") - 1).to_bytes(32, "big")
