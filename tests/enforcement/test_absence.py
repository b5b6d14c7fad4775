"""A unit is absent only if every batch that could hold it was looked at; whatever could not be asked is never absence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry.enforcement.absence_steps import GOOD, AbsenceStep, Made, Outcome, all_steps, ask, repeat
from registry.enforcement.chronicle import ProfileVersion
from registry.errors import ChainUnavailable, IdentityError, MerkleError, StoreDamaged, TreeMissing
from registry.proofs import absence_file, encoding
from registry.units.records import UnitId
from tests.enforcement.paper import (
    ABSENT,
    CONTRACTS,
    FINAL,
    GTIN,
    HEAD,
    OTHER_GTIN,
    PaperChronicle,
    PaperRegistry,
    block,
    furnish,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from registry.proofs.absence_file import AbsenceFile
    from registry.proofs.tree_file import TreeUnit


@pytest.fixture
def registry(tmp_path: Path) -> PaperRegistry:
    """Two manufacturers; the first claims the GTIN, and has a batch of five, attested, and a batch of one."""
    return furnish(tmp_path)


def show(registry: PaperRegistry, unit: UnitId = ABSENT) -> AbsenceFile:
    """Show a unit's absence, write it down and read it again: it holds, offline and on the chain."""
    file = registry.inquiry().show(unit)
    read, made = repeat(absence_file.write(file))
    assert read == file
    assert {one.outcome for one in made} == {Outcome.PASSED}
    asked = ask(file, registry.chronicles)
    assert [one for one in asked if one.outcome is not Outcome.PASSED] == []
    assert [one.step for one in (*made, *asked)] == [step for step in AbsenceStep if step is not AbsenceStep.CONTRACT]
    return file


def seals(file: AbsenceFile) -> set[bytes]:
    """Return the seals of the batches that are shown."""
    return {gap.seal for gap in file.gaps}


def first_bad(made: Sequence[Made]) -> tuple[AbsenceStep, Outcome]:
    """Return the first step that does not hold."""
    return next((one.step, one.outcome) for one in made if one.outcome not in GOOD)


def test_a_number_that_was_never_registered_is_shown_absent(registry: PaperRegistry) -> None:
    """From each batch of whoever claims the GTIN, up to the newest final block; others are listed and excused."""
    file = show(registry)
    (listing,) = file.listings
    assert (listing.chain_id, listing.contract, listing.block) == (31337, CONTRACTS[0], block(FINAL))
    one, two = listing.issuers
    assert [(batch.block, batch.attestations) for batch in one.batches] == [(20, 1), (40, 0)]
    assert (one.batch_count, two.batch_count, two.batches) == (2, 0, ())
    assert seals(file) == {batch.seal for batch in one.batches}
    assert len(file.profiles) == 2


@pytest.mark.parametrize("serial", ["A-0", "A-4", "B-1"])
def test_a_unit_that_is_registered_is_never_absent(registry: PaperRegistry, serial: str) -> None:
    """Whichever batch has it."""
    with pytest.raises(MerkleError, match="is the one that was asked for"):
        registry.inquiry().show(UnitId(GTIN, serial))


def test_the_same_serial_of_another_product_is_absent(registry: PaperRegistry) -> None:
    """A unit is GTIN and serial, byte for byte."""
    show(registry, UnitId("09521001000024", "A-0"))
    show(registry, UnitId(GTIN, "a-0"))
    show(registry, UnitId(GTIN, "a.0/%"))  # GS1 allows what we never issue


@pytest.mark.parametrize(
    ("gtin", "serial"), [("09521001000018", "X"), ("9521001000017", "X"), (GTIN, ""), (GTIN, "é"), (GTIN, "x" * 21)]
)
def test_what_no_unit_can_be_called_is_refused(registry: PaperRegistry, gtin: str, serial: str) -> None:
    """Nothing is shown about it."""
    with pytest.raises(IdentityError):
        registry.inquiry().show(UnitId(gtin, serial))


def test_a_gtin_that_nobody_claims_is_in_no_batch_that_counts(registry: PaperRegistry) -> None:
    """The file lists who was accredited, with the profiles that excuse each."""
    file = show(registry, UnitId("09521009000019", "X-1"))
    assert (file.gaps, len(file.profiles)) == ((), 2)


def test_who_ever_claimed_the_gtin_is_asked(registry: PaperRegistry) -> None:
    """Also where a later version of the profile no longer does: batches of before stay."""
    registry.accredit(2, "9521001", at=60)
    registry.accredit(2, "9521002", at=70)
    assert len(show(registry).gaps) == 3


def test_who_claimed_it_in_any_deployment_is_asked_in_every_one(registry: PaperRegistry) -> None:
    """A batch stays where it was anchored when a registry gets another contract."""
    registry.chronicles.append(PaperChronicle(contract=CONTRACTS[1]))
    registry.accredit(2, "9521001", at=5, of=1)
    registry.anchor(2, registry.seal(["D-1"]), at=9, of=1)
    file = show(registry)
    assert len(file.gaps) == 4
    assert [len(listing.issuers) for listing in file.listings] == [2, 1]


def test_a_batch_in_two_deployments_is_shown_once(registry: PaperRegistry) -> None:
    """Anchored again in the next contract, it is the same tree."""
    registry.chronicles.append(PaperChronicle(contract=CONTRACTS[1]))
    registry.accredit(1, "9521001", of=1)
    registry.anchor(1, registry.chronicles[0].anchored[1][0].seal, of=1)
    assert len(show(registry).gaps) == 2


def test_a_manufacturer_whose_profile_is_missing_is_asked(registry: PaperRegistry) -> None:
    """What cannot be read excuses nobody: more is shown, never less."""
    missing = registry.chronicles[0].versions[2][0].profile_hash
    del registry.profiles[missing]
    file = show(registry)
    assert len(file.gaps) == 3
    assert len(file.profiles) == 1
    registry.profiles[missing] = b"{}"
    assert len(show(registry).gaps) == 3


def test_a_tree_that_is_missing_is_no_absence(registry: PaperRegistry) -> None:
    """Nobody can look into it."""
    registry.trees.popitem()
    registry.trees.popitem()
    with pytest.raises(TreeMissing):
        registry.inquiry().show(ABSENT)


@pytest.mark.parametrize("question", ["roll", "batches"])
def test_a_silent_chain_is_no_absence(registry: PaperRegistry, question: str) -> None:
    """Any deployment's."""
    registry.chronicles.append(PaperChronicle(contract=CONTRACTS[1], silent={question}))
    registry.accredit(1, "9521001", of=1)
    with pytest.raises(ChainUnavailable):
        registry.inquiry().show(ABSENT)


def test_a_batch_that_is_not_final_yet_accuses_nobody(registry: PaperRegistry) -> None:
    """It is looked at, and not shown: what is shown ends at the newest final block."""
    late = registry.anchor(1, registry.seal(["LATE-1"]), at=FINAL + 1)
    with pytest.raises(MerkleError, match="asked for"):
        registry.inquiry().show(UnitId(GTIN, "LATE-1"))
    assert late not in seals(show(registry))
    del registry.trees[late]
    with pytest.raises(TreeMissing):
        registry.inquiry().show(ABSENT)


def test_a_manufacturer_that_is_not_final_yet_accuses_nobody(registry: PaperRegistry) -> None:
    """Accredited a moment ago: its batches are looked at, and it is not listed."""
    registry.accredit(3, "9521001", at=FINAL + 1)
    registry.anchor(3, registry.seal(["NEW-1"]), at=HEAD)
    with pytest.raises(MerkleError, match="asked for"):
        registry.inquiry().show(UnitId(GTIN, "NEW-1"))
    assert [one.number for one in show(registry).listings[0].issuers] == [1, 2]


def test_a_claim_that_is_not_final_yet_is_asked_about_too(registry: PaperRegistry) -> None:
    """The list is longer than it has to be, and holds."""
    registry.accredit(2, "9521001", at=FINAL + 1)
    assert len(show(registry).gaps) == 3


def test_an_attestation_counts_when_it_is_final(registry: PaperRegistry) -> None:
    """It speaks for the tree."""
    registry.anchor(1, registry.seal(["E-1"]), at=60, attested=(70, FINAL, FINAL + 1))
    assert [batch.attestations for batch in show(registry).listings[0].issuers[0].batches] == [1, 0, 2]


def renumbered(units: list[TreeUnit]) -> list[TreeUnit]:
    """Give the rows ranks of the manufacturer's own."""
    return [replace(one, index=len(units) - 1 - rank) for rank, one in enumerate(units)]


def test_a_tree_that_was_sealed_with_false_ranks_shows_nothing(registry: PaperRegistry) -> None:
    """Its rows do not lead to the root: that could not be asked, and is no absence."""
    registry.anchor(1, registry.seal(["F-1", "F-2"], change=renumbered), at=60)
    with pytest.raises(StoreDamaged, match="shows nothing"):
        registry.inquiry().show(ABSENT)


def test_a_damaged_tree_shows_nothing(registry: PaperRegistry) -> None:
    """Whatever is changed in the store, no absence comes of it that the seal does not hold."""
    path = max(registry.folder.iterdir(), key=lambda one: one.stat().st_size)
    whole = path.read_bytes()
    for place in range(256, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            file = registry.inquiry().show(ABSENT)
        except StoreDamaged:
            continue
        assert {one.outcome for one in repeat(absence_file.write(file))[1]} == {Outcome.PASSED}


def test_many_units_are_asked_about_at_one_moment(registry: PaperRegistry) -> None:
    """The chains are asked once for all of them."""
    inquiry = registry.inquiry()
    for number in range(50):
        inquiry.show(UnitId(GTIN, f"NONE-{number}"))
        inquiry.show(UnitId(OTHER_GTIN, f"NONE-{number}"))
    assert registry.chronicles[0].asked == ["roll", "batches", "batches"]


# -------------------------------------------------------------------------------------------------- what the chain says


def another_block(registry: PaperRegistry) -> object:
    """Ask a chain that has not come as far."""
    registry.chronicles[0].final = FINAL - 1
    return None


def another_manufacturer(registry: PaperRegistry) -> object:
    """Ask a chain on which one more was accredited before."""
    return registry.accredit(3, "9521003", at=FINAL)


def another_profile(registry: PaperRegistry) -> object:
    """Ask a chain that knows another version of a profile."""
    return registry.accredit(2, "9521001", at=FINAL)


def another_batch(registry: PaperRegistry) -> object:
    """Ask a chain that has one more batch."""
    return registry.anchor(1, registry.seal(["G-1"]), at=FINAL)


def one_batch_less(registry: PaperRegistry) -> object:
    """Ask a chain that has one batch less."""
    return registry.chronicles[0].anchored[1].pop()


def no_attestation(registry: PaperRegistry) -> object:
    """Ask a chain on which nobody attested."""
    registry.chronicles[0].anchored[1][0] = replace(registry.chronicles[0].anchored[1][0], attested=())
    return None


def no_view(registry: PaperRegistry) -> object:
    """Ask a contract that sees no gap."""
    registry.chronicles[0].view_says = False
    return None


@pytest.mark.parametrize(
    ("change", "step"),
    [
        (another_block, AbsenceStep.BLOCK),
        (another_manufacturer, AbsenceStep.MANUFACTURERS),
        (another_profile, AbsenceStep.MANUFACTURERS),
        (another_batch, AbsenceStep.BATCHES),
        (one_batch_less, AbsenceStep.BATCHES),
        (no_attestation, AbsenceStep.ATTESTATIONS),
        (no_view, AbsenceStep.VIEW),
    ],
)
def test_a_chain_that_lists_something_else_is_named(
    registry: PaperRegistry, change: Callable[[PaperRegistry], object], step: AbsenceStep
) -> None:
    """By the step at which it shows."""
    file = show(registry)
    change(registry)
    assert first_bad(ask(file, registry.chronicles)) == (step, Outcome.FAILED)


@pytest.mark.parametrize(
    ("question", "step"),
    [("roll", AbsenceStep.BLOCK), ("block", AbsenceStep.BLOCK), ("batches", AbsenceStep.BATCHES), ("view", AbsenceStep.VIEW)],
)
def test_a_chain_that_cannot_be_asked_is_no_finding(registry: PaperRegistry, question: str, step: AbsenceStep) -> None:
    """The step is unknown."""
    file = show(registry)
    registry.chronicles[0].silent.add(question)
    assert first_bad(ask(file, registry.chronicles)) == (step, Outcome.UNKNOWN)


def test_what_happened_later_changes_nothing(registry: PaperRegistry) -> None:
    """A file is about the past up to its block, and stays true."""
    file = show(registry)
    registry.accredit(3, "9521001", at=FINAL + 1)
    registry.accredit(2, "9521001", at=FINAL + 2)
    registry.anchor(1, registry.seal(["NEVER-MADE-1"]), at=FINAL + 3)
    registry.chronicles[0].final = registry.chronicles[0].head = FINAL + 50
    assert {one.outcome for one in ask(file, registry.chronicles)} == {Outcome.PASSED}
    with pytest.raises(MerkleError, match="asked for"):
        registry.inquiry().show(ABSENT)


def test_a_manufacturer_left_out_of_the_list_shows_at_the_chain(registry: PaperRegistry) -> None:
    """Offline the file is whole; the chain knows one manufacturer more. So it is with a batch that is left out."""
    file = show(registry)
    (listing,) = file.listings
    one, two = listing.issuers
    shorter = (replace(one, batch_count=1, batches=one.batches[:1]), two)
    for issuers, step in (((one,), AbsenceStep.MANUFACTURERS), (shorter, AbsenceStep.BATCHES)):
        kept = {batch.seal for issuer in issuers for batch in issuer.batches}
        named = {encoding.keccak256(raw) for raw in file.profiles} & {each for issuer in issuers for each in issuer.profiles}
        forged = replace(
            file,
            listings=(replace(listing, issuers=issuers),),
            profiles=tuple(raw for raw in file.profiles if encoding.keccak256(raw) in named),
            gaps=tuple(gap for gap in file.gaps if gap.seal in kept),
        )
        read, made = repeat(absence_file.write(forged))
        assert {each.outcome for each in made} == {Outcome.PASSED}
        assert read is not None
        assert first_bad(ask(read, registry.chronicles)) == (step, Outcome.FAILED)


def test_a_profile_withheld_does_not_excuse(registry: PaperRegistry) -> None:
    """Whoever leaves a profile out of the file has to list that manufacturer's batches."""
    file = show(registry)
    (listing,) = file.listings
    own = listing.issuers[1].profiles[0]
    without = replace(file, profiles=tuple(raw for raw in file.profiles if encoding.keccak256(raw) != own))
    read, made = repeat(absence_file.write(without))
    assert {each.outcome for each in made} == {Outcome.PASSED}
    assert read is not None
    assert first_bad(ask(read, registry.chronicles)) == (AbsenceStep.BATCHES, Outcome.FAILED)


def test_steps_that_were_not_made_are_listed(registry: PaperRegistry) -> None:
    """After the first that does not hold."""
    steps = all_steps(repeat(b"{}")[1])
    assert [one.step for one in steps] == [*AbsenceStep]
    assert [one.outcome for one in steps] == [Outcome.FAILED, *[Outcome.NOT_ASKED] * (len(steps) - 1)]
    assert registry.chronicles[0].versions[1] == [ProfileVersion(registry.chronicles[0].versions[1][0].profile_hash, 10)]
