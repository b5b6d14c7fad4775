"""The steps of a proof file (docs/proof-file.md) and of an absence file (docs/absence.md) that need no chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .documents import (
    ADDRESS,
    CHAIN_ID,
    NUMBER,
    TEXT82,
    Members,
    Refused,
    checked_gtin,
    claims_gtin,
    loaded,
    read_claims,
)
from .keccak import keccak256
from .secp256k1 import checksummed, decoded_signature, recovered_address
from .trees import Row, check_gap, check_path, check_seal, unit_digest, unit_key

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PROOF = 12 * 2**20
MAX_ABSENCE = 64 * 2**20
MAX_PATH = 32
MAX_ATTESTATIONS = 255

Step = tuple[str, bool, str]
"""Its name, whether it holds, and what was found."""


def check_file(raw: bytes) -> tuple[str, list[Step]]:
    """Repeat a file of either kind: what it is about, and its steps up to the first that does not hold."""
    try:
        file = read(raw)
    except Refused as error:
        return "", [("document", False, str(error))]
    return file.about, repeated(file)


def read(raw: bytes) -> Proof | Absence:
    """Return what a file of either kind says, whether it is true or not."""
    document = loaded(raw, MAX_ABSENCE if b'"format":"touchstone-absence"' in raw else MAX_PROOF)
    is_absence = isinstance(document, dict) and document.get("format") == "touchstone-absence"
    return Absence(document) if is_absence else Proof(document)


class Repeatable(Protocol):
    """A file of any kind."""

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Return what is repeated, in this order."""


def repeated(file: Repeatable) -> list[Step]:
    """Make the steps that need no network."""
    return [("document", True, ""), *made(file.steps())]


def made(steps: list[tuple[str, Callable[[], str]]]) -> list[Step]:
    """Make steps in their order, up to the first that does not hold."""
    found: list[Step] = []
    for name, check in steps:
        try:
            found.append((name, True, check()))
        except Refused as error:
            found.append((name, False, str(error)))
            break
    return found


class Proof:
    """A proof file: that a unit was signed and is in a batch."""

    def __init__(self, document: Any) -> None:
        fields = Members(document, "proof")
        fields.text("format", "touchstone-proof")
        fields.text("version", "1")
        label, anchor = fields.member("label"), fields.member("anchor")
        self.registry_id = fields.word("registryId")
        self.gtin, self.lot, self.serial = checked_gtin(label), label.text("lot", TEXT82), label.text("serial", TEXT82)
        self.signature = label.text("signature", r"[A-Za-z0-9_-]{86}")
        self.signer = fields.text("signer", ADDRESS)
        self.salt = fields.word("salt")
        self.index = fields.count("index")
        self.attributes = fields.word("attributesHash")
        self.leaf = fields.word("leaf")
        self.path = fields.words("path")
        self.root = fields.word("root")
        self.count = fields.count("unitCount")
        self.manifest = fields.text("manifest").encode()
        self.seal = fields.word("seal")
        self.chain_id = int(anchor.text("chainId", CHAIN_ID))
        self.about = f"presence of GTIN {self.gtin}, lot {self.lot}, serial {self.serial}"
        self.contract = _contract(anchor)
        fields.text("profile")
        for one in (label, anchor, fields):
            one.done()
        if len(self.path) > MAX_PATH:
            raise Refused(f"proof.path has {len(self.path)} hashes, expected at most {MAX_PATH}")

    def row(self) -> Row:
        """Return the row that label, salt, index and attributes give."""
        digest = unit_digest(self.registry_id, self.gtin, self.lot, self.serial)
        return Row(self.index, unit_key(self.salt, self.gtin, self.serial), digest, self.attributes)

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Return what is repeated, in this order."""
        return [
            ("signature", self._signature),
            ("leaf", self._leaf),
            ("path", self._path),
            ("seal", self._seal),
        ]

    def _signature(self) -> str:
        signer = recovered_address(self.row().digest, decoded_signature(self.signature))
        if signer != self.signer:
            raise Refused(f"the signature recovers to {signer}, expected {self.signer}")
        return f"signed by {signer}"

    def _leaf(self) -> str:
        if self.row().leaf() != self.leaf:
            raise Refused("label, salt, index and attributes do not give the leaf")
        return f"unit {self.index} of {self.count}"

    def _path(self) -> str:
        check_path(self.row(), self.path, self.root, self.count)
        return f"{len(self.path)} hashes to the root"

    def _seal(self) -> str:
        products = check_seal(
            self.seal,
            registry_id=self.registry_id,
            salt=self.salt,
            root=self.root,
            count=self.count,
            manifest=self.manifest,
        )
        if (self.gtin, self.lot) not in products:
            raise Refused("the manifest does not name the unit's product and lot")
        return f"seal 0x{self.seal.hex()}"


@dataclass(frozen=True)
class Gap:
    """The rows of one batch that are shown."""

    seal: bytes
    root: bytes
    count: int
    manifest: bytes
    salt: bytes
    rows: list[tuple[Row, list[bytes]]]


@dataclass(frozen=True)
class Issuer:
    """A manufacturer as a deployment lists it."""

    number: int
    profiles: list[bytes]
    count: int
    batches: list[tuple[bytes, int, int]]
    """Seal, block and attestations."""


@dataclass(frozen=True)
class Deployment:
    """What one deployment lists up to a block."""

    chain_id: int
    contract: str
    block: int
    block_hash: bytes
    time: int
    issuers: list[Issuer]


class Absence:
    """An absence file: that a unit is in no batch of any manufacturer that ever claimed its GTIN."""

    def __init__(self, document: Any) -> None:
        fields = Members(document, "absence")
        fields.text("format", "touchstone-absence")
        fields.text("version", "1")
        self.registry_id = fields.word("registryId")
        unit = fields.member("unit")
        self.gtin, self.serial = checked_gtin(unit), unit.text("serial", TEXT82)
        unit.done()
        self.about = f"absence of GTIN {self.gtin}, serial {self.serial}"
        self.deployments = [_deployment(one) for one in fields.members("deployments")]
        self.profiles = [text.encode() for text in fields.texts("profiles")]
        self.gaps = [_gap(one) for one in fields.members("batches")]
        fields.done()
        contracts = [(one.chain_id, one.contract) for one in self.deployments]
        if not contracts or len(set(contracts)) != len(contracts):
            raise Refused("absence.deployments is empty, or has a contract twice")
        _ascending("absence.batches", [gap.seal for gap in self.gaps])

    def steps(self) -> list[tuple[str, Callable[[], str]]]:
        """Return what is repeated, in this order."""
        return [
            ("profiles", self._profiles),
            ("list", self._list),
            ("seals", self._seals),
            ("rows", self._rows),
            ("gaps", self._gaps),
        ]

    def issuers(self) -> list[Issuer]:
        """Return the manufacturers of all deployments."""
        return [issuer for one in self.deployments for issuer in one.issuers]

    def excused(self) -> set[int]:
        """Return the manufacturers all of whose profiles are in the file and claim another GTIN."""
        innocent = {keccak256(raw) for raw in self.profiles if not claims_gtin(self.gtin, read_claims(raw))}
        asked = {issuer.number for issuer in self.issuers() if not innocent.issuperset(issuer.profiles)}
        return {issuer.number for issuer in self.issuers()} - asked

    def _profiles(self) -> str:
        named = {one for issuer in self.issuers() for one in issuer.profiles}
        for raw in self.profiles:
            if keccak256(raw) not in named:
                raise Refused("a profile is no version of any listed manufacturer's")
            read_claims(raw)
        return f"{len(self.profiles)} profiles"

    def _list(self) -> str:
        for one in self.deployments:
            for issuer in one.issuers:
                blocks = [block for _, block, _ in issuer.batches]
                if not issuer.profiles or len(blocks) != issuer.count:
                    raise Refused(f"manufacturer {issuer.number} has no profile, or another count of batches than are listed")
                if blocks != sorted(blocks) or max(blocks, default=0) > one.block:
                    raise Refused(f"the batches of manufacturer {issuer.number} are out of order, or later than the block")
        listed = {seal for issuer in self.issuers() for seal, _, _ in issuer.batches}
        if listed != {gap.seal for gap in self.gaps}:
            raise Refused("the batches that are listed are not the batches that are shown")
        numbers = {issuer.number for issuer in self.issuers()}
        return f"{len(listed)} batches; {len(self.excused())} of {len(numbers)} manufacturers never claimed the GTIN"

    def _seals(self) -> str:
        for gap in self.gaps:
            check_seal(
                gap.seal, registry_id=self.registry_id, salt=gap.salt, root=gap.root, count=gap.count, manifest=gap.manifest
            )
        return f"{len(self.gaps)} seals"

    def _rows(self) -> str:
        for gap in self.gaps:
            for row, path in gap.rows:
                check_path(row, path, gap.root, gap.count)
        return f"{sum(len(gap.rows) for gap in self.gaps)} rows lead to their roots"

    def _gaps(self) -> str:
        for gap in self.gaps:
            try:
                check_gap(unit_key(gap.salt, self.gtin, self.serial), [row for row, _ in gap.rows], gap.count)
            except Refused as error:
                raise Refused(f"batch of seal 0x{gap.seal.hex()}: {error}") from error
        return f"GTIN {self.gtin}, serial {self.serial} lies between rows of each batch"


def _deployment(fields: Members) -> Deployment:
    block = fields.member("block")
    found = Deployment(
        int(fields.text("chainId", CHAIN_ID)),
        _contract(fields),
        int(block.text("number", NUMBER)),
        block.word("hash"),
        int(block.text("time", NUMBER)),
        [_issuer(one) for one in fields.members("manufacturers")],
    )
    block.done()
    fields.done()
    _ascending("a deployment's manufacturers", [one.number for one in found.issuers])
    return found


def _issuer(fields: Members) -> Issuer:
    issuer = Issuer(
        fields.count("number"),
        fields.words("profiles", unique=False),
        fields.count("batchCount"),
        [_listed(one) for one in fields.members("batches")],
    )
    fields.done()
    if len({seal for seal, _, _ in issuer.batches}) != len(issuer.batches):
        raise Refused(f"manufacturer {issuer.number} has a batch twice")
    return issuer


def _listed(fields: Members) -> tuple[bytes, int, int]:
    found = (fields.word("seal"), int(fields.text("block", NUMBER)), fields.count("attestations", MAX_ATTESTATIONS))
    fields.done()
    return found


def _gap(fields: Members) -> Gap:
    gap = Gap(
        fields.word("seal"),
        fields.word("root"),
        fields.count("unitCount"),
        fields.text("manifest").encode(),
        fields.word("salt"),
        [_neighbour(one) for one in fields.members("neighbours")],
    )
    fields.done()
    return gap


def _neighbour(fields: Members) -> tuple[Row, list[bytes]]:
    row = Row(fields.count("index"), fields.word("unitKey"), fields.word("digest"), fields.word("attributesHash"))
    path = fields.words("path")
    fields.done()
    if len(path) > MAX_PATH:
        raise Refused(f"a path has {len(path)} hashes, expected at most {MAX_PATH}")
    return row, path


def _contract(fields: Members) -> str:
    text = fields.text("contract", ADDRESS)
    if text != checksummed(bytes.fromhex(text[2:])):
        raise Refused(f"{fields.where}.contract is {text}, expected an address with its EIP-55 capitals")
    return text


def _ascending(what: str, values: list[Any]) -> None:
    if values != sorted(set(values)):
        raise Refused(f"{what} has something twice or out of order")
