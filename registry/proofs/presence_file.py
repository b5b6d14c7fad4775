"""The presence file: that units are in one batch, all of them in one document, as evidence bundles hold it.

A proof file (`registry.proofs.proof_file`) shows one unit with its label's signature. This one shows any number of units of a
batch: manifest, salt and root stand in it once, and a unit whose label was not read, but whose number was, stands in it without
a signature. Nothing in it is believed: `registry.enforcement.verifier` computes every value again up to the seal. Format and
rules are in docs/evidence.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.proofs.documents import hexadecimal
from registry.proofs.encoding import canonical

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.units.records import Record

FORMAT: Final = "touchstone-presence"
VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class PresentUnit:
    """One unit with what leads from it to the root."""

    record: Record
    index: int
    attributes_hash: bytes
    path: tuple[bytes, ...]
    """Sibling hashes, leaf to root."""
    signature: str = ""
    """86 characters, as on the label; empty if the label was not read."""
    signer: str = ""
    """The EIP-55 address that the signature recovers to; empty without one."""


@dataclass(frozen=True, slots=True)
class PresenceFile:
    """What a presence file says."""

    registry_id: bytes
    manifest: bytes
    salt: bytes
    root: bytes
    unit_count: int
    seal: bytes
    chain_id: int
    contract: str
    """EIP-55 address of the contract in which the seal is anchored; whoever checks names one of their own."""
    manufacturer: int
    """Whose batch it is, as the chain says."""
    units: Sequence[PresentUnit]


def write(file: PresenceFile) -> bytes:
    """Return the document in its canonical form (RFC 8785)."""
    return canonical({
        "format": FORMAT,
        "version": VERSION,
        "registryId": hexadecimal(file.registry_id),
        "manifest": file.manifest.decode(),
        "salt": hexadecimal(file.salt),
        "root": hexadecimal(file.root),
        "unitCount": str(file.unit_count),
        "seal": hexadecimal(file.seal),
        "anchor": {"chainId": str(file.chain_id), "contract": file.contract, "manufacturer": str(file.manufacturer)},
        "units": [
            {
                "gtin": unit.record.gtin,
                "lot": unit.record.lot,
                "serial": unit.record.serial,
                "index": str(unit.index),
                "attributesHash": hexadecimal(unit.attributes_hash),
                "path": [hexadecimal(sibling) for sibling in unit.path],
                "signature": unit.signature,
                "signer": unit.signer,
            }
            for unit in file.units
        ],
    })  # fmt: skip
