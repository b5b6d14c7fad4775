"""Every registration value and every reason, each from the smallest change to a good registry that leads to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from registry.checking.findings import OVERRULED_BY_A_FOREIGN_HOST
from registry.checking.verdicts import Code, Outcome, Registration, Step
from tests.checking.cases import CASES
from tests.checking.world import BASE, HOST, NOW, World, make_world

if TYPE_CHECKING:
    from registry.checking.verdicts import Verdict
    from registry.units.records import UnitId

HOLDS: Final = {Outcome.PASSED, Outcome.NOTED}


def check(world: World, presented: str | UnitId) -> Verdict:
    """Check a link or a typed number."""
    verifier = world.verifier()
    return verifier.check(presented) if isinstance(presented, str) else verifier.check_number(presented)


def verdict_of(name: str) -> Verdict:
    """Return the verdict of one case."""
    world = make_world()
    return check(world, CASES[name][0](world))


@pytest.mark.parametrize("name", CASES)
def test_verdict(name: str) -> None:
    """The change leads to exactly this registration with exactly these reasons."""
    _, registration, reasons = CASES[name]
    verdict = verdict_of(name)
    assert (verdict.registration, set(verdict.reasons)) == (registration, reasons)


@pytest.mark.parametrize("registration", Registration)
def test_every_registration_value_has_a_case(registration: Registration) -> None:
    """A new value without a case fails here."""
    assert registration in {value for _, value, _ in CASES.values()}


@pytest.mark.parametrize("code", sorted(set(Code) - {Code.REPAIRED_READING, Code.REPORTED_STOLEN}))
def test_every_reason_has_a_case(code: Code) -> None:
    """A new reason without a case fails here; others come with typed numbers, and beside checks."""
    assert code in set().union(*(reasons for _, _, reasons in CASES.values()))


@pytest.mark.parametrize("name", CASES)
def test_every_verdict_lists_all_steps_in_order(name: str) -> None:
    """Whoever reads `checks` sees every step, made or not."""
    steps = [check.step for check in verdict_of(name).checks]
    assert steps == sorted(steps)
    assert set(steps) == set(Step)


@pytest.mark.parametrize("name", CASES)
def test_registered_means_that_every_step_holds(name: str) -> None:
    """A verdict is `registered` only if all steps of the registration were made and passed."""
    verdict = verdict_of(name)
    made = [check for check in verdict.checks if check.step <= Step.WITHDRAWAL]
    assert (verdict.registration is Registration.REGISTERED) == all(check.outcome in HOLDS for check in made)


@pytest.mark.parametrize("name", CASES)
def test_a_foreign_host_never_makes_a_verdict_kinder(name: str) -> None:
    """Four verdicts give way to `foreign_host`; every other one stays as it is and names the host as a reason."""
    world = make_world()
    presented = CASES[name][0](world)
    before = check(world, presented)
    if not isinstance(presented, str) or before.registration is Registration.UNREADABLE:
        return
    foreign = presented.replace(HOST, "evil.example").replace(HOST.upper(), "EVIL.EXAMPLE")
    after = check(world, foreign)
    overruled = before.registration in OVERRULED_BY_A_FOREIGN_HOST
    assert after.registration is (Registration.FOREIGN_HOST if overruled else before.registration)
    assert "domains" in world.chain.silent or Code.HOST_NOT_OFFICIAL in after.reasons


@pytest.mark.parametrize("name", CASES)
def test_only_a_label_that_matched_is_given_its_proof(name: str) -> None:
    """Typed numbers, links without signature and refused labels get no proof and no signature."""
    verdict = verdict_of(name)
    if verdict.proof is None:
        return
    presented = verdict.link is not None and (verdict.link.signature is not None or verdict.link.lot is None)
    assert presented
    assert Code.SIGNATURE_ABSENT not in verdict.reasons
    assert verdict.registration not in {Registration.ALTERED, Registration.UNREADABLE}


def test_a_registered_verdict_shows_what_was_proved(world: World) -> None:
    """Unit, product, manufacturer, batch, anchor and proof are all there."""
    verdict = world.verifier().check(world.link(world.scooter))
    stored = world.stored(world.scooter)
    assert verdict.unit is not None
    assert verdict.unit.product is not None
    assert (verdict.unit.lot, verdict.unit.product.carrier) == ("L1", "signed")
    assert verdict.manufacturer is not None
    assert verdict.manufacturer.profile.brand == {"en": "Brand 1"}
    assert verdict.batch is not None
    assert verdict.batch.seal == stored.batch.seal
    assert verdict.anchor is not None
    assert verdict.anchor.deployment == world.chain.deployment
    assert verdict.proof is not None
    assert (verdict.proof.path, verdict.proof.signature) == (stored.proof, stored.signature)
    assert verdict.checked_at == NOW


def test_names_come_only_from_a_manifest_that_is_anchored(world: World) -> None:
    """A batch that is on no chain says nothing about what one should be holding."""
    world.chain.slots.clear()
    verdict = world.verifier().check(world.link(world.scooter))
    assert verdict.unit is not None
    assert verdict.unit.product is None
    assert (verdict.batch, verdict.anchor, verdict.proof) == (None, None, None)


def test_names_are_held_back_while_the_anchors_key_is_in_doubt() -> None:
    """Whoever held the key may have written the manifest as well."""
    verdict = verdict_of("a_key_compromised_when_it_anchored")
    assert verdict.unit is not None
    assert verdict.unit.product is None


def test_names_are_shown_while_only_a_withdrawal_is_in_doubt() -> None:
    """The manifest was anchored before, by a key that nobody doubts."""
    verdict = verdict_of("a_withdrawal_by_a_compromised_key")
    assert verdict.unit is not None
    assert verdict.unit.product is not None
    assert verdict.unit.product.carrier == "signed"


def test_an_unreadable_text_is_not_looked_up(world: World) -> None:
    """Neither the chain nor the store is asked anything."""
    world.shelf.silent, world.shelf.error = {"find", "profile"}, AssertionError("asked")
    assert world.verifier().check("nonsense").registration is Registration.UNREADABLE
    assert world.chain.calls == []


def test_altered_by_its_own_signature_needs_neither_chain_nor_store(world: World) -> None:
    """A malformed signature is a finding even while everything else is silent."""
    world.chain.silent = {"domains", "key", "manufacturer", "batch"}
    world.shelf.silent = {"find", "profile"}
    assert world.verifier().check(world.link(world.scooter)[:-1]).registration is Registration.ALTERED


def test_the_operators_own_host_can_be_trusted(world: World) -> None:
    """A host that the operator's settings name counts as official, and only that one."""
    link = world.link(world.scooter, "https://127.0.0.1:8000")
    assert world.verifier().check(link, trusted_host="127.0.0.1:8000").registration is Registration.REGISTERED
    assert world.verifier().check(link, trusted_host="127.0.0.1").registration is Registration.FOREIGN_HOST


def test_the_age_of_a_last_answer_is_said() -> None:
    """The verdict carries when the chain was last asked."""
    verdict = verdict_of("a_silent_chain_with_a_last_answer")
    assert verdict.seen is not None
    assert (verdict.seen.age_seconds, verdict.seen.stale) == (300.0, True)


def test_a_missing_log_withholds_the_pointer_and_not_the_verdict(world: World) -> None:
    """The transaction's hash is for people who want to look it up; no verdict rests on it."""
    world.chain.silent = {"anchor_transaction"}
    verdict = world.verifier().check(world.link(world.scooter))
    assert verdict.registration is Registration.REGISTERED
    assert verdict.anchor is not None
    assert verdict.anchor.transaction is None


def test_a_signed_link_without_its_lot_is_not_what_was_signed(world: World) -> None:
    """The lot is part of what was signed: a link that lost it was changed."""
    link = world.link(world.scooter).replace("/10/L1", "")
    assert world.verifier().check(link).reasons == (Code.SIGNER_UNKNOWN,)


def test_links_of_tests_point_to_the_official_host() -> None:
    """What the cases call foreign is foreign."""
    assert BASE.endswith(HOST)
