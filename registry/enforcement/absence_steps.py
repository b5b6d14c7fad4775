"""Repeats an absence file, step by step, and names the step that does not hold.

Without a network: the document, the profiles that excuse a manufacturer, the list of batches, and for each batch its seal, its
rows and the gap between them. With the contracts that the reader names: whether the chain lists the same manufacturers and
batches up to the same block, how often they were attested, and what the contract's own view says. The first part is made a
second time with nothing but Python's standard library, in `registry.enforcement.verifier`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from registry.enforcement.absence import issued
from registry.errors import ChainError, DocumentError, IdentityError, MerkleError, ProofError
from registry.proofs import absence, absence_file, documents, encoding, merkle, profile
from registry.units import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from registry.enforcement.chronicle import Accredited, Chronicle
    from registry.proofs.absence_file import AbsenceFile, Issuer, ListedBatch, Listing


class AbsenceStep(enum.StrEnum):
    """What is repeated, in this order."""

    DOCUMENT = "document"
    PROFILES = "profiles"
    LIST = "list"
    SEALS = "seals"
    ROWS = "rows"
    GAPS = "gaps"
    # from here on, the chain is asked
    CONTRACT = "contract"
    BLOCK = "block"
    MANUFACTURERS = "manufacturers"
    BATCHES = "batches"
    ATTESTATIONS = "attestations"
    VIEW = "view"


GOOD: Final = frozenset({"passed"})
OFFLINE: Final = tuple(AbsenceStep)[: tuple(AbsenceStep).index(AbsenceStep.CONTRACT)]
UNAVAILABLE: Final = "chain_unavailable"


class Outcome(enum.StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Could not ask: nothing follows."""
    NOT_ASKED = "not_asked"


@dataclass(frozen=True, slots=True)
class Made:
    """How one step went."""

    step: AbsenceStep
    outcome: Outcome
    codes: tuple[str, ...] = ()
    detail: str = ""
    """For an engineer: what was found."""


class _Differs(Exception):
    """What the chain lists is not what the file lists. Never leaves this module."""


def repeat(raw: bytes) -> tuple[AbsenceFile | None, tuple[Made, ...]]:
    """Repeat what needs no network; the file is returned if it could be read. Steps end at the first that does not hold."""
    try:
        file = absence_file.read(raw)
    except DocumentError as error:
        return None, (Made(AbsenceStep.DOCUMENT, Outcome.FAILED, (), error.message),)
    made = [Made(AbsenceStep.DOCUMENT, Outcome.PASSED)]
    for step, check in CHECKS.items():
        try:
            made.append(Made(step, Outcome.PASSED, (), check(file)))
        except (ProofError, DocumentError, IdentityError) as error:
            made.append(Made(step, Outcome.FAILED, (), error.message))
            break
    return file, tuple(made)


def ask(file: AbsenceFile, chronicles: Sequence[Chronicle]) -> tuple[Made, ...]:
    """Ask the chains that the reader named, one for each deployment of a file whose other steps hold, in the file's order."""
    made: list[Made] = []
    try:
        asked = [_Asked(file, listing, one) for listing, one in zip(file.listings, chronicles, strict=True)]
    except ChainError as error:
        return (Made(AbsenceStep.BLOCK, Outcome.UNKNOWN, (UNAVAILABLE,), error.message),)
    for step, check in QUESTIONS.items():
        try:
            made.append(Made(step, Outcome.PASSED, (), "; ".join(map(check, asked))))
        except ChainError as error:
            made.append(Made(step, Outcome.UNKNOWN, (UNAVAILABLE,), error.message))
            break
        except _Differs as error:
            made.append(Made(step, Outcome.FAILED, (), str(error)))
            break
    return tuple(made)


def all_steps(made: Sequence[Made]) -> tuple[Made, ...]:
    """Return every step in order, those that were not made named as such."""
    known = {one.step: one for one in made}
    return tuple(known.get(step, Made(step, Outcome.NOT_ASKED)) for step in AbsenceStep)


# ------------------------------------------------------------------------------------------------------ without a network


def _check_profiles(file: AbsenceFile) -> str:
    """See that every profile is one, and the one of a hash that a manufacturer of the file names."""
    named = {one for listing in file.listings for issuer in listing.issuers for one in issuer.profiles}
    for raw in file.profiles:
        if profile.profile_hash(raw) not in named:
            raise DocumentError("a profile is no version of any listed manufacturer's")
        profile.read(raw)
    return f"{len(file.profiles)} profiles"


def _check_list(file: AbsenceFile) -> str:
    """See that no list is shorter than it says, that it ends at its block, and that just the listed batches are shown."""
    listed: set[bytes] = set()
    for listing in file.listings:
        for issuer in listing.issuers:
            _check_issuer(issuer, listing)
            listed |= {batch.seal for batch in issuer.batches}
    shown = {gap.seal for gap in file.gaps}
    if listed != shown:
        raise ProofError(f"{len(listed - shown)} listed batches are not shown, {len(shown - listed)} shown are not listed")
    numbers = {issuer.number for listing in file.listings for issuer in listing.issuers}
    return f"{len(listed)} batches; {len(excused_numbers(file))} of {len(numbers)} manufacturers never claimed the GTIN"


def _check_issuer(issuer: Issuer, listing: Listing) -> None:
    if not issuer.profiles:
        raise ProofError(f"manufacturer {issuer.number} has no profile, expected the one that it was accredited with")
    if len(issuer.batches) != issuer.batch_count:
        raise ProofError(f"manufacturer {issuer.number} has {issuer.batch_count} batches, {len(issuer.batches)} are listed")
    blocks = [batch.block for batch in issuer.batches]
    if blocks != sorted(blocks) or any(block > listing.block.number for block in blocks):
        raise ProofError(f"the batches of manufacturer {issuer.number} are out of order, or later than the block")


def excused_numbers(file: AbsenceFile) -> set[int]:
    """Return the manufacturers of which every profile, in every deployment, is in the file and claims another GTIN."""
    known = {profile.profile_hash(raw): profile.read(raw) for raw in file.profiles}
    hashes: dict[int, set[bytes]] = {}
    for listing in file.listings:
        for issuer in listing.issuers:
            hashes.setdefault(issuer.number, set()).update(issuer.profiles)
    return {
        number
        for number, of in hashes.items()
        if all(one in known and not identity.claims(file.unit.gtin, known[one].gtins) for one in of)
    }


def _check_seals(file: AbsenceFile) -> str:
    for gap in file.gaps:
        absence.verify_seal(gap, file.registry_id)
    return f"{len(file.gaps)} seals"


def _check_rows(file: AbsenceFile) -> str:
    for gap in file.gaps:
        opening = gap.opening
        for one in gap.neighbours:
            merkle.verify_presence(opening, one.row, one.path)
    return f"{sum(len(gap.neighbours) for gap in file.gaps)} rows lead to their roots"


def _check_gaps(file: AbsenceFile) -> str:
    for gap in file.gaps:
        key = encoding.unit_key(gap.salt, file.unit)
        try:
            merkle.verify_gap(gap.unit_count, key, [one.row for one in gap.neighbours])
        except MerkleError as error:
            raise MerkleError(f"batch of seal {documents.hexadecimal(gap.seal)}: {error.message}") from error
    return f"GTIN {file.unit.gtin}, serial {file.unit.serial} lies between rows of each batch"


CHECKS: Final[dict[AbsenceStep, Callable[[AbsenceFile], str]]] = {
    AbsenceStep.PROFILES: _check_profiles,
    AbsenceStep.LIST: _check_list,
    AbsenceStep.SEALS: _check_seals,
    AbsenceStep.ROWS: _check_rows,
    AbsenceStep.GAPS: _check_gaps,
}


# ------------------------------------------------------------------------------------------------------- with the chain


class _Asked:
    """A deployment of the file, and what its chain says."""

    def __init__(self, file: AbsenceFile, listing: Listing, chronicle: Chronicle) -> None:
        self.file, self.listing, self.chronicle = file, listing, chronicle
        self.roll = chronicle.roll()
        self.last = listing.block.number
        excused = excused_numbers(file)
        self.issuers = [one for one in listing.issuers if one.batches or one.number not in excused]

    @cached_property
    def batches(self) -> dict[int, tuple[ListedBatch, ...]]:
        """What the chain lists up to the file's block, by manufacturer."""
        return {one.number: issued(self.chronicle.batches(one.number, self.roll.head), self.last) for one in self.issuers}


def _check_block(asked: _Asked) -> str:
    block, final = asked.listing.block, asked.roll.final
    if block.number > final.number:
        raise _Differs(f"block {block.number} is not final on this chain, whose newest final block is {final.number}")
    found = asked.chronicle.block(block.number)
    if found != block:
        raise _Differs(f"block {block.number} of this chain is 0x{found.hash.hex()} of time {found.time}")
    return f"block {block.number}"


def _check_manufacturers(asked: _Asked) -> str:
    found = {one.number: profiles for one in asked.roll.manufacturers if (profiles := _profiles(one, asked.last))}
    told = {issuer.number: issuer.profiles for issuer in asked.listing.issuers}
    if found != told:
        numbers = sorted(number for number in found.keys() | told.keys() if found.get(number) != told.get(number))
        raise _Differs(f"the chain knows manufacturers {', '.join(map(str, numbers[:20]))} otherwise, or not at all")
    return f"{len(found)} manufacturers"


def _profiles(one: Accredited, last: int) -> tuple[bytes, ...]:
    return tuple(version.profile_hash for version in one.versions if version.block <= last)


def _check_batches(asked: _Asked) -> str:
    for issuer in asked.issuers:
        found = [(one.seal, one.block) for one in asked.batches[issuer.number]]
        if found != [(one.seal, one.block) for one in issuer.batches]:
            raise _Differs(
                f"the chain has {len(found)} batches of manufacturer {issuer.number} up to block {asked.last}, the file lists "
                f"{len(issuer.batches)}, or others"
            )
    return f"{sum(len(issuer.batches) for issuer in asked.issuers)} batches"


def _check_attestations(asked: _Asked) -> str:
    attested = 0
    for issuer in asked.issuers:
        for told, found in zip(issuer.batches, asked.batches[issuer.number], strict=True):
            if told.attestations != found.attestations:
                seal = documents.hexadecimal(told.seal)
                raise _Differs(f"batch {seal} was attested {found.attestations} times, the file says {told.attestations}")
            attested += told.attestations > 0
    return f"{attested} batches attested"


def _check_view(asked: _Asked) -> str:
    gaps = {gap.seal: gap for gap in asked.file.gaps}
    shown = 0
    for issuer in asked.issuers:
        for batch in issuer.batches:
            gap = gaps[batch.seal]
            key = encoding.unit_key(gap.salt, asked.file.unit)
            if not asked.chronicle.shows_absence(issuer.number, gap.opening, key, gap.neighbours):
                raise _Differs(f"the contract's own view sees no gap in batch {documents.hexadecimal(batch.seal)}")
            shown += 1
    return f"{shown} batches"


QUESTIONS: Final[dict[AbsenceStep, Callable[[_Asked], str]]] = {
    AbsenceStep.BLOCK: _check_block,
    AbsenceStep.MANUFACTURERS: _check_manufacturers,
    AbsenceStep.BATCHES: _check_batches,
    AbsenceStep.ATTESTATIONS: _check_attestations,
    AbsenceStep.VIEW: _check_view,
}
