"""Endpoints that fail in every way: nothing but the truth, or `ChainError`."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.chain.endpoints import Endpoint, connect
from registry.chain.reader import ChainReader
from registry.checking.trust import Trust
from registry.errors import ChainError, ChainUnavailable, InputError
from tests.chain.fake import DEPLOYMENT
from tests.chain.faulty import Clock, Misbehaving, faulty, misbehaving
from tests.chain.stage import KEY, NodeStage, address, questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from web3 import Web3

SILENT = ("hang", "close", "429", "500", "503", "garbage", "empty", "not an answer", "not utf-8", "a number")
BATCHES = ("short batch", "doubled batch", "anonymous batch")


@pytest.fixture
def server(stage: NodeStage) -> Iterator[Misbehaving]:
    """Run a misbehaving server before anvil."""
    with misbehaving(stage.url) as server:
        yield server


def patient(url: str) -> Web3:
    """Return a connection."""
    (w3,) = connect(url, timeout=20.0)
    return w3


def quick(url: str) -> Web3:
    """Return a connection that does not wait long."""
    (w3,) = connect(url, timeout=0.3)
    return w3


@pytest.mark.parametrize("mode", [*SILENT, *BATCHES])
def test_an_endpoint_that_does_not_answer_gives_no_facts(stage: NodeStage, server: Misbehaving, mode: str) -> None:
    """Each question raises `ChainUnavailable`, whatever the endpoint does instead of answering."""
    server.mode = mode
    for ask in questions(stage.reader(quick(server.url))):
        with pytest.raises(ChainUnavailable):
            ask()


@pytest.mark.parametrize("mode", [*SILENT, *BATCHES])
def test_the_next_endpoint_answers_instead(stage: NodeStage, server: Misbehaving, mode: str) -> None:
    """Failing over costs the failing endpoint one request, not one for each question."""
    server.mode = mode
    truth = [ask() for ask in questions(stage.reader())]
    reader = stage.reader(quick(server.url), stage.w3(), clock=Clock())
    assert [ask() for ask in questions(reader)] == truth
    assert server.requests <= 3


@pytest.mark.parametrize("mode", ["forward", "reversed batch", "no batches"])
def test_an_endpoint_may_be_odd_and_right(stage: NodeStage, server: Misbehaving, mode: str) -> None:
    """Answers in another order are sorted by their ids, and an endpoint without batches is asked one by one."""
    server.mode = mode
    assert [ask() for ask in questions(stage.reader(patient(server.url)))] == [ask() for ask in questions(stage.reader())]


def test_other_threads_may_take_numbers_between(server: Misbehaving) -> None:
    """web3 numbers the questions of all threads by one counter, so that those of a batch ascend with gaps between them."""
    asked: list[tuple[str, list[Any]]] = [("eth_chainId", []), ("eth_blockNumber", [])]
    w3 = patient(server.url)
    truth = Endpoint(w3).ask(asked)
    vars(w3.provider)["request_counter"] = itertools.count(step=3)
    assert Endpoint(w3).ask(asked) == truth


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just("0x"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
METHODS = ("eth_call", "eth_getBlockByNumber", "eth_getLogs", "eth_chainId", "eth_getCode")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(METHODS), junk=JSON, which=st.integers(0, 6), skipped=st.integers(0, 3))
def test_junk_is_refused_or_ignored(stage: NodeStage, method: str, junk: object, which: int, skipped: int) -> None:
    """Whatever stands in one answer, the reader says the truth or raises `ChainError`, and nothing else ever."""
    truth = questions(stage.reader())[which]()
    provider, w3 = faulty(stage.w3())
    seen = 0

    def rule(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        nonlocal seen
        seen += 1
        return {"jsonrpc": "2.0", "id": 0, "result": junk} if seen > skipped else forward()

    provider.on(method, rule)
    reader = stage.reader(w3)
    try:
        told = questions(reader)[which]()
    except ChainError:
        return
    assert told == truth


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 400), which=st.integers(0, 6))
def test_a_torn_answer_is_refused(stage: NodeStage, cut: int, which: int) -> None:
    """An answer of the contract that was cut off never decodes to something else."""
    truth = questions(stage.reader())[which]()
    provider, w3 = faulty(stage.w3())
    registry_id = f"0x{stage.trust.registry_id.hex()}"

    def rule(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        if answer["result"] == registry_id:
            return answer
        return {**answer, "result": answer["result"][: -2 * cut] or "0x"}

    provider.on("eth_call", rule)
    try:
        told = questions(stage.reader(w3))[which]()
    except ChainError:
        return
    assert told == truth


def test_an_endpoint_is_named_by_its_host_alone() -> None:
    """The path and the credentials of a URL often are an access key."""
    (w3,) = connect("http://user:secret@127.0.0.1:9/v3/secretkey", timeout=0.2)
    reader = ChainReader((w3,), Trust(b"\x01" * 32, (DEPLOYMENT,)), DEPLOYMENT)
    with pytest.raises(ChainUnavailable) as caught:
        reader.key(address(KEY))
    assert "127.0.0.1:9" in caught.value.message
    error: BaseException | None = caught.value
    while error is not None:
        assert "secret" not in str(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def test_endpoints_are_http_urls() -> None:
    """A mistyped endpoint is refused at the start, and not repeated: it may hold an access key."""
    endpoints = connect("http://a.example, https://b.example/x ,")
    assert [getattr(w3.provider, "endpoint_uri", None) for w3 in endpoints] == ["http://a.example", "https://b.example/x"]
    for wrong in ("", " , ", "a.example", "ftp://a.example", "http://", "http://a.example:99999"):
        with pytest.raises(InputError) as caught:
            connect(wrong)
        assert "a.example" not in caught.value.message
