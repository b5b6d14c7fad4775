"""Writes tree files for tests, the plain way: everything in memory, one step after the other."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from registry.proofs import encoding, manifest, merkle, signing, tree_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from registry.units.records import Record

Unit = tuple["Record", bytes | None]
"""A record and its attributes."""


def write(
    path: Path,
    units: Sequence[Unit],
    manifest_bytes: bytes,
    salt: bytes,
    sign: Callable[[bytes], bytes] | bytes,
    *,
    change: Callable[[list[tree_file.TreeUnit]], Sequence[tree_file.TreeUnit]] = tuple,
) -> tree_file.Header:
    """Seal the units, write the file and return its header. `sign` signs digests, or is a private key.

    A dishonest manufacturer may `change` the units, in the order of their keys, before the tree is built.
    """
    signer = signing.signer(sign) if isinstance(sign, bytes) else sign
    described = manifest.read(manifest_bytes)
    hasher = encoding.RecordHasher(described.registry_id)
    places = {(product.gtin, product.lot): place for place, product in enumerate(described.products)}
    ordered = sorted(units, key=lambda unit: encoding.unit_key(salt, unit[0].id))
    honest = [
        tree_file.TreeUnit(rank, record, signer(hasher.digest(record)), attributes)
        for rank, (record, attributes) in enumerate(ordered)
    ]
    packed, attributes, leaves = [], b"", []
    for unit in change(honest):
        attributes += unit.attributes or b""
        serial = unit.record.serial.encode()
        product = places[unit.record.gtin, unit.record.lot]
        packed.append(tree_file.pack_unit(product, len(attributes), serial, unit.signature))
        key, digest = encoding.unit_key(salt, unit.record.id), hasher.digest(unit.record)
        leaves.append(encoding.leaf(encoding.Row(unit.index, key, digest, encoding.attributes_hash(unit.attributes))))
    nodes = merkle.build(leaves)
    parcel = manifest_bytes + b"".join(packed) + attributes
    header = tree_file.Header(
        unit_count=len(leaves),
        manifest_size=len(manifest_bytes),
        attributes_size=len(attributes),
        salt=salt,
        root=merkle.root(nodes),
        manifest_hash=manifest.manifest_hash(manifest_bytes),
        parcel_checksum=hashlib.sha256(parcel).digest(),
        nodes_checksum=hashlib.sha256(nodes).digest(),
    )
    path.write_bytes(tree_file.write_header(header) + parcel + nodes)
    return header
