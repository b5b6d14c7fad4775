"""The absence file: that no batch up to a block holds a unit, in one document that anybody can check again.

Format and rules are in docs/absence.md. Nothing in it is believed: `registry.enforcement.absence_steps` computes every value
again up to the seals, and whether these are all the batches is a question to a chain that the reader chose.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from registry.errors import DocumentError, IdentityError
from registry.proofs import documents, manifest, signing
from registry.proofs.absence import BatchGap, Neighbour
from registry.proofs.encoding import MAX_UNITS, Row, canonical
from registry.proofs.proof_file import ADDRESS, CHAIN_ID, COUNT, MAX_PATH
from registry.units import identity
from registry.units.records import UnitId

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMAT: Final = "touchstone-absence"
VERSION: Final = "1"
MAX_BYTES: Final = 64 * 2**20
"""Some three kilobytes for a batch with a short manifest: twenty thousand batches."""
MAX_ATTESTATIONS: Final = 255
"""The contract counts them in a byte."""
NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Block:
    """A block up to which something is said."""

    number: int
    hash: bytes
    time: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class ListedBatch:
    """A batch that a deployment lists."""

    seal: bytes
    block: int
    """Where it was anchored."""
    attestations: int
    """Of witnesses that replayed its whole tree, up to the block of the listing."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """A manufacturer as a deployment knew it at the block of the listing."""

    number: int
    profiles: tuple[bytes, ...]
    """The hashes of all versions of its profile, oldest first."""
    batch_count: int
    """How many batches the contract counted; 0 if they were not asked about."""
    batches: tuple[ListedBatch, ...]
    """All of them, by their numbers; none of a manufacturer that is excused, because its profiles never claimed the GTIN."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What one deployment lists up to a block."""

    chain_id: int
    contract: str
    """EIP-55 address; whoever checks names their own."""
    block: Block
    issuers: tuple[Issuer, ...]
    """Every accredited manufacturer, by number."""


@dataclass(frozen=True, slots=True)
class AbsenceFile:
    """What an absence file says."""

    registry_id: bytes
    unit: UnitId
    listings: tuple[Listing, ...]
    """Of every deployment of the registry, in the order of the maker's settings."""
    profiles: tuple[bytes, ...]
    """Profiles by their hashes: what excuses a manufacturer, and what names one."""
    gaps: tuple[BatchGap, ...]
    """Of every batch that is listed, each once, by seal."""


def write(file: AbsenceFile) -> bytes:
    """Return the document. Raises `DocumentError` if `read` would refuse it."""
    raw = canonical(
        {
            "format": FORMAT,
            "version": VERSION,
            "registryId": documents.hexadecimal(file.registry_id),
            "unit": {"gtin": file.unit.gtin, "serial": file.unit.serial},
            "deployments": [_written_listing(one) for one in file.listings],
            "profiles": [raw.decode() for raw in file.profiles],
            "batches": [_written_gap(one) for one in file.gaps],
        }
    )
    read(raw)
    return raw


def read(raw: bytes) -> AbsenceFile:
    """Return what a document says.

    Raises `DocumentError`, and nothing else, unless it is a canonical (RFC 8785) absence file of this version, of at most
    64 MiB, with the known members and no other, each of its form, every list in its order and nothing listed twice. Whether it
    is true, the steps of `registry.enforcement.absence_steps` say.
    """
    fields = documents.Fields(documents.load(raw, what="absence", max_bytes=MAX_BYTES), "absence")
    fields.constant("format", FORMAT)
    fields.constant("version", VERSION)
    file = AbsenceFile(
        registry_id=fields.word("registryId"),
        unit=_unit(fields.member("unit")),
        listings=tuple(_listing(one) for one in _members(fields, "deployments", "absence")),
        profiles=tuple(text.encode() for text in fields.texts("profiles")),
        gaps=tuple(_gap(one) for one in _members(fields, "batches", "absence")),
    )
    fields.done()
    if not file.listings:
        raise DocumentError("absence.deployments is empty, expected every deployment of the registry")
    if len({(one.chain_id, one.contract) for one in file.listings}) != len(file.listings):
        raise DocumentError("absence.deployments has a contract twice, expected each once")
    _ascending("absence.batches", (one.seal for one in file.gaps))
    return file


def is_one(raw: bytes) -> bool:
    """Say whether a document calls itself an absence file; what it says is not looked at."""
    try:
        document = documents.load_loosely(raw, what="absence", max_bytes=MAX_BYTES)
    except DocumentError:
        return False
    return isinstance(document, dict) and document.get("format") == FORMAT


# ------------------------------------------------------------------------------------------------------------- writing


def _written_listing(listing: Listing) -> dict[str, Any]:
    return {
        "chainId": str(listing.chain_id),
        "contract": listing.contract,
        "block": {
            "number": str(listing.block.number),
            "hash": documents.hexadecimal(listing.block.hash),
            "time": str(listing.block.time),
        },
        "manufacturers": [_written_issuer(one) for one in listing.issuers],
    }


def _written_issuer(issuer: Issuer) -> dict[str, Any]:
    return {
        "number": str(issuer.number),
        "profiles": [documents.hexadecimal(one) for one in issuer.profiles],
        "batchCount": str(issuer.batch_count),
        "batches": [
            {"seal": documents.hexadecimal(one.seal), "block": str(one.block), "attestations": str(one.attestations)}
            for one in issuer.batches
        ],
    }


def _written_gap(gap: BatchGap) -> dict[str, Any]:
    word = documents.hexadecimal
    return {
        "seal": word(gap.seal),
        "root": word(gap.root),
        "unitCount": str(gap.unit_count),
        "manifest": gap.manifest.decode(),
        "salt": word(gap.salt),
        "neighbours": [
            {
                "index": str(one.row.index),
                "unitKey": word(one.row.unit_key),
                "digest": word(one.row.digest),
                "attributesHash": word(one.row.attributes_hash),
                "path": [word(sibling) for sibling in one.path],
            }
            for one in gap.neighbours
        ],
    }


# ------------------------------------------------------------------------------------------------------------- reading


def _unit(fields: documents.Fields) -> UnitId:
    unit = UnitId(fields.text("gtin", documents.GTIN), fields.text("serial", manifest.LOT))
    fields.done()
    try:
        identity.parse_gtin(unit.gtin)
    except IdentityError as error:
        raise DocumentError(f"absence.unit.gtin: {error.message}") from error
    return unit


def _listing(fields: documents.Fields) -> Listing:
    block = fields.member("block")
    listing = Listing(
        chain_id=int(fields.text("chainId", CHAIN_ID)),
        contract=fields.text("contract", ADDRESS),
        block=Block(_number(block, "number"), block.word("hash"), _number(block, "time")),
        issuers=tuple(_issuer(one) for one in _members(fields, "manufacturers", "manufacturer")),
    )
    block.done()
    fields.done()
    if listing.contract != signing.checksummed(bytes.fromhex(listing.contract[2:])):
        raise DocumentError(f"absence.deployments has {listing.contract}, expected an address with its EIP-55 capitals")
    _ascending("a deployment's manufacturers", (one.number for one in listing.issuers))
    return listing


def _issuer(fields: documents.Fields) -> Issuer:
    issuer = Issuer(
        number=_count(fields, "number"),
        profiles=tuple(bytes.fromhex(one[2:]) for one in _words(fields, "profiles")),
        batch_count=_count(fields, "batchCount"),
        batches=tuple(_listed(one) for one in _members(fields, "batches", "a listed batch")),
    )
    fields.done()
    if len({one.seal for one in issuer.batches}) != len(issuer.batches):
        raise DocumentError(f"manufacturer {issuer.number} has a batch twice, expected each once")
    return issuer


def _listed(fields: documents.Fields) -> ListedBatch:
    batch = ListedBatch(fields.word("seal"), _number(fields, "block"), _count(fields, "attestations", MAX_ATTESTATIONS))
    fields.done()
    return batch


def _gap(fields: documents.Fields) -> BatchGap:
    gap = BatchGap(
        seal=fields.word("seal"),
        root=fields.word("root"),
        unit_count=_count(fields, "unitCount"),
        manifest=fields.text("manifest").encode(),
        salt=fields.word("salt"),
        neighbours=tuple(_neighbour(one) for one in _members(fields, "neighbours", "a neighbour")),
    )
    fields.done()
    return gap


def _neighbour(fields: documents.Fields) -> Neighbour:
    row = Row(_count(fields, "index"), fields.word("unitKey"), fields.word("digest"), fields.word("attributesHash"))
    path = tuple(bytes.fromhex(one[2:]) for one in fields.texts("path", documents.WORD))
    fields.done()
    if len(path) > MAX_PATH:
        raise DocumentError(f"a neighbour's path has {len(path)} hashes, expected at most {MAX_PATH}")
    return Neighbour(row, path)


def _members(fields: documents.Fields, name: str, where: str) -> list[documents.Fields]:
    return [documents.Fields(one, f"{where}.{name}[{place}]") for place, one in enumerate(fields.items(name))]


def _words(fields: documents.Fields, name: str) -> list[str]:
    """Return a list of words, any of which may be there twice: a manufacturer may go back to an earlier profile."""
    box = [documents.Fields({name: one}, name) for one in fields.items(name)]
    return [one.text(name, documents.WORD) for one in box]


def _number(fields: documents.Fields, name: str) -> int:
    return int(fields.text(name, NUMBER))


def _count(fields: documents.Fields, name: str, most: int = MAX_UNITS) -> int:
    value = int(fields.text(name, COUNT))
    if value > most:
        raise DocumentError(f"{name} is {value}, expected at most {most}")
    return value


def _ascending(what: str, values: Iterable[Any]) -> None:
    for before, after in pairwise(values):
        if before >= after:
            raise DocumentError(f"{what} has something twice or out of order, expected each once and in order")
