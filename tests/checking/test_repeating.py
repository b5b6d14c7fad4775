"""A proof that is repeated says what the verifier said of the label, step by step."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from registry.checking.repeating import GOOD, OF_VERDICT, OFFLINE, WORST, ProofStep, all_steps, ask, proof_of, repeat
from registry.checking.verdicts import Code, Outcome, Registration
from registry.errors import ChainUnavailable
from registry.proofs import proof_file
from registry.units import links
from tests.checking.cases import CASES
from tests.checking.world import BASE, World, make_world

if TYPE_CHECKING:
    from registry.checking.repeating import Repeated
    from registry.checking.verdicts import Verdict
    from registry.proofs.proof_file import ProofFile


@pytest.fixture
def world() -> World:
    """The world as every test finds it."""
    return make_world()


def of(verdict: Verdict) -> ProofFile:
    """Return a verdict's proof, after it was written and read."""
    file = proof_of(verdict)
    assert file is not None
    again, made = repeat(proof_file.write(file))
    assert again == file
    assert tuple(one.step for one in made if one.outcome is Outcome.PASSED) == OFFLINE
    return file


def told(world: World, file: ProofFile) -> dict[ProofStep, Repeated]:
    """Ask the world's chains about a proof."""
    return {one.step: one for one in ask(file, world.trust, (world.chain, *world.more_chains))}


@pytest.mark.parametrize("name", CASES)
def test_the_chain_says_of_a_proof_what_it_says_of_the_label(world: World, name: str) -> None:
    """In every case of the verdict's table that comes with a proof: the same outcomes and codes at the same steps."""
    present = CASES[name][0]
    presented = present(world)
    if not isinstance(presented, str):
        return  # a typed number has no proof
    verdict = world.verifier().check(presented)
    if proof_of(verdict) is None:
        assert verdict.proof is None or verdict.registration is Registration.KEY_UNDER_REVIEW
        return
    found = told(world, of(verdict))
    for step, meant in OF_VERDICT.items():
        checks = [check for check in verdict.checks if check.step is meant]
        assert found[step].outcome == min((check.outcome for check in checks), key=WORST.index)
        assert found[step].codes == tuple(check.code for check in checks if check.code is not None)
    holds = all(one.outcome in GOOD for one in found.values())
    if verdict.registration is not Registration.FOREIGN_HOST:  # a proof has no address
        assert holds == (verdict.registration is Registration.REGISTERED)


def test_only_who_presented_a_label_gets_its_proof(world: World) -> None:
    """A typed number and a stripped link have none."""
    assert proof_of(world.verifier().check_number(world.scooter.id)) is None
    assert proof_of(world.verifier().check(world.link(world.scooter).partition("?")[0])) is None


def test_a_compact_label_has_a_whole_proof(world: World) -> None:
    """With the lot and the signature that it has no room for."""
    file = of(world.verifier().check(links.build_compact(BASE, world.screw.id)))
    assert file.record == world.screw
    assert all(one.outcome is Outcome.PASSED for one in told(world, file).values())


def test_a_lot_that_is_withheld_is_not_in_a_file_either(world: World) -> None:
    """While the anchor of a compact label is in doubt, there is no file."""
    world.change_key("key 1", compromised_since=1)
    verdict = world.verifier().check(links.build_compact(BASE, world.screw.id))
    assert verdict.proof is not None
    assert proof_of(verdict) is None


def test_a_silent_chain_is_no_finding(world: World) -> None:
    """The step is unknown, whichever question is not answered."""
    file = of(world.verifier().check(world.link(world.scooter)))
    for name, step in (("key", ProofStep.SIGNER), ("batch", ProofStep.ANCHOR)):
        world.chain.silent = {name}
        found = told(world, file)
        assert (found[step].outcome, found[step].codes) == (Outcome.UNKNOWN, (Code.CHAIN_UNAVAILABLE,))
    assert isinstance(world.chain.error, ChainUnavailable)


def test_a_later_deployment_that_knows_no_batch_is_asked_too(world: World) -> None:
    """Whoever trusts several deployments has all of them asked."""
    file = of(world.verifier().check(world.link(world.scooter)))
    world.old_deployment()
    assert all(one.outcome is Outcome.PASSED for one in told(world, file).values())


def test_steps_that_were_not_made_are_listed(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """After the first that does not hold; and a bad file raises no alarm, as a damaged store would."""
    with caplog.at_level(logging.WARNING):
        steps = all_steps(repeat(b"{}")[1])
    assert [one.step for one in steps] == [*ProofStep]
    assert [one.outcome for one in steps] == [Outcome.FAILED, *[Outcome.NOT_ASKED] * (len(steps) - 1)]
    assert caplog.records == []
    assert world.chain.calls == []
