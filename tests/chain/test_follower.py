"""Following the chain by its events: how little is asked, and what is forgotten when something happens."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from web3 import Web3

from registry.chain.deployment import artifact
from registry.chain.memory import TOUCHED
from registry.checking.deployments import Deployments
from registry.checking.findings import Findings
from registry.checking.trust import Anchor
from registry.errors import ChainUnavailable, WrongChain
from tests.chain.fake import Batch
from tests.chain.fake_node import TRUST
from tests.chain.followed import DOMAIN, FRESH, OTHER, UNIT, Place, all_facts
from tests.chain.stage import KEY, NUMBER, SEAL, address, seal_of, strip, when

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def place() -> Place:
    """Give a place with one endpoint."""
    return Place()


# ------------------------------------------------------------------------------------------------------ how little is asked


def test_one_request_an_interval_however_many_batches_and_threads(place: Place) -> None:
    """Two hundred batches, asked by sixteen threads in each interval: one request, and not one call of the contract."""
    seals = [SEAL, *(seal_of(f"many {number}") for number in range(200))]
    at = Anchor(address(KEY), place.ledger.time, place.ledger.height)
    for state in place.ledger._states:
        state.batches.update({(NUMBER, seal): Batch(at, "") for seal in seals[1:]})

    def check(seal: bytes) -> bool:
        key, owner = place.reader.key(address(KEY)), place.reader.manufacturer(NUMBER)
        batch = place.reader.batch(NUMBER, seal, address(KEY))
        clean = place.reader.unit_withdrawals(NUMBER, seal, 3) == ()
        return clean and batch.anchor is not None and key.manufacturer == owner.number and place.reader.domains() == (DOMAIN,)

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(check, seals))
        for _ in range(5):
            place.next_interval()
            place.ledger.mine()
            assert all(threads.map(check, seals * 5))
            assert place.requests == 1
            assert place.provider.count("eth_call") == 0
            assert [method for method, _ in place.provider.asked] == [
                "eth_getBlockByNumber",
                "eth_getBlockByNumber",
                "eth_getBlockByNumber",
                "eth_getLogs",
            ]


def test_many_threads_with_the_same_first_question_ask_once(place: Place) -> None:
    """The first question about a batch is asked by one thread, and the others wait for its answer."""
    place.reader.key(address(KEY))
    place.next_interval()
    slow = threading.Event()

    def late(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        slow.wait(0.05)
        return forward()

    place.provider.on("eth_call", late)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda _: place.batch(), range(16)))
    assert len({strip(answer) for answer in answers}) == 1
    assert place.provider.count("eth_call") == 3, "the status, the profiles, and the status at the finality"
    assert place.requests == 2


def test_an_error_is_shared_too(place: Place) -> None:
    """Whoever waited for an answer gets the reason why there is none."""
    place.reader.key(address(KEY))

    def late(_params: list[Any], _forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        time.sleep(0.05)
        return {"jsonrpc": "2.0", "id": 0, "error": {"code": -32005, "message": "rate limit"}}

    place.provider.on("eth_call", late)
    place.next_interval()

    def ask(_: int) -> bool:
        try:
            place.batch()
        except ChainUnavailable as error:
            return "rate limit" in error.message
        return False

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(8)))
    assert place.provider.count("eth_call") <= 6


def test_a_unit_of_a_batch_with_withdrawn_units_costs_no_call_of_its_own(place: Place) -> None:
    """Its neighbours were asked with it: a batch of a million units with a few void ones is not a million questions."""
    assert place.reader.unit_withdrawals(NUMBER, SEAL, 0) == ()
    place.next_interval()
    for index in range(2048):
        assert bool(place.reader.unit_withdrawals(NUMBER, SEAL, index)) == (index == UNIT)
    assert place.provider.count("eth_call") == 1, "the key that withdrew the one"
    place.next_interval()
    assert place.reader.unit_withdrawals(NUMBER, SEAL, 2048) == ()
    assert place.requests == 2


def test_an_endpoint_without_old_logs_is_asked_for_them_once_an_interval(place: Place) -> None:
    """The transaction of an anchor is a pointer that may be missing: it is not asked for at every scan."""
    place.batch()
    place.provider.gives("eth_getLogs", [])
    for _ in range(10):
        with pytest.raises(ChainUnavailable):
            place.reader.anchor_transaction(NUMBER, SEAL)
    assert place.provider.count("eth_getLogs") == 1
    place.provider.behaves()
    place.next_interval()
    assert place.reader.anchor_transaction(NUMBER, SEAL)


def test_while_one_thread_asks_ahead_the_others_do_not_wait(place: Place) -> None:
    """Shortly before answers become old whoever comes first asks again; the rest goes on with what is still fresh."""
    place.reader.key(address(KEY))
    held, release = threading.Event(), threading.Event()

    def hold(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        held.set()
        assert release.wait(5)
        return forward()

    place.provider.on("eth_getLogs", hold)
    place.clock.now += FRESH * 0.97
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(place.reader.key, address(KEY))
        assert held.wait(5)
        seen = when(place.reader, place.reader.key(address(KEY)).seen)
        assert seen.age_seconds == pytest.approx(FRESH * 0.97)
        assert not seen.stale
        release.set()
        assert first.result().manufacturer == NUMBER
    renewed = when(place.reader, place.reader.key(address(KEY)).seen)
    assert renewed.age_seconds == 0.0


def test_nobody_waits_for_a_chain_that_hangs_again(place: Place) -> None:
    """Once it was silent, one thread tries, and the others get the last known answer at once."""
    place.reader.key(address(KEY))
    place.provider.error = OSError("gone")
    place.clock.now += FRESH
    assert place.reader.key(address(KEY)).seen is not None
    place.provider.error = None
    held, release = threading.Event(), threading.Event()

    def hold(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        held.set()
        assert release.wait(5)
        return forward()

    place.provider.on("eth_chainId", hold)
    place.clock.now += FRESH
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(place.reader.key, address(KEY))
        assert held.wait(5)
        known = place.reader.key(address(KEY))
        assert known.seen is not None
        assert (known.manufacturer, known.seen.stale) == (NUMBER, True)
        release.set()
        assert first.result().manufacturer == NUMBER
    assert when(place.reader, place.reader.key(address(KEY)).seen) == replace(known.seen, stale=False, age_seconds=0.0)


# ------------------------------------------------------------------------------------------------------ what is forgotten

VALUES: dict[str, object] = {
    "manufacturer": NUMBER,
    "seal": SEAL,
    "key": address(KEY),
    "witness": address("witness"),
    "controller": address("controller 7"),
    "previous": address("controller 7"),
    "account": address(KEY),
    "sender": address(KEY),
    "inspector": address(KEY),
    "newAdmin": address(KEY),
    "number": 1,
    "reason": 1,
    "kind": 0,
    "frozen": True,
    "word": 0,
    "mask": 1,
    "domains": [DOMAIN],
}
OF_TYPE: dict[str, object] = {"string": "words", "bytes32": b"\x01" * 32, "uint40": 5, "uint48": 5, "uint8": 1}
EVENTS = sorted((one for one in artifact().abi if one["type"] == "event"), key=lambda one: one["name"])


def values_of(event: dict[str, Any]) -> list[object]:
    """Return values for an event about the batch, the manufacturer and the key that everybody asks about."""
    types = [(one["name"], one["type"]) for one in event["inputs"]]
    return [
        OF_TYPE[kind] if name not in VALUES or (name == "reason" and kind == "string") else VALUES[name] for name, kind in types
    ]


def test_every_event_of_the_contract_is_known() -> None:
    """An event that is added to the contract needs a line that says what it changes."""
    assert set(TOUCHED) == {event["name"] for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["name"])
def test_an_event_makes_forgotten_what_it_is_about(place: Place, event: dict[str, Any]) -> None:
    """Whatever the event names is asked again, and nothing else."""
    questions: dict[str, Callable[[], object]] = {
        "batch": lambda: place.reader.batch(NUMBER, SEAL, address(KEY)),
        "manufacturer": lambda: place.reader.manufacturer(NUMBER),
        "key": lambda: place.reader.key(address(KEY)),
        "domains": place.reader.domains,
        "another batch": lambda: place.reader.batch(OTHER, SEAL, address("key 8")),
        "another manufacturer": lambda: place.reader.manufacturer(OTHER),
        "another key": lambda: place.reader.key(address("key 8")),
    }
    for ask in questions.values():
        ask()
    place.ledger.emit(event["name"], *values_of(event))
    place.ledger.mine()
    place.next_interval()
    place.reader.domains()  # moves to the newest block
    parts = set(TOUCHED[event["name"]])
    memory = place.reader._memory
    known = {
        "batch": memory.batches.part((NUMBER, SEAL)),
        "manufacturer": memory.manufacturers.part(NUMBER),
        "key": memory.keys.part(address(KEY)),
    }
    assert {name for name, part in known.items() if part is None} == parts - {"domains"}
    assert place.requests == (2 if "domains" in parts else 1)
    place.provider.requests = 0
    for name, ask in questions.items():
        ask()
        assert bool(place.requests) == (bool(parts - {"domains"}) and name == "batch"), name
        place.provider.requests = 0  # what the first question found out again, the others need not ask


def test_an_event_that_nobody_knows_makes_everything_forgotten(place: Place) -> None:
    """A successor of the contract may say things that this program has never heard of."""
    before = all_facts(place.reader)
    for topics, data in (([f"0x{'ab' * 32}"], "0x"), ([Web3.to_hex(Web3.keccak(text="KeyRevoked(uint32,address)"))], "0x")):
        place.next_interval()
        place.ledger.emit_raw(topics, data)
        place.ledger.mine()
        assert all_facts(place.reader) == before
        assert place.provider.count("eth_call") > 20
        place.next_interval()
        place.ledger.mine(30)
        place.clock.now += FRESH
        all_facts(place.reader)


def test_what_becomes_final_is_known_without_an_event() -> None:
    """An anchor, an attestation and a domain count when their block is final."""
    place = Place(blocks_to_final=4)
    place.ledger.set_domains([DOMAIN, "new.example.org"])
    place.ledger.anchor(address(KEY), seal_of("two"))
    place.ledger.attest(NUMBER, SEAL)

    def told() -> tuple[bool, int, int]:
        two = place.reader.batch(NUMBER, seal_of("two"), address(KEY))
        return two.anchor is not None, place.batch().attestations, len(place.reader.domains())

    assert told() == (False, 0, 1)
    for _ in range(3):
        place.next_interval()
        assert told() == (False, 0, 1)
        assert place.provider.count("eth_call") == 0, "finality stands still"
    place.ledger.finalize()
    place.next_interval()
    assert told() == (True, 1, 2)
    place.next_interval()
    assert told() == (True, 1, 2)
    assert place.provider.count("eth_call") == 0, "all of it is final now"


def test_nothing_is_known_for_longer_than_the_limit_of_stale_answers(place: Place) -> None:
    """An endpoint whose logs leave an event out is found out at last: a part that was read long ago is read again."""
    place.batch()
    place.provider.gives("eth_getLogs", [])
    place.ledger.revoke_key(address(KEY))
    for _ in range(int(TRUST.stale_seconds / FRESH)):
        place.next_interval()
        assert place.batch().signer_key.revoked_at == 0
    place.next_interval()
    assert place.batch().signer_key.revoked_at != 0


def test_news_of_a_part_without_an_event_count_for_every_answer(place: Place) -> None:
    """A key that is read for another batch, and is another than was known: no answer that was put together before is given."""
    place.ledger.anchor(address(KEY), seal_of("two"))
    assert place.batch().signer_key.revoked_at == 0
    place.provider.gives("eth_getLogs", [])
    place.ledger.revoke_key(address(KEY))
    place.next_interval()
    assert place.batch().signer_key.revoked_at == 0
    assert place.reader.batch(NUMBER, seal_of("two"), address(KEY)).signer_key.revoked_at != 0
    assert place.batch().signer_key.revoked_at != 0


def test_an_event_that_came_late_is_not_overlooked(place: Place) -> None:
    """Behind one address are many machines: the logs of the newest blocks are asked for again the next time."""
    place.batch()
    place.ledger.mine(3)
    place.ledger.revoke_key(address(KEY))

    def without_the_newest(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        newest = hex(place.ledger.height)
        return {**answer, "result": [log for log in answer["result"] if log["blockNumber"] != newest]}

    place.provider.on("eth_getLogs", without_the_newest)
    place.next_interval()
    assert place.batch().signer_key.revoked_at == 0
    place.ledger.mine()
    place.next_interval()
    assert place.batch().signer_key.revoked_at != 0
    place.next_interval()
    place.batch()
    assert place.provider.count("eth_call") == 0, "and it counts once"


def test_an_answer_that_came_too_late_is_not_kept(place: Place) -> None:
    """It was read before something happened that others have heard of meanwhile."""
    place.reader.domains()
    held, release = threading.Event(), threading.Event()

    def hold(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        answer = forward()
        held.set()
        assert release.wait(5)
        return answer

    place.provider.on("eth_call", hold)
    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(place.reader.key, address(KEY))
        assert held.wait(5)
        place.ledger.revoke_key(address(KEY))
        place.next_interval()
        assert place.reader.domains() == (DOMAIN,)
        release.set()
        answer = late.result()
    assert answer.revoked_at == 0
    assert answer.seen is not None
    assert (answer.seen.block, answer.seen.age_seconds) == (place.ledger.height - 1, FRESH), "and its age is said"
    assert place.reader.key(address(KEY)).revoked_at != 0


def test_an_answer_is_of_the_block_that_it_names(place: Place) -> None:
    """What happens after the block that we follow is not mixed in: it could be undone without our hearing of it."""
    place.reader.domains()
    place.ledger.revoke_key(address(KEY))
    key = place.reader.key(address(KEY))
    assert key.revoked_at == 0
    assert when(place.reader, key.seen).block == place.ledger.height - 1
    place.ledger.reorganise(1)
    place.next_interval()
    assert place.reader.key(address(KEY)).revoked_at == 0


# --------------------------------------------------------------------------------------------- what endpoints do


def test_a_reorganisation_makes_everything_forgotten_that_is_not_final(place: Place) -> None:
    """The block that we knew as the newest is another one now: so may be all that was read there."""
    place.ledger.anchor(address(KEY), seal_of("two"))
    place.ledger.revoke_key(address(KEY))
    assert place.reader.batch(NUMBER, seal_of("two"), address(KEY)).pending_anchor is not None
    assert place.batch().signer_key.revoked_at != 0
    place.ledger.reorganise(2)
    place.next_interval()
    two = place.reader.batch(NUMBER, seal_of("two"), address(KEY))
    assert (two.anchor, two.pending_anchor) == (None, None)
    assert place.batch().signer_key.revoked_at == 0
    assert place.provider.count("eth_chainId") == 1, "and it is asked whether this still is our chain"
    assert all_facts(place.reader) == all_facts(place.fresh())


def test_another_chain_behind_the_same_address_is_noticed_at_once(place: Place) -> None:
    """Its blocks are not those that we know, so that it must show who it is, long before it is due."""
    place.batch()
    place.ledger.reorganise(place.ledger.height - 5)
    place.provider.gives("eth_chainId", "0x1")
    place.next_interval()
    with pytest.raises(WrongChain):
        place.batch()


def test_a_chain_that_was_set_back_is_asked_question_by_question(place: Place) -> None:
    """Until it has grown past what was seen: then it is seen whether it is the same."""
    place.ledger.mine(3)
    place.ledger.revoke_key(address(KEY))
    assert place.batch().signer_key.revoked_at != 0
    place.ledger.go_back(2)
    place.next_interval()
    assert place.batch().signer_key.revoked_at == 0
    assert all_facts(place.reader) == all_facts(place.fresh())
    place.ledger.mine(5)
    place.next_interval()
    assert place.batch().signer_key.revoked_at == 0
    place.next_interval()
    assert place.batch().signer_key.revoked_at == 0
    assert place.requests == 1


def test_what_is_remembered_says_how_old_it_is_by_now(place: Place) -> None:
    """An answer is put together once as long as nothing changes, whatever interval it is; `as_of` has the age of now."""
    assert place.reader.as_of() is not None
    place.batch()
    first = place.batch()
    for _ in range(3):
        assert place.batch() is first
        place.next_interval()
    place.batch()
    place.clock.now += 3.0
    assert place.batch() is first
    assert first.seen is None
    now = place.reader.as_of()
    assert now is not None
    assert (now.block, now.age_seconds) == (place.ledger.height, 3.0)
    place.provider.error = OSError("gone")
    place.next_interval()
    assert place.reader.as_of() is None
    assert place.seen().stale


def test_a_verdict_is_as_old_as_what_it_rests_on(place: Place) -> None:
    """Whatever was remembered, and whenever it was put together."""
    deployments = Deployments(TRUST, [place.reader])
    for age in (0.0, 3.0):
        findings = Findings("", 0)
        findings.saw(deployments.as_of())
        key = deployments.key(address(KEY))
        findings.saw(key.seen)
        assert findings.seen is not None
        assert findings.seen.age_seconds == age
        place.clock.now += 3.0
