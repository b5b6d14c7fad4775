"""A deployment's past from its events: all of it, each with its block; what a node leaves out is seen by what is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from registry.chain import wire
from registry.chain.annals import Annals
from registry.errors import ChainUnavailable
from registry.proofs import encoding
from registry.proofs.absence import Neighbour
from tests.chain.faulty import faulty
from tests.chain.stage import KEY, NUMBER, OTHER_PROFILE, PROFILE, SEAL, NodeStage, seal_of
from tests.proofs.batch import seal as sealed

if TYPE_CHECKING:
    from collections.abc import Callable

    from web3 import Web3


def annals(stage: NodeStage, *endpoints: Web3) -> Annals:
    """Return the annals of a stage's contract."""
    return Annals(stage.reader(*endpoints))


def test_every_manufacturer_is_listed_with_its_profiles(stage: NodeStage) -> None:
    """Oldest version first, each with its block, also what is not final yet; the newest final block is told beside it."""
    stage.update_profile(NUMBER)
    stage.accredit(8)
    found = annals(stage)
    roll = found.roll()
    assert [one.number for one in roll.manufacturers] == [NUMBER, 8]
    assert [one.profile_hash for one in roll.manufacturers[0].versions] == [PROFILE, OTHER_PROFILE]
    first, second = (one.block for one in roll.manufacturers[0].versions)
    assert first < roll.final.number < second <= roll.head.number
    assert found.block(roll.final.number) == roll.final
    assert (found.contract, found.chain_id) == (stage.deployment.contract, stage.deployment.chain_id)


def test_every_batch_is_listed_with_who_attested_it(stage: NodeStage) -> None:
    """By number, each with its block, up to the block that is named."""
    stage.attest(NUMBER, SEAL)
    found = annals(stage)
    before = found.roll().head
    stage.anchor(KEY, seal_of("two"))
    (one,) = found.batches(NUMBER, before)
    assert (one.seal, len(one.attested), one.attested[0] > one.block) == (SEAL, 1, True)
    one, two = found.batches(NUMBER, found.roll().head)
    assert (two.seal, two.attested, two.block > one.block) == (seal_of("two"), (), True)
    assert found.batches(99, before) == ()


@pytest.mark.parametrize(
    ("event", "match"),
    [
        ("ProfileUpdated", "leaves out versions of the profile"),
        ("BatchAnchored", "lists 0 of 1 batches of manufacturer 7; missing: 1"),
        ("BatchAttested", "lists 0 of 1 attestations"),
    ],
)
def test_what_a_node_leaves_out_is_seen(stage: NodeStage, event: str, match: str) -> None:
    """The contract counts what its events tell."""
    stage.attest(NUMBER, SEAL)

    def leave_out(_: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        return answer | {"result": [log for log in answer["result"] if log["topics"][0] != wire.topic(event)]}

    provider, w3 = faulty(stage.w3())
    provider.on("eth_getLogs", leave_out)
    found = annals(stage, w3)
    with pytest.raises(ChainUnavailable, match=match):
        found.batches(NUMBER, found.roll().head)


def test_a_block_that_is_not_there_is_no_block(stage: NodeStage) -> None:
    """Nothing is made up in its place."""
    with pytest.raises(ChainUnavailable, match="does not have block"):
        annals(stage).block(10**9)


def test_a_contract_that_is_not_final_yet_lists_nothing(own_stage: NodeStage) -> None:
    """There is no block up to which anything could be shown."""
    own_stage.found()
    with pytest.raises(ChainUnavailable, match="not final yet"):
        annals(own_stage).roll()


def test_the_contracts_own_view_is_asked(stage: NodeStage) -> None:
    """It sees a gap in a batch that is anchored, and in no other; and none for a unit of it."""
    batch = sealed(13)
    gap = [Neighbour(*batch.proven(place)) for place in (4, 5)]
    key = (int.from_bytes(batch.rows[4].unit_key, "big") + 1).to_bytes(32, "big")
    found = annals(stage)
    assert not found.shows_absence(NUMBER, batch.opening, key, gap)
    stage.anchor(KEY, encoding.seal(batch.opening))
    assert found.shows_absence(NUMBER, batch.opening, key, gap)
    assert not found.shows_absence(NUMBER, batch.opening, batch.rows[4].unit_key, gap)
    assert not found.shows_absence(NUMBER, batch.opening, key, gap[::-1])
    assert not found.shows_absence(8, batch.opening, key, gap)
