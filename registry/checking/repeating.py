"""Repeats a proof from its file, step by step, and names the step that does not hold.

Without a network: the document, the label's signature, the leaf, the path, the seal. With a contract that the reader names:
whose key signed, the anchor, the keys, the GTIN, withdrawals. That part is the verifier's own, with the file as its store
(protocol § 7, steps 3 to 8). The browser's module (`webapp/client`) does the same and names the same steps.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.checking import steps
from registry.checking.claims import ClaimedBatch, ClaimedUnit
from registry.checking.deployments import Deployments
from registry.checking.verdicts import Code, Outcome, Step
from registry.checking.verifier import Verifier
from registry.errors import ChainError, DocumentError, IdentityError, MerkleError, ProofError, SealError, SignatureError
from registry.proofs import documents, encoding, manifest, merkle, profile, proof_file, signing
from registry.proofs.proof_file import ProofFile
from registry.units import links
from registry.units.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.checking.steps import SignedRecord
    from registry.checking.trust import ChainFacts, Trust
    from registry.checking.verdicts import Check, Verdict
    from registry.units.records import UnitId

HOST: Final = "label.invalid"
"""A proof file names no address: what a label points to is a question about the label."""


class ProofStep(enum.StrEnum):
    """What is repeated, in this order."""

    DOCUMENT = "document"
    SIGNATURE = "signature"
    LEAF = "leaf"
    PATH = "path"
    SEAL = "seal"
    # from here on, the chain is asked
    CONTRACT = "contract"
    SIGNER = "signer"
    ANCHOR = "anchor"
    KEY = "key"
    GTIN = "gtin"
    WITHDRAWAL = "withdrawal"


OFFLINE: Final = (ProofStep.DOCUMENT, ProofStep.SIGNATURE, ProofStep.LEAF, ProofStep.PATH, ProofStep.SEAL)
OF_VERDICT: Final = {
    ProofStep.SIGNER: Step.SIGNATURE,
    ProofStep.ANCHOR: Step.ANCHOR,
    ProofStep.KEY: Step.KEY,
    ProofStep.GTIN: Step.GTIN,
    ProofStep.WITHDRAWAL: Step.WITHDRAWAL,
}
"""Which of the verifier's steps is meant."""
WORST: Final = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOTED, Outcome.PASSED, Outcome.NOT_ASKED)
GOOD: Final = frozenset({Outcome.PASSED, Outcome.NOTED})


@dataclass(frozen=True, slots=True)
class Repeated:
    """How one step went."""

    step: ProofStep
    outcome: Outcome
    codes: tuple[str, ...] = ()
    detail: str = ""
    """For an engineer: what was found."""


def proof_of(verdict: Verdict) -> ProofFile | None:
    """Return the proof that a verdict holds; none where it holds none, or where it withholds what the file needs.

    While an anchor is in doubt, the lot of a label that does not carry it is withheld, and with it the file.
    """
    proof, batch, anchor, unit, issuer = verdict.proof, verdict.batch, verdict.anchor, verdict.unit, verdict.manufacturer
    if proof is None or batch is None or anchor is None or unit is None or unit.lot is None or issuer is None:
        return None
    return ProofFile(
        registry_id=manifest.read(proof.manifest).registry_id,
        record=Record(unit.gtin, unit.lot, unit.serial),
        signature=signing.encode(proof.signature),
        signer=proof.signer,
        salt=proof.salt,
        index=proof.index,
        attributes_hash=proof.attributes_hash,
        leaf=proof.leaf,
        path=proof.path,
        root=batch.root,
        unit_count=batch.unit_count,
        manifest=proof.manifest,
        seal=batch.seal,
        chain_id=anchor.deployment.chain_id,
        contract=anchor.deployment.contract,
        profile=profile.write(issuer.profile),
    )


def repeat(raw: bytes) -> tuple[ProofFile | None, tuple[Repeated, ...]]:
    """Repeat what needs no network; the file is returned if it could be read. Steps end at the first that does not hold."""
    try:
        file = proof_file.read(raw)
    except DocumentError as error:
        return None, (Repeated(ProofStep.DOCUMENT, Outcome.FAILED, (), error.message),)
    made = [Repeated(ProofStep.DOCUMENT, Outcome.PASSED)]
    for step, check in CHECKS.items():
        try:
            detail = check(file)
        except (ProofError, DocumentError, IdentityError) as error:
            made.append(Repeated(step, Outcome.FAILED, (), error.message))
            break
        made.append(Repeated(step, Outcome.PASSED, (), detail))
    return file, tuple(made)


def ask(file: ProofFile, trust: Trust, chains: Sequence[ChainFacts]) -> tuple[Repeated, ...]:
    """Ask a chain that the reader named what it says of a proof whose other steps hold."""
    try:
        # Whose key signed is the chain's word. The file does not say it, so that it cannot say it wrongly.
        manufacturer = Deployments(trust, chains).key(file.signer).manufacturer
    except ChainError as error:
        return (Repeated(ProofStep.SIGNER, Outcome.UNKNOWN, (Code.CHAIN_UNAVAILABLE,), error.message),)
    verifier = Verifier(trust, chains, _Records(file, manufacturer))
    record = file.record
    label = links.path_of(f"https://{HOST}", record.gtin, lot=record.lot, serial=record.serial)
    verdict = verifier.check(f"{label}?sig={file.signature}", trusted_host=HOST)
    return tuple(_of(step, verdict.checks) for step in OF_VERDICT)


def all_steps(made: Sequence[Repeated]) -> tuple[Repeated, ...]:
    """Return every step in order, those that were not made named as such."""
    known = {one.step: one for one in made}
    return tuple(known.get(step, Repeated(step, Outcome.NOT_ASKED)) for step in ProofStep)


def _of(step: ProofStep, checks: Sequence[Check]) -> Repeated:
    """Return what the verifier found at a step."""
    found = [check for check in checks if check.step is OF_VERDICT[step]]
    worst = min((check.outcome for check in found), key=WORST.index)
    return Repeated(
        step,
        worst,
        tuple(check.code for check in found if check.code is not None),
        "; ".join(check.detail for check in found if check.detail),
    )


class _Records:
    """A store that holds the one unit of a proof file."""

    def __init__(self, file: ProofFile, manufacturer: int) -> None:
        batch = _batch(file, manufacturer)
        signature = signing.decode(file.signature)
        record = file.record
        self._profile = file.profile
        self._unit = ClaimedUnit(
            gtin=record.gtin,
            lot=record.lot,
            serial=record.serial,
            index=file.index,
            signature=signature,
            attributes=None,
            proof=file.path,
            batch=batch,
            attributes_hash=file.attributes_hash,
        )

    def find(self, unit: UnitId) -> ClaimedUnit | None:
        """Return the unit."""
        del unit  # there is one, and the verifier compares it with what it asked for
        return self._unit

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return the profile of this hash, or none."""
        return self._profile if profile.profile_hash(self._profile) == profile_hash else None


def _batch(file: ProofFile, manufacturer: int = 0) -> ClaimedBatch:
    return ClaimedBatch(manufacturer, file.seal, file.root, file.unit_count, file.manifest, file.salt)


def _signed(file: ProofFile) -> SignedRecord:
    return steps.signed_by(file.record, signing.decode(file.signature), file.registry_id)


def _row(file: ProofFile) -> encoding.Row:
    key = encoding.unit_key(file.salt, file.record.id)
    return encoding.Row(file.index, key, encoding.RecordHasher(file.registry_id).digest(file.record), file.attributes_hash)


def _check_signature(file: ProofFile) -> str:
    signer = _signed(file).signer
    if signer != file.signer:
        raise SignatureError(f"the signature recovers to {signer}, expected {file.signer}")
    return f"signed by {signer}"


def _check_leaf(file: ProofFile) -> str:
    if encoding.leaf(_row(file)) != file.leaf:
        raise MerkleError("label, salt, index and attributes do not give the leaf")
    return f"unit {file.index} of {file.unit_count}"


def _check_path(file: ProofFile) -> str:
    merkle.verify_presence(encoding.Opening(file.root, file.unit_count, bytes(32)), _row(file), file.path)
    return f"{len(file.path)} hashes to the root"


def _check_seal(file: ProofFile) -> str:
    opened = steps.open_batch(_batch(file), file.registry_id)
    if (file.record.gtin, file.record.lot) not in opened.products:
        raise SealError("the manifest does not name the unit's product and lot")
    return f"seal {documents.hexadecimal(file.seal)}"


CHECKS: Final[dict[ProofStep, Callable[[ProofFile], str]]] = {
    ProofStep.SIGNATURE: _check_signature,
    ProofStep.LEAF: _check_leaf,
    ProofStep.PATH: _check_path,
    ProofStep.SEAL: _check_seal,
}
