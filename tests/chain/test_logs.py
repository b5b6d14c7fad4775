"""The contract's events: asked in pieces, never taken on trust, and counted against the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from registry.checking.trust import Reason
from registry.errors import ChainUnavailable
from tests.chain.faulty import faulty
from tests.chain.stage import KEY, NUMBER, SEAL, WITHDRAWN, NodeStage, address, seal_of

if TYPE_CHECKING:
    from collections.abc import Callable


def blocks(params: list[Any]) -> int:
    """Return how many blocks a question spans."""
    return int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1


def refuse_more_than(limit: int) -> Callable[[list[Any], Callable[[], dict[str, Any]]], dict[str, Any]]:
    """Refuse questions about many blocks, as endpoints do."""

    def rule(params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if blocks(params) <= limit:
            return forward()
        return {"jsonrpc": "2.0", "id": 0, "error": {"code": -32602, "message": "block range is too wide"}}

    return rule


def test_a_range_that_is_refused_is_asked_in_pieces(stage: NodeStage) -> None:
    """Nodes limit how many blocks a question may span, and none says so in the same way."""
    stage.anchor(KEY, seal_of("two"))
    stage.mine(300)
    stage.anchor(KEY, seal_of("three"))
    provider, w3 = faulty(stage.w3())
    provider.on("eth_getLogs", refuse_more_than(150))
    batches = stage.reader(w3).anchored_batches(NUMBER)
    assert [batch.seal for batch in batches] == [SEAL, seal_of("two"), seal_of("three")]
    assert [batch.number for batch in batches] == [1, 2, 3]
    assert {batch.key for batch in batches} == {address(KEY)}
    assert provider.count("eth_getLogs") < 20


def test_a_node_that_refuses_small_pieces_too_is_not_asked_for_ever(stage: NodeStage) -> None:
    """It has another reason, and that is said."""
    stage.mine(300)
    provider, w3 = faulty(stage.w3())
    provider.refuses("eth_getLogs", "logs are for premium customers")
    with pytest.raises(ChainUnavailable, match="premium customers"):
        stage.reader(w3).anchored_batches(NUMBER)
    assert provider.count("eth_getLogs") < 10


def test_a_limited_endpoint_is_not_pressed(stage: NodeStage) -> None:
    """Asking smaller pieces of an endpoint that limits us would only make it worse."""
    provider, w3 = faulty(stage.w3())
    provider.refuses("eth_getLogs", "rate limit reached", code=-32005)
    with pytest.raises(ChainUnavailable) as caught:
        stage.reader(w3).unit_withdrawals(NUMBER, SEAL, WITHDRAWN)
    assert "limits" in (caught.value.hint or "") or "logs" in (caught.value.hint or "")
    assert provider.count("eth_getLogs") == 1


def test_a_listing_that_omits_batches_names_them(stage: NodeStage) -> None:
    """The contract counts the batches, so that an omission shows."""
    for name in ("two", "three", "four"):
        stage.anchor(KEY, seal_of(name))
    provider, w3 = faulty(stage.w3())

    def omit(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        return {**answer, "result": [log for number, log in enumerate(answer["result"]) if number not in {1, 3}]}

    provider.on("eth_getLogs", omit)
    with pytest.raises(ChainUnavailable, match=r"2 of 4 batches of manufacturer 7; missing: 2, 4"):
        stage.reader(w3).anchored_batches(NUMBER)
    assert stage.reader().anchored_batches(99) == ()


def test_a_withdrawal_without_its_event_is_no_answer(stage: NodeStage) -> None:
    """The bitmap says that the unit is withdrawn; who did it is not made up, and that it is withdrawn not left out."""
    provider, w3 = faulty(stage.w3())
    provider.gives("eth_getLogs", [])
    reader = stage.reader(w3)
    with pytest.raises(ChainUnavailable, match="who withdrew"):
        reader.unit_withdrawals(NUMBER, SEAL, WITHDRAWN)
    assert reader.unit_withdrawals(NUMBER, SEAL, WITHDRAWN + 1) == ()
    with pytest.raises(ChainUnavailable):
        reader.anchor_transaction(NUMBER, SEAL)


def test_the_bitmap_decides_what_stands(stage: NodeStage) -> None:
    """An event that is left out or made up changes nothing: a node that hides an annulment is caught by the contract."""
    stage.annul_units(NUMBER, SEAL, Reason.STOLEN, WITHDRAWN)
    provider, w3 = faulty(stage.w3())

    def hide(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        return {**answer, "result": answer["result"][:1]}

    provider.on("eth_getLogs", hide)
    assert stage.reader(w3).unit_withdrawals(NUMBER, SEAL, WITHDRAWN) == ()


def test_an_event_that_was_not_asked_for_is_refused(stage: NodeStage) -> None:
    """Of another contract, another batch, another block, or removed again."""
    stage.anchor(KEY, seal_of("two"))
    changes: list[Callable[[dict[str, Any]], dict[str, Any]]] = [
        lambda log: {**log, "address": address("another contract").lower()},
        lambda log: {**log, "topics": [*log["topics"][:2], f"0x{seal_of('two').hex()}", *log["topics"][3:]]},
        lambda log: {**log, "topics": log["topics"][:2]},
        lambda log: {**log, "blockNumber": "0x1"},
        lambda log: {**log, "removed": True},
        lambda log: {**log, "data": log["data"][:-2]},
        lambda log: {name: value for name, value in log.items() if name != "transactionHash"},
        lambda _log: {},
    ]
    for change in changes:
        provider, w3 = faulty(stage.w3())

        def rule(
            _params: list[Any],
            forward: Callable[[], dict[str, Any]],
            change: Callable[[dict[str, Any]], dict[str, Any]] = change,
        ) -> dict[str, Any]:
            answer = forward()
            return {**answer, "result": [change(log) for log in answer["result"]]}

        provider.on("eth_getLogs", rule)
        with pytest.raises(ChainUnavailable):
            stage.reader(w3).unit_withdrawals(NUMBER, SEAL, WITHDRAWN)


def test_an_event_of_a_block_that_was_replaced_is_refused(stage: NodeStage) -> None:
    """Its time would be another block's."""
    provider, w3 = faulty(stage.w3())

    def other_block(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        return {**answer, "result": [{**log, "blockHash": f"0x{'cd' * 32}"} for log in answer["result"]]}

    provider.on("eth_getLogs", other_block)
    with pytest.raises(ChainUnavailable, match="reorganised"):
        stage.reader(w3).unit_withdrawals(NUMBER, SEAL, WITHDRAWN)
