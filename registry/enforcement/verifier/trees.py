"""Records, rows, paths and seals: what leads from a label to the one hash that is on the chain (docs/protocol.md, 3 and 4)."""

from __future__ import annotations

from dataclasses import dataclass

from .documents import Refused, read_manifest
from .keccak import keccak256


@dataclass(frozen=True)
class Row:
    """What the tree holds of one unit."""

    index: int
    key: bytes
    digest: bytes
    attributes: bytes

    def leaf(self) -> bytes:
        """Return the row's leaf, hashed twice."""
        return keccak256(keccak256(self.index.to_bytes(32, "big") + self.key + self.digest + self.attributes))


def unit_digest(registry_id: bytes, gtin: str, lot: str, serial: str) -> bytes:
    """Return the EIP-712 hash of what a label carries."""
    domain = keccak256(
        keccak256(b"EIP712Domain(string name,string version,bytes32 salt)")
        + keccak256(b"Touchstone")
        + keccak256(b"1")
        + registry_id
    )
    fields = b"".join(keccak256(field.encode()) for field in (gtin, lot, serial))
    return keccak256(b"\x19\x01" + domain + keccak256(keccak256(b"Unit(string gtin,string lot,string serial)") + fields))


def unit_key(salt: bytes, gtin: str, serial: str) -> bytes:
    """Return the key by which the rows of a batch are ordered."""
    return keccak256(salt + gtin.encode() + b"\x1f" + serial.encode())


def check_path(row: Row, path: list[bytes], root: bytes, count: int) -> None:
    """See that a row is in the tree of `count` rows with this root."""
    if row.index >= count:
        raise Refused(f"row {row.index} of a batch of {count}")
    if len(path) > (count - 1).bit_length():
        raise Refused(f"a path of {len(path)} hashes is too long for {count} rows")
    node = row.leaf()
    for sibling in path:
        node = keccak256(min(node, sibling) + max(node, sibling))
    if node != root:
        raise Refused(f"the path of row {row.index} does not lead to the root")


def check_gap(key: bytes, rows: list[Row], count: int) -> None:
    """See that rows of a tree leave no place for a key: two neighbours around it, the first after it, the last before it."""
    if len(rows) == 2:  # noqa: PLR2004 -- a pair of neighbours
        before, after = rows
        shown = after.index == before.index + 1 and before.key < key < after.key
    elif len(rows) == 1:
        (only,) = rows
        shown = (only.index == 0 and key < only.key) or (only.index == count - 1 and only.key < key)
    else:
        shown = False
    if not shown:
        raise Refused(f"rows {', '.join(str(row.index) for row in rows) or 'none'} leave a place for the unit")


def check_seal(
    seal: bytes, *, registry_id: bytes, salt: bytes, root: bytes, count: int, manifest: bytes
) -> set[tuple[str, str]]:
    """See that manifest, salt, root and count belong to a seal of this registry; returns the manifest's products."""
    found_id, salt_hash, products = read_manifest(manifest)
    if found_id != registry_id:
        raise Refused("the manifest belongs to another registry")
    if salt_hash != keccak256(salt):
        raise Refused("the salt is not the one that the manifest commits")
    if count < 1 or keccak256(root + count.to_bytes(32, "big") + keccak256(manifest)) != seal:
        raise Refused("root, count and manifest do not give the seal")
    return products
