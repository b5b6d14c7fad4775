"""Seals a batch: digests and signatures of its units, rows in order, tree, manifest, seal (protocol §§ 3-4).

Nothing here asks a clock, a chain or a database. With the same salt, the same `random` and the same signer the result is the
same to the byte.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

from registry.errors import SealError
from registry.proofs import encoding, manifest, merkle
from registry.proofs.encoding import Opening, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.issuing.intake import Intake, IntakeUnit, Products
    from registry.units.records import Record

SALT_BYTES = 32
BLINDING_BYTES = 16
BLINDING = "random"
"""The member of an attributes document that holds its 16 random bytes: without them a short attribute could be guessed from
its hash."""
PROGRESS_EVERY = 1000


@dataclass(frozen=True, slots=True)
class SealedUnit:
    """A unit of a sealed batch; its place in `SealedBatch.units` is its index in the tree."""

    record: Record
    attributes: bytes | None
    """RFC 8785 bytes, with 16 random bytes among them, or none."""
    signature: bytes
    """64 bytes, EIP-2098."""


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """A batch as it is stored before anything is paid for: all that its labels and proofs will ever need."""

    opening: Opening
    salt: bytes
    """32 bytes. Lose it and every proof of the batch is lost."""
    manifest: bytes
    """RFC 8785 bytes."""
    rows: tuple[Row, ...]
    """Ordered by unit key, strictly ascending."""
    nodes: bytes
    """The tree, (2n-1) * 32 bytes, root first."""
    units: tuple[SealedUnit, ...]
    """In the order of the rows."""
    seal: bytes
    fingerprint: str
    """sha256 (hex) of the input that was sealed, see `intake.Intake`."""


def seal_batch(
    intake: Intake,
    products: Products,
    signer_fn: Callable[[bytes], bytes],
    registry_id: bytes,
    *,
    supersedes: bytes | None = None,
    salt: bytes | None = None,
    random: Callable[[int], bytes] = secrets.token_bytes,
    progress: Callable[[int], None] | None = None,
) -> SealedBatch:
    """Sign every unit of an intake and seal them as one batch.

    `signer_fn` turns a 32-byte digest into a 64-byte EIP-2098 signature. `supersedes` is the seal of a withdrawn batch that
    this one corrects. `progress` is told the number of units signed so far, at the end the total.

    Raises `SealError` if there is nothing to seal, a lot is unknown or a unit is there twice; `DocumentError` if the manifest
    cannot be written.
    """
    if not intake.units:
        raise SealError("found no unit, expected at least one")
    salt = random(SALT_BYTES) if salt is None else salt
    # Before anything is signed: a manifest that cannot be written stops here.
    document = manifest.write(_manifest(intake.units, products, registry_id, salt, supersedes))
    hasher = encoding.RecordHasher(registry_id)
    keyed = sorted(((encoding.unit_key(salt, unit.record.id), unit) for unit in intake.units), key=itemgetter(0))
    rows: list[Row] = []
    units: list[SealedUnit] = []
    for index, (key, unit) in enumerate(keyed):
        if rows and key == rows[-1].unit_key:
            raise SealError(f"unit {unit.record.gtin}/{unit.record.serial} is twice in the batch, expected once")
        digest = hasher.digest(unit.record)
        attributes = _attributes(unit, random)
        rows.append(Row(index, key, digest, encoding.attributes_hash(attributes)))
        units.append(SealedUnit(unit.record, attributes, signer_fn(digest)))
        if progress is not None and (index + 1) % PROGRESS_EVERY == 0:
            progress(index + 1)
    if progress is not None and len(rows) % PROGRESS_EVERY:
        progress(len(rows))
    nodes = merkle.build([encoding.leaf(row) for row in rows])
    opening = Opening(merkle.root(nodes), len(rows), manifest.manifest_hash(document))
    return SealedBatch(
        opening=opening,
        salt=salt,
        manifest=document,
        rows=tuple(rows),
        nodes=nodes,
        units=tuple(units),
        seal=encoding.seal(opening),
        fingerprint=intake.fingerprint,
    )


def _attributes(unit: IntakeUnit, random: Callable[[int], bytes]) -> bytes | None:
    """Return the RFC 8785 document of a unit's attributes with fresh random bytes, or none."""
    if not unit.attributes:
        return None
    return encoding.canonical({**dict(unit.attributes), BLINDING: random(BLINDING_BYTES).hex()})


def _manifest(
    units: Sequence[IntakeUnit], products: Products, registry_id: bytes, salt: bytes, supersedes: bytes | None
) -> manifest.Manifest:
    """Return the manifest: the entries of exactly the lots that the batch holds, in order of (gtin, lot)."""
    lots = sorted({(unit.record.gtin, unit.record.lot) for unit in units})
    entries = []
    for gtin, lot in lots:
        entry = products.entry(gtin, lot)
        if entry is None:
            raise SealError(f"lot {lot} of {gtin} is not in the products file, expected every lot there")
        entries.append(entry)
    return manifest.Manifest(
        registry_id=registry_id, salt_hash=encoding.salt_hash(salt), products=tuple(entries), supersedes=supersedes
    )
