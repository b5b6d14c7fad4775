"""What is withdrawn of a whole batch, asked of and told to a real contract."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from registry.chain import bitmaps
from registry.checking.trust import Reason
from registry.errors import ChainUnavailable, TransactionRefused
from registry.issuing import voiding
from registry.issuing.batches import State, StoredBatch
from registry.issuing.ranks import Ranks
from registry.issuing.reconciliation import Ledger
from registry.issuing.voiding import Voiding
from tests.chain.faulty import faulty
from tests.chain.stage import KEY, NUMBER, SEAL, WITHDRAWN, NodeStage, address, seal_of
from tests.issuing import book

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.chain.writer import ChainWriter
    from registry.issuing.voiding import Chain

SIZE = 1500
GAS_OF_A_WORD = 36_000
LEAST_LIMIT = 16_777_216
"""The most gas that one transaction may have on Ethereum since EIP-7825."""


def for_voiding(writer: ChainWriter) -> Chain:
    """Say to the type checker that voiding can use this."""
    return writer


def stored(size: int = SIZE) -> StoredBatch:
    """Return the batch of the stage as a store has it."""
    return StoredBatch(
        id=book.BATCH, manufacturer=NUMBER, run="run", fingerprint="0" * 64, key=address(KEY), seal=SEAL, root=bytes(32),
        unit_count=size, manifest=b"{}", salt=bytes(32), state=State.FINAL, created_at=1, raw_transaction=None,
        transaction_hash=None, anchored_block=None, anchored_at=None,
    )  # fmt: skip


class SealedBook(book.Book):
    """A book about the stage's batch."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.ledger = Ledger(SEAL, size)

    def read(self, batch: StoredBatch | None = None) -> Ledger:
        """Return the ledger."""
        del batch
        return self.ledger

    def append(self, ledger: Ledger, draft: Any) -> Ledger:
        """Put an entry on record."""
        self.ledger = ledger.after(ledger.next(draft, book.NOW))
        return self.ledger


def reported(size: int = SIZE) -> SealedBook:
    """Return a book in which every third unit is applied."""
    kept = SealedBook(size)
    kept.print(0, size)
    kept.applied(*range(0, size, 3))
    return kept


def void(stage: NodeStage, size: int = SIZE) -> set[int]:
    """Return the units that the contract calls void."""
    return set(Ranks.of_words(size, stage.writer(KEY).void_words(SEAL, -(-size // 256))))


REMAINDER = set(range(SIZE)) - set(range(0, SIZE, 3))


def test_words_of_one_reason_alone(stage: NodeStage) -> None:
    """Nothing, then what was withdrawn as void, and what was annulled is gone."""
    assert void(stage) == set()
    stage.withdraw_units(KEY, SEAL, Reason.VOID, 1, 255, 256, 1499)
    assert void(stage) == {1, 255, 256, 1499}
    stage.annul_units(NUMBER, SEAL, Reason.VOID, 255)
    assert void(stage) == {1, 256, 1499}
    assert WITHDRAWN not in void(stage)
    assert stage.writer(KEY).void_words(seal_of("nothing"), 6) == []


def test_more_words_than_one_request(stage: NodeStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, however many requests it takes."""
    stage.withdraw_units(KEY, SEAL, Reason.VOID, *range(100, 1500, 100))
    monkeypatch.setattr(bitmaps, "AT_ONCE", 2)
    assert void(stage) == set(range(100, 1500, 100))


def test_a_word_that_the_node_does_not_tell(stage: NodeStage) -> None:
    """Not known is not zero: what is not known to be withdrawn might be paid for twice."""
    stage.withdraw_units(KEY, SEAL, Reason.VOID, 1)
    provider, w3 = faulty(stage.w3())
    reader = stage.reader(w3).asking_now()
    reader.check_deployment()

    def empty(_params: list[Any], forward: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return {**forward(), "result": "0x"}

    provider.on("eth_call", empty)
    with pytest.raises(ChainUnavailable, match="withdrawnWord"):
        reader.pool.read(
            lambda node: bitmaps.withdrawn_words(node, reader.deployment.contract, NUMBER, SEAL, Reason.VOID, count=6)
        )


def test_the_remainder_is_withdrawn(stage: NodeStage) -> None:
    """Exactly that, at the cost that was told before."""
    kept = reported()
    work = Voiding(kept, for_voiding(stage.writer(KEY)), stored())
    plan = work.plan()
    assert (plan.units, plan.transactions) == (len(REMAINDER), 1)
    result = work.run()
    assert void(stage) == REMAINDER
    assert abs(result.gas - plan.gas) < plan.gas / 10
    assert result.fee <= plan.most
    counts = result.ledger.counts()
    assert (counts.applied, counts.void, counts.open, counts.to_void) == (500, 1000, 0, 0)


def test_a_full_transaction_fits_every_chain(stage: NodeStage) -> None:
    """With the margin that is signed on top of the estimate."""
    size = 256 * voiding.WORDS_AT_ONCE
    plan = Voiding(reported(size), for_voiding(stage.writer(KEY)), stored(size)).plan()
    assert plan.transactions == 1
    assert plan.gas < voiding.WORDS_AT_ONCE * GAS_OF_A_WORD
    assert plan.gas * 5 // 4 < LEAST_LIMIT


@pytest.mark.parametrize("moment", ["prepare_void", "send_raw", "wait"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_ended_between_transactions(stage: NodeStage, monkeypatch: pytest.MonkeyPatch, *, moment: str, when: str) -> None:
    """In the second of three transactions: run again, three were mined in all."""
    monkeypatch.setattr(voiding, "WORDS_AT_ONCE", 2)
    kept = reported()
    writer = stage.writer(KEY)
    sent = int(stage.request("eth_getTransactionCount", address(KEY), "latest"), 16)
    whole = getattr(writer, moment)
    calls = 0

    def end(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2 and when == "before":
            _end()
        done: object = whole(*arguments)
        if calls == 2:
            _end()
        return done

    monkeypatch.setattr(writer, moment, end)
    with pytest.raises(KeyboardInterrupt):
        Voiding(kept, for_voiding(writer), stored()).run()
    result = Voiding(kept, for_voiding(stage.writer(KEY)), stored()).run()
    assert void(stage) == REMAINDER
    assert int(stage.request("eth_getTransactionCount", address(KEY), "latest"), 16) == sent + 3
    assert (result.ledger.counts().to_void, result.ledger.pending) == (0, None)


def test_a_reorganisation_takes_it_back(stage: NodeStage) -> None:
    """The next run finds out and withdraws again what is not withdrawn any more."""
    kept = reported()
    Voiding(kept, for_voiding(stage.writer(KEY)), stored()).run()
    stage.reorganise(1)
    assert void(stage) == set()
    result = Voiding(kept, for_voiding(stage.writer(KEY)), stored()).run()
    assert void(stage) == REMAINDER
    assert result.ledger.counts().to_void == 0


def test_a_batch_that_is_not_anchored_costs_nothing(stage: NodeStage) -> None:
    """The contract refuses, and says why, before anything is sent."""
    kept = reported()
    other = replace(stored(), seal=seal_of("nothing"))
    with pytest.raises(TransactionRefused, match="BatchNotAnchored"):
        Voiding(kept, for_voiding(stage.writer(KEY)), other).plan()


def _end() -> NoReturn:
    raise KeyboardInterrupt
