"""Several deployments of one registry: an anchor stands wherever it was made, and whatever speaks against it counts too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from registry.checking.trust import KeyFacts, Reason, Seen, Withdrawal
from registry.checking.verdicts import Code, Registration
from registry.checking.verifier import Verifier
from registry.errors import WrongChain
from registry.units.records import Record
from tests.checking.world import ANCHORED, DAY, NOW, OLD_DEPLOYMENT, SCOOTER, PaperChain, Slot, World, address, seal

if TYPE_CHECKING:
    from registry.checking.verdicts import Verdict


@pytest.fixture
def old(world: World) -> PaperChain:
    """Return an earlier deployment, which holds all anchors while the current one holds none."""
    old = world.old_deployment()
    old.slots, world.chain.slots = world.chain.slots, {}
    return old


def check(world: World) -> Verdict:
    """Check the label that the tests are about."""
    return world.verifier().check(world.link(world.scooter))


def batch_of(world: World) -> tuple[int, bytes]:
    """Return the key of its batch."""
    batch = world.stored(world.scooter).batch
    return batch.manufacturer, batch.seal


def test_a_label_outlives_its_contract(world: World, old: PaperChain) -> None:
    """An anchor in an earlier deployment is as good as one in the current."""
    verdict = check(world)
    assert verdict.registration is Registration.REGISTERED
    assert verdict.anchor is not None
    assert verdict.anchor.deployment == old.deployment


@pytest.mark.usefixtures("old")
def test_a_label_outlives_its_contract_even_if_the_new_one_knows_nobody(world: World) -> None:
    """Keys and manufacturers need not have moved yet."""
    world.chain.keys, world.chain.manufacturers = {}, {}
    assert check(world).registration is Registration.REGISTERED


@pytest.mark.parametrize("where", ["current", "old"])
def test_a_suspension_anywhere_counts(world: World, old: PaperChain, where: str) -> None:
    """In the current deployment or an earlier one."""
    world.suspend(1, world.chain if where == "current" else old)
    assert check(world).registration is Registration.ISSUER_SUSPENDED


@pytest.mark.parametrize("where", ["current", "old"])
@pytest.mark.parametrize("whole_batch", [True, False])
def test_a_withdrawal_anywhere_counts(world: World, old: PaperChain, where: str, *, whole_batch: bool) -> None:
    """Of the batch or of the unit, whichever deployment holds it."""
    withdrawal = Withdrawal(Reason.STOLEN, address("key 1"), NOW - DAY, whole_batch=whole_batch, key_compromised=False)
    chain = world.chain if where == "current" else old
    slot = chain.slots.setdefault(batch_of(world), replace(old.slots[batch_of(world)]))
    if whole_batch:
        slot.batch_withdrawal = withdrawal
    else:
        slot.unit_withdrawals = {world.stored(world.scooter).index: [withdrawal]}
    verdict = check(world)
    assert (verdict.registration, verdict.reasons) == (Registration.WITHDRAWN, (Code.STOLEN,))


@pytest.mark.parametrize("change", [{"compromised_since": ANCHORED}, {"revoked_at": ANCHORED}])
def test_a_key_reported_in_the_current_deployment_anchors_nothing_through_an_earlier_one(
    world: World, old: PaperChain, change: dict[str, int]
) -> None:
    """A thief must not find an old contract where the key still looks good."""
    world.change_key("key 1", **change)
    assert old.keys[address("key 1")].valid_at(ANCHORED)
    assert check(world).registration is Registration.KEY_UNDER_REVIEW


def test_another_anchoring_key_reported_elsewhere_counts_as_well(world: World, old: PaperChain) -> None:
    """Not only the signer's key is judged by every deployment."""
    unit = Record(SCOOTER, "L1", "U-1")
    for chain in (world.chain, old):
        world.add_key("signer", 1, chain)
    world.add(seal([unit], "signer", manufacturer=1), "key 1", chain=old)
    assert world.verifier().check(world.link(unit)).registration is Registration.REGISTERED
    world.change_key("key 1", compromised_since=ANCHORED)
    assert world.verifier().check(world.link(unit)).reasons == (Code.KEY_COMPROMISED,)


def test_another_signing_key_reported_elsewhere_counts_as_well(world: World, old: PaperChain) -> None:
    """Nor is only the anchoring key."""
    unit = Record(SCOOTER, "L1", "U-1")
    for chain in (world.chain, old):
        world.add_key("signer", 1, chain)
    world.add(seal([unit], "signer", manufacturer=1), "key 1", chain=old)
    world.change_key("signer", revoked_at=ANCHORED)
    assert world.verifier().check(world.link(unit)).reasons == (Code.KEY_NOT_VALID,)


def test_a_suspension_anywhere_counts_without_an_anchor_too(world: World) -> None:
    """A label that is on no chain is judged by how its issuer stands, everywhere."""
    world.suspend(1, world.old_deployment())
    verdict = world.verifier().check(world.signed_link(Record(SCOOTER, "L1", "NEW-1"), "key 1"))
    assert verdict.reasons == (Code.NO_RECORD, Code.SUSPENDED)


def test_an_endpoint_that_lags_behind_puts_no_key_under_review(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """If one answer knows the signer and the next does not, the chain was not asked at one moment."""
    batch = PaperChain.batch
    nobody = KeyFacts(address("key 1"), 0, 0, 0, 0, 0, 0)
    monkeypatch.setattr(PaperChain, "batch", lambda *question: replace(batch(*question), signer_key=nobody))
    verdict = check(world)
    assert (verdict.registration, verdict.reasons) == (Registration.CANNOT_CHECK, (Code.CHAIN_UNAVAILABLE,))


@pytest.mark.usefixtures("old")
def test_a_later_window_in_the_current_deployment_does_not_undo_an_old_anchor(world: World) -> None:
    """A key that moved house is still the key that it was."""
    world.change_key("key 1", not_before=ANCHORED + DAY)
    assert check(world).registration is Registration.REGISTERED


def test_an_endorsement_counts_wherever_it_was_made(world: World, old: PaperChain) -> None:
    """The controller speaks for the manufacturer in any deployment."""
    world.change_key("key 1", compromised_since=ANCHORED)
    slot = replace(old.slots[batch_of(world)], endorsed=True)
    world.chain.slots[batch_of(world)] = replace(slot, anchor=None)
    assert check(world).reasons == (Code.ENDORSED,)


def test_a_withdrawal_by_a_key_reported_elsewhere_is_under_review(world: World, old: PaperChain) -> None:
    """A stolen key must not void a batch through a contract where it still looks good."""
    withdrawal = Withdrawal(Reason.VOID, address("key 1"), NOW - DAY, whole_batch=True, key_compromised=False)
    old.slots[batch_of(world)].batch_withdrawal = withdrawal
    world.change_key("key 1", compromised_since=NOW - 2 * DAY)
    assert check(world).reasons == (Code.WITHDRAWAL_UNDER_REVIEW,)


def test_of_two_anchors_the_older_one_counts(world: World, old: PaperChain) -> None:
    """Anchoring again in a successor makes nothing younger."""
    anchor = old.slots[batch_of(world)].anchor
    assert anchor is not None
    world.chain.slots[batch_of(world)] = Slot(replace(anchor, time=NOW - DAY))
    verdict = check(world)
    assert verdict.anchor is not None
    assert verdict.anchor.time == ANCHORED


def test_a_final_anchor_counts_before_one_that_is_not(world: World, old: PaperChain) -> None:
    """Even where the unfinal one is older."""
    anchor = old.slots[batch_of(world)].anchor
    assert anchor is not None
    world.chain.slots[batch_of(world)] = Slot(replace(anchor, time=ANCHORED - DAY), final=False)
    assert check(world).registration is Registration.REGISTERED


@pytest.mark.usefixtures("old")
def test_the_official_domains_are_those_of_the_current_deployment(world: World) -> None:
    """A domain that was lost can be dropped."""
    world.chain.official = ("new.example.org",)
    assert check(world).registration is Registration.FOREIGN_HOST


def test_the_age_of_the_verdict_is_that_of_the_oldest_answer(world: World, old: PaperChain) -> None:
    """One silent deployment makes the whole verdict stale."""
    old.seen = Seen(900, NOW - 60, 60.0, stale=True)
    verdict = check(world)
    assert verdict.seen == old.seen
    assert verdict.reasons == (Code.CHAIN_STALE,)


def test_deployments_that_disagree_whose_key_it_is_are_no_answer(world: World, old: PaperChain) -> None:
    """Numbers are kept for ever, so this is a fault of the settings, and accuses nobody."""
    old.keys[address("key 1")] = replace(old.keys[address("key 1")], manufacturer=2)
    verdict = check(world)
    assert (verdict.registration, verdict.reasons) == (Registration.CANNOT_CHECK, (Code.CHAIN_UNAVAILABLE,))


def test_the_same_where_only_a_deployment_without_the_anchor_disagrees(world: World) -> None:
    """No deployment is believed more than another."""
    world.old_deployment().keys[address("key 1")] = replace(world.chain.keys[address("key 1")], manufacturer=2)
    assert check(world).reasons == (Code.CHAIN_UNAVAILABLE,)


def test_an_anchor_by_a_key_of_another_manufacturer_is_no_answer(world: World) -> None:
    """The contract cannot hold such a thing, so what answers is not our contract."""
    world.change_key("key 1", manufacturer=1)
    anchor = world.slot(world.scooter).anchor
    assert anchor is not None
    world.slot(world.scooter).anchor = replace(anchor, key=address("key 2"))
    assert check(world).reasons == (Code.CHAIN_UNAVAILABLE,)


def test_an_anchor_for_a_manufacturer_that_was_not_accredited_is_no_answer(world: World) -> None:
    """Neither can the contract hold this."""
    world.chain.manufacturers[1] = replace(world.chain.manufacturers[1], accredited_at=ANCHORED + 1)
    assert check(world).reasons == (Code.CHAIN_UNAVAILABLE,)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_verifier_needs_one_chain_for_each_deployment(world: World, old: PaperChain, count: int) -> None:
    """A forgotten deployment would hide its withdrawals."""
    chains = [world.chain, old, PaperChain(replace(OLD_DEPLOYMENT, chain_id=1))][:count]
    with pytest.raises(WrongChain, match="expected exactly one for each"):
        Verifier(world.trust, chains, world.shelf)
