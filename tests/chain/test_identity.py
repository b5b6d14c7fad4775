"""Which chain an endpoint is, and how far it has come: what is not the trusted chain is not believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from registry.chain import wire
from registry.errors import ChainUnavailable, WrongChain
from tests.chain.faulty import Clock, FaultyProvider, faulty
from tests.chain.stage import KEY, NUMBER, SEAL, NodeStage, address, questions

if TYPE_CHECKING:
    from collections.abc import Callable


def wrong_chain(provider: FaultyProvider) -> None:
    provider.gives("eth_chainId", "0x1")


def wrong_code(provider: FaultyProvider) -> None:
    provider.gives("eth_getCode", "0x6001")


def no_code(provider: FaultyProvider) -> None:
    provider.gives("eth_getCode", "0x")


def wrong_registry(provider: FaultyProvider) -> None:
    provider.gives("eth_call", f"0x{'77' * 32}")


@pytest.mark.parametrize("spoil", [wrong_chain, wrong_code, no_code, wrong_registry])
def test_another_chain_is_refused(stage: NodeStage, spoil: Callable[[FaultyProvider], None]) -> None:
    """Chain id, code and registry id are those of the trust settings, or nothing is believed."""
    provider, w3 = faulty(stage.w3())
    spoil(provider)
    reader = stage.reader(w3)
    for ask in questions(reader):
        with pytest.raises(WrongChain):
            ask()
    with pytest.raises(WrongChain):
        reader.check_deployment()
    good = stage.reader(w3, stage.w3())
    assert [ask() for ask in questions(good)] == [ask() for ask in questions(stage.reader())]


def test_one_wrong_and_one_silent_endpoint_are_silence(stage: NodeStage) -> None:
    """The silent one may be right: the last known answer still counts."""
    wrong, w3 = faulty(stage.w3())
    silent, other = faulty(stage.w3())
    clock = Clock()
    reader = stage.reader(w3, other, clock=clock)
    before = reader.key(address(KEY))
    wrong_chain(wrong)
    silent.error = OSError("gone")
    clock.now += 301.0
    after = reader.key(address(KEY))
    assert after.manufacturer == before.manufacturer
    assert after.seen is not None
    assert after.seen.stale
    with pytest.raises(ChainUnavailable):
        reader.domains()


def test_a_chain_that_became_another_is_noticed(stage: NodeStage) -> None:
    """Identity is checked again every few minutes, and where an answer makes no sense, the next time."""
    provider, w3 = faulty(stage.w3())
    clock = Clock()
    reader = stage.reader(w3, clock=clock)
    reader.check_deployment()
    wrong_chain(provider)
    clock.now += 301.0
    with pytest.raises(WrongChain):
        reader.key(address(KEY))
    provider.behaves()
    clock.now += 60.0
    assert reader.key(address(KEY)).manufacturer == NUMBER
    wrong_chain(provider)
    provider.on("eth_call", lambda params, forward: {**forward(), "result": "0x"} if params else forward())
    clock.now += 20.0
    with pytest.raises(ChainUnavailable):
        reader.manufacturer(NUMBER)  # not understood
    with pytest.raises(WrongChain):
        reader.manufacturer(NUMBER)


def test_whoever_answers_after_a_lost_connection_shows_who_it_is(stage: NodeStage) -> None:
    """A node that was started anew, as another chain, behind the same address is not believed."""
    provider, w3 = faulty(stage.w3())
    reader = stage.reader(w3, fresh_seconds=0.0)
    assert reader.key(address(KEY)).manufacturer == NUMBER
    lost = iter([True])

    def rule(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if next(lost, False):
            wrong_chain(provider)
            raise ConnectionResetError
        return forward()

    provider.on("eth_call", rule)
    with pytest.raises(WrongChain):
        reader.manufacturer(NUMBER)


def test_a_lost_connection_is_opened_again(stage: NodeStage) -> None:
    """A server that closed an idle connection costs nothing but a second look at who it is."""
    provider, w3 = faulty(stage.w3())
    reader = stage.reader(w3, fresh_seconds=0.0)
    reader.check_deployment()
    lost = iter([True])

    def rule(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if next(lost, False):
            raise ConnectionResetError
        return forward()

    provider.on("eth_call", rule)
    assert reader.key(address(KEY)).seen is not None
    assert provider.count("eth_chainId") == 2


def test_rewritten_history_is_another_chain(own_stage: NodeStage) -> None:
    """A final block never changes: an endpoint that has another one in its place is not believed."""
    clock = Clock()
    reader = own_stage.reader(clock=clock)
    known = reader.batch(NUMBER, SEAL, address(KEY))
    own_stage.reorganise(6)
    clock.now += 301.0
    with pytest.raises(WrongChain, match="was final"):
        reader.batch(NUMBER, SEAL, address(KEY))
    assert known.anchor is not None


def test_endpoints_that_contradict_a_final_anchor_are_not_believed(stage: NodeStage) -> None:
    """Two endpoints disagree: what is final is known, so the other one lags or lost its history."""
    first, w3 = faulty(stage.w3())
    second, other = faulty(stage.w3())
    clock = Clock()
    reader = stage.reader(w3, other, clock=clock, stale_seconds=20.0)
    assert reader.batch(NUMBER, SEAL, address(KEY)).anchor is not None
    first.error = OSError("gone")
    status = f"0x{wire.encode('status', NUMBER, SEAL, address(KEY))[:4].hex()}"

    def forgets(params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        if not params[0]["data"].startswith(status):
            return answer
        return {**answer, "result": f"0x{'00' * 20}".ljust(len(answer["result"]), "0")}

    second.on("eth_call", forgets)
    clock.now += 30.0
    with pytest.raises(ChainUnavailable, match="contradicts a final anchor"):
        reader.batch(NUMBER, SEAL, address(KEY))


# --------------------------------------------------------------------------------------------------- how far it has come


def block_at(number: int, time: int) -> dict[str, str]:
    """Return a header."""
    return {"number": hex(number), "timestamp": hex(time), "hash": f"0x{'ab' * 32}", "baseFeePerGas": "0x1"}


def test_an_endpoint_that_lags_behind_is_not_believed(stage: NodeStage) -> None:
    """Its answers may miss a withdrawal: rather the last known answer, and after that none."""
    stage.mine(100)
    ahead, w3 = faulty(stage.w3())
    behind, other = faulty(stage.w3())
    clock = Clock()

    def lag(params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        return {**answer, "result": block_at(20, stage.time())} if params[0] == "latest" else answer

    behind.on("eth_getBlockByNumber", lag)
    reader = stage.reader(w3, other, clock=clock)
    assert reader.key(address(KEY)).manufacturer == NUMBER
    ahead.error = OSError("gone")
    clock.now += 60.0
    late = reader.key(address(KEY))
    assert late.seen is not None
    assert late.seen.stale
    with pytest.raises(ChainUnavailable, match="at block 20"):
        reader.manufacturer(NUMBER)


def test_a_head_may_go_back_as_far_as_reorganisations_do(stage: NodeStage) -> None:
    """A few blocks less than another endpoint has is no reason for distrust."""
    provider, w3 = faulty(stage.w3())
    height = int(stage.request("eth_blockNumber"), 16)

    def jump(params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        return {**answer, "result": block_at(height + 64, stage.time())} if params[0] == "latest" else answer

    provider.on("eth_getBlockByNumber", jump)
    clock = Clock()
    reader = stage.reader(w3, stage.w3(), clock=clock, fresh_seconds=0.0)
    reader.key(address(KEY))
    provider.error = OSError("gone")
    clock.now += 1.0
    facts = reader.key(address(KEY))
    assert facts.seen is not None
    assert not facts.seen.stale


def test_an_old_head_is_not_believed_where_blocks_come_regularly(stage: NodeStage) -> None:
    """`max_head_age` is for real chains; without it a development chain may rest for months."""
    provider, w3 = faulty(stage.w3())

    def old(params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        return {**answer, "result": {**answer["result"], "timestamp": "0x1"}} if params[0] == "latest" else answer

    provider.on("eth_getBlockByNumber", old)
    assert stage.reader(w3).key(address(KEY)).manufacturer == NUMBER
    with pytest.raises(ChainUnavailable, match="s old"):
        stage.reader(w3, max_head_age=3600.0).key(address(KEY))


@pytest.mark.parametrize("how", ["null", "error"])
def test_a_node_without_finality_says_so(stage: NodeStage, how: str) -> None:
    """`latest` never stands in for `finalized`; who wants that writes it into the trust file."""
    provider, w3 = faulty(stage.w3())

    def unknown(params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if params[0] != "finalized":
            return forward()
        if how == "null":
            return {"jsonrpc": "2.0", "id": 0, "result": None}
        return {"jsonrpc": "2.0", "id": 0, "error": {"code": -39001, "message": "finalized block not found"}}

    provider.on("eth_getBlockByNumber", unknown)
    with pytest.raises(ChainUnavailable, match="finalized") as caught:
        stage.reader(w3).batch(NUMBER, SEAL, address(KEY))
    assert "trust file" in (caught.value.hint or "")
    assert stage.reader(w3, finality="latest").batch(NUMBER, SEAL, address(KEY)).anchor is not None
    assert stage.reader(w3, finality="safe").batch(NUMBER, SEAL, address(KEY)).anchor is not None


def test_a_node_without_old_states_says_so(stage: NodeStage) -> None:
    """A node that threw the state of final blocks away cannot say what is final."""
    provider, w3 = faulty(stage.w3())
    newest = f"0x{stage.w3().eth.get_block('latest')['hash'].hex()}"

    def pruned(params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if params[1] in ("latest", {"blockHash": newest}):
            return forward()
        return {"jsonrpc": "2.0", "id": 0, "error": {"code": -32000, "message": "missing trie node"}}

    provider.on("eth_call", pruned)
    with pytest.raises(ChainUnavailable, match="missing trie node") as caught:
        stage.reader(w3).batch(NUMBER, SEAL, address(KEY))
    assert "keeps the state" in (caught.value.hint or "")


def test_before_the_contract_is_final_nothing_is(founded_anvil: NodeStage, anvil_stage: NodeStage) -> None:
    """At the finality there may be no contract yet, which is no fault."""
    stage = NodeStage(founded_anvil.url, blocks_to_final=4, node="anvil")
    stage.found()
    stage.set_domains("verify.example.org")
    assert anvil_stage.deployment != stage.deployment
    assert stage.reader().domains() == ()
    assert stage.reader().batch(1, SEAL, address(KEY)).anchor is None
