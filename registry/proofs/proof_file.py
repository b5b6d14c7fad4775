"""The proof file: everything that it takes to repeat one unit's proof, in one document that a person can keep.

Format and rules are in docs/proof-file.md. Nothing in it is believed: `registry.checking.repeating` computes every value again,
up to the seal, and whether the seal stands is a question to a chain that the reader chose. No byte of it is idle.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from registry.errors import DocumentError, IdentityError
from registry.proofs import documents, manifest, signing
from registry.proofs.encoding import MAX_UNITS, canonical
from registry.units import identity
from registry.units.records import Record

FORMAT: Final = "touchstone-proof"
VERSION: Final = "1"
MAX_BYTES: Final = 12 * 2**20
"""A manifest and a profile as texts within a text: their quotes are escaped once more."""
MAX_PATH: Final = 32
"""Siblings above a leaf of the largest batch."""
ADDRESS: Final = re.compile(r"0x[0-9A-Fa-f]{40}")
COUNT: Final = re.compile(r"0|[1-9][0-9]{0,9}")
CHAIN_ID: Final = re.compile(r"[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class ProofFile:
    """What a proof file says, in the order in which it is checked."""

    registry_id: bytes
    record: Record
    signature: str
    """86 characters, as on the label."""
    signer: str
    """The address that the signature is said to recover to."""
    salt: bytes
    index: int
    attributes_hash: bytes
    leaf: bytes
    path: tuple[bytes, ...]
    """Sibling hashes, leaf to root."""
    root: bytes
    unit_count: int
    manifest: bytes
    seal: bytes
    chain_id: int
    contract: str
    """EIP-55 address of the contract in which the seal is said to be anchored; whoever checks names one of their own."""
    profile: bytes
    """The manufacturer's profile that was in force at the anchor."""


def write(file: ProofFile) -> bytes:
    """Return the document. Raises `DocumentError` if `read` would refuse it."""
    word = documents.hexadecimal
    record = file.record
    raw = canonical(
        {
            "format": FORMAT,
            "version": VERSION,
            "registryId": word(file.registry_id),
            "label": {"gtin": record.gtin, "lot": record.lot, "serial": record.serial, "signature": file.signature},
            "signer": file.signer,
            "salt": word(file.salt),
            "index": str(file.index),
            "attributesHash": word(file.attributes_hash),
            "leaf": word(file.leaf),
            "path": [word(sibling) for sibling in file.path],
            "root": word(file.root),
            "unitCount": str(file.unit_count),
            "manifest": file.manifest.decode(),
            "seal": word(file.seal),
            "anchor": {"chainId": str(file.chain_id), "contract": file.contract},
            "profile": file.profile.decode(),
        }
    )
    read(raw)
    return raw


def read(raw: bytes) -> ProofFile:
    """Return what a document says.

    Raises `DocumentError`, and nothing else, unless it is a canonical (RFC 8785) proof file of this version, of at most 12 MiB,
    with the known members and no other, each of its form. Whether it is true, the steps of `registry.checking.repeating` say.
    """
    fields = documents.Fields(documents.load(raw, what="proof", max_bytes=MAX_BYTES), "proof")
    fields.constant("format", FORMAT)
    fields.constant("version", VERSION)
    registry_id = fields.word("registryId")
    record, signature = _label(fields.member("label"))
    chain_id, contract = _anchor(fields.member("anchor"))
    file = ProofFile(
        registry_id=registry_id,
        record=record,
        signature=signature,
        signer=fields.text("signer", ADDRESS),
        salt=fields.word("salt"),
        index=_count(fields, "index"),
        attributes_hash=fields.word("attributesHash"),
        leaf=fields.word("leaf"),
        path=_path(fields),
        root=fields.word("root"),
        unit_count=_count(fields, "unitCount"),
        manifest=fields.text("manifest").encode(),
        seal=fields.word("seal"),
        chain_id=chain_id,
        contract=contract,
        profile=fields.text("profile").encode(),
    )
    fields.done()
    return file


def _label(fields: documents.Fields) -> tuple[Record, str]:
    record = Record(
        gtin=fields.text("gtin", documents.GTIN),
        lot=fields.text("lot", manifest.LOT),
        serial=fields.text("serial", manifest.LOT),
    )
    signature = fields.text("signature", signing.ENCODED)
    fields.done()
    try:
        identity.parse_gtin(record.gtin)
    except IdentityError as error:
        raise DocumentError(f"proof.label.gtin: {error.message}") from error
    return record, signature


def _anchor(fields: documents.Fields) -> tuple[int, str]:
    chain_id, contract = int(fields.text("chainId", CHAIN_ID)), fields.text("contract", ADDRESS)
    fields.done()
    if contract != signing.checksummed(bytes.fromhex(contract[2:])):
        raise DocumentError(f"proof.anchor.contract is {contract}, expected an address with its EIP-55 capitals")
    return chain_id, contract


def _count(fields: documents.Fields, name: str) -> int:
    value = int(fields.text(name, COUNT))
    if value > MAX_UNITS:
        raise DocumentError(f"proof.{name} is {value}, expected at most {MAX_UNITS}")
    return value


def _path(fields: documents.Fields) -> tuple[bytes, ...]:
    path = tuple(bytes.fromhex(word[2:]) for word in fields.texts("path", documents.WORD))
    if len(path) > MAX_PATH:
        raise DocumentError(f"proof.path has {len(path)} hashes, expected at most {MAX_PATH}")
    return path
