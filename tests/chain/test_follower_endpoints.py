"""What endpoints do to one who follows the chain by its events: lag, fail over, keep no logs, fall silent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from registry.checking.trust import Reason
from registry.errors import ChainUnavailable
from tests.chain.fake_node import DEPLOYMENT
from tests.chain.followed import Place, all_facts
from tests.chain.stage import KEY, NUMBER, SEAL, address, seal_of, strip, when

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def place() -> Place:
    """Give a place with one endpoint."""
    return Place()


def test_an_endpoint_that_lags_is_passed_over() -> None:
    """Another one goes on from where the first was; what we know is never exchanged for something older."""
    place = Place(2)
    place.batch()
    place.ledger.revoke_key(address(KEY))
    place.next_interval()
    assert place.batch().signer_key.revoked_at != 0
    place.nodes[0].behind = 1
    place.next_interval()
    renewed = place.batch()
    assert (renewed.signer_key.revoked_at != 0, place.seen().stale, place.seen().age_seconds) == (True, False, 0.0)
    assert place.providers[1].count("eth_getLogs") == 1


def test_the_only_endpoint_lags(place: Place) -> None:
    """Then every question is asked by itself, once an interval, as if there were nothing to follow."""
    before = place.batch()
    place.ledger.mine(2)
    place.next_interval()
    place.batch()
    place.nodes[0].behind = 1
    place.next_interval()
    again = [place.batch() for _ in range(5)]
    assert {strip(one) for one in again} == {strip(before)}
    assert [when(place.reader, one.seen).block for one in again] == [place.ledger.height - 1] * 5
    assert place.provider.count("eth_call") == 3, "who it is, the status and the profiles"
    place.nodes[0].behind = 0
    place.next_interval()
    assert place.seen().block == place.ledger.height
    assert place.provider.count("eth_call") == 0


def test_fail_over_to_an_endpoint_with_another_head() -> None:
    """One that is ahead goes on; one that lags too far is not believed; the truth stays the same."""
    place = Place(2)
    place.nodes[0].behind = 1
    place.ledger.mine(5)
    known = all_facts(place.reader)
    place.providers[0].error = OSError("gone")
    place.ledger.set_suspended(NUMBER, suspended=True)
    place.next_interval()
    assert all_facts(place.reader) == all_facts(place.fresh()) != known
    place.providers[0].error, place.providers[1].error = None, OSError("gone")
    place.ledger.set_suspended(NUMBER, suspended=False)
    place.ledger.mine()
    place.clock.now += 60.0
    place.next_interval()
    assert all_facts(place.reader) == all_facts(place.fresh()) == known


@pytest.mark.parametrize(
    "rule",
    [
        lambda place: place.provider.refuses("eth_getLogs", "block range is too wide", code=-32602),
        lambda place: place.provider.refuses("eth_getLogs", "logs are pruned"),
        lambda place: place.provider.gives("eth_getLogs", None),
        lambda place: place.provider.gives("eth_getLogs", [{"address": DEPLOYMENT.contract}]),
        lambda place: place.provider.gives("eth_getLogs", ["nonsense"]),
    ],
    ids=["too wide", "pruned", "null", "half a log", "nonsense"],
)
def test_logs_that_are_not_to_be_had(place: Place, rule: Callable[[Place], None]) -> None:
    """Then everything is asked anew in each interval, once: what changed is seen, and nothing is asked twice."""
    place.batch()
    rule(place)
    place.ledger.revoke_key(address(KEY))
    for _ in range(3):
        place.next_interval()
        assert all(place.batch().signer_key.revoked_at != 0 for _ in range(5))
        assert place.provider.count("eth_call") == 2


def test_an_endpoint_that_takes_no_hashes_of_blocks(place: Place) -> None:
    """What it answers at `latest` is an answer too, for one interval."""

    def no_hashes(params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if isinstance(params[1], dict):
            return {"jsonrpc": "2.0", "id": 0, "error": {"code": -32602, "message": "invalid argument 1: hex string expected"}}
        return forward()

    place.provider.on("eth_call", no_hashes)
    assert all_facts(place.reader) == all_facts(place.fresh())
    asked = len(place.provider.asked)
    all_facts(place.reader)
    assert len(place.provider.asked) == asked
    place.ledger.revoke_key(address(KEY))
    place.ledger.withdraw_units(address(KEY), SEAL, Reason.RECALLED, [0])
    place.next_interval()
    assert all_facts(place.reader) == all_facts(place.fresh())


def test_a_block_that_cannot_be_had_is_no_reorganisation(place: Place) -> None:
    """A node that does not say what it has at a height has not said that it has something else."""
    known = hex(place.seen().block)
    place.ledger.revoke_key(address(KEY))

    def rule(params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": 0, "result": None} if params[0] == known else forward()

    place.provider.on("eth_getBlockByNumber", rule)
    place.next_interval()
    assert place.batch().signer_key.revoked_at != 0
    place.provider.behaves()
    place.next_interval()
    assert place.batch().signer_key.revoked_at != 0


def test_a_silent_chain_is_as_stale_as_its_last_request(place: Place) -> None:
    """An answer that was read long ago, and true a moment ago, is as old as that moment."""
    known = all_facts(place.reader)
    place.clock.now += 500.0
    place.batch()
    place.clock.now += 50.0
    place.batch()
    place.provider.error = OSError("gone")
    place.clock.now += 500.0
    seen = place.seen()
    assert (seen.stale, seen.age_seconds) == (True, 500.0)
    assert all_facts(place.reader)[:3] == known[:3]
    place.clock.now += 200.0
    with pytest.raises(ChainUnavailable):
        place.batch()
    place.provider.error = None
    place.clock.now += 60.0
    assert place.seen().age_seconds == 0.0
    assert all_facts(place.reader) == known


def test_where_latest_is_final_a_reorganisation_is_noticed_too() -> None:
    """Nothing is kept for ever there."""
    place = Place(finality="latest")
    place.ledger.anchor(address(KEY), seal_of("two"))
    assert place.reader.batch(NUMBER, seal_of("two"), address(KEY)).anchor is not None
    place.ledger.reorganise(1)
    place.next_interval()
    assert place.reader.batch(NUMBER, seal_of("two"), address(KEY)).anchor is None
    assert all_facts(place.reader) == all_facts(place.fresh())
