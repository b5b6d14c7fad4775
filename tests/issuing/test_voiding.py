"""The remainder is withdrawn once and paid once, whatever ends the program in between."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

import pytest

from registry.errors import ChainUnavailable, InputError, StoreUnavailable, TransactionRefused
from registry.issuing import voiding
from registry.issuing.batches import State, StoredBatch
from registry.issuing.ranks import Ranks
from registry.issuing.reconciliation import Kind, Overrun
from registry.issuing.voiding import Voiding
from tests.issuing.book import BATCH, SEAL, Book
from tests.issuing.ledger import known_key
from tests.issuing.samples import KEY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.checking.trust import KeyFacts
    from registry.issuing.reconciliation import Draft, Ledger

SIZE = 2000
"""Eight words."""
WORDS_AT_ONCE = 3


class Killed(BaseException):
    """The process ended here."""


@dataclass(frozen=True)
class Transaction:
    """A transaction, prepared, priced or mined."""

    raw: bytes
    tx_hash: bytes
    gas: int = 100
    gas_used: int = 100
    max_fee: int = 300
    fee: int = 200
    most: int = 300
    block: int = 9


class Chain:
    """A chain in memory whose transactions are mined as soon as they are sent, unless a fault is planted."""

    def __init__(self) -> None:
        self.bits: dict[int, int] = {}
        self.paid: list[bytes] = []
        self.known: dict[bytes, Sequence[tuple[int, int]]] = {}
        self.lost = 0
        """So many next transactions lose their nonce to others."""
        self.silent_when_sent = False
        self.manufacturer = 7

    def key(self) -> KeyFacts:
        return known_key(manufacturer=self.manufacturer)

    def void_words(self, seal: bytes, count: int) -> list[tuple[int, int]]:
        assert seal == SEAL
        return [(word, mask) for word, mask in sorted(self.bits.items()) if mask and word < count]

    def estimate_void(self, seal: bytes, words: Sequence[tuple[int, int]]) -> Transaction:
        assert seal == SEAL
        return Transaction(b"", b"", gas=10 * len(words), fee=20 * len(words), most=30 * len(words))

    def prepare_void(self, seal: bytes, words: Sequence[tuple[int, int]]) -> Transaction:
        assert seal == SEAL
        assert len(words) <= WORDS_AT_ONCE
        raw = repr((len(self.paid), self.lost, words)).encode()
        self.known[raw] = words
        return Transaction(raw, hashlib.sha256(raw).digest())

    def send_raw(self, raw: bytes) -> None:
        if self.lost:
            self.lost -= 1
            raise TransactionRefused("the nonce is used", error="NonceUsed")
        if raw not in self.paid:
            self.paid.append(raw)
            for word, mask in self.known[raw]:
                self.bits[word] = self.bits.get(word, 0) | mask
        if self.silent_when_sent:
            raise ChainUnavailable("no answer")

    def wait(self, tx_hash: bytes) -> Transaction:
        (raw,) = (one for one in self.paid if hashlib.sha256(one).digest() == tx_hash)
        return Transaction(raw, tx_hash)

    def void(self) -> set[int]:
        """Return the units that are withdrawn."""
        return set(Ranks.of_words(SIZE, self.bits.items()))


@pytest.fixture(autouse=True)
def _small_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voiding, "WORDS_AT_ONCE", WORDS_AT_ONCE)


@pytest.fixture
def chain() -> Chain:
    return Chain()


@pytest.fixture
def book() -> Book:
    """A batch of which every tenth unit was applied."""
    book = Book(SIZE)
    book.print(0, SIZE)
    book.applied(*range(0, SIZE, 10))
    book.spoiled(1, 2, 3)
    return book


@pytest.fixture
def batch() -> StoredBatch:
    """The batch as stored."""
    return StoredBatch(
        BATCH, 7, "run", "0" * 64, KEY, SEAL, bytes(32), SIZE, b"{}", bytes(32), State.FINAL, 1, None, None, None, None
    )  # fmt: skip


REMAINDER = set(range(SIZE)) - set(range(0, SIZE, 10))


def test_the_remainder_is_withdrawn(book: Book, chain: Chain, batch: StoredBatch) -> None:
    """What is not applied, spoiled labels included, in as many transactions as it takes; again, nothing is left."""
    plan = Voiding(book, chain, batch).plan()
    assert (plan.units, plan.transactions, plan.gas, plan.fee, plan.most) == (1800, 3, 80, 160, 240)
    assert not chain.paid
    told: list[int] = []
    result = Voiding(book, chain, batch).run(told.append)
    assert chain.void() == REMAINDER
    assert (result.units, result.gas, result.fee, len(result.transactions)) == (1800, 300, 600, 3)
    assert told[-1] == 1800
    counts = result.ledger.counts()
    assert (counts.applied, counts.spoiled, counts.void, counts.open, counts.to_void) == (200, 3, 1797, 0, 0)
    again = Voiding(book, chain, batch)
    assert (again.plan().units, again.plan().transactions, again.plan().fee) == (0, 0, 0)
    assert again.run().transactions == ()
    assert len(chain.paid) == 3


def test_who_may(book: Book, chain: Chain, batch: StoredBatch) -> None:
    """A key of another manufacturer is refused in our words, before anything is asked."""
    chain.manufacturer = 8
    with pytest.raises(InputError, match="the key is of manufacturer 8, and the batch of manufacturer 7"):
        Voiding(book, chain, batch)


def test_not_before_over_runs_are_explained(book: Book, chain: Chain, batch: StoredBatch) -> None:
    """A unit of which two reports say different things must not be withdrawn by accident."""
    book.applied(1, name="other.csv")
    for act in (Voiding(book, chain, batch).plan, Voiding(book, chain, batch).run):
        with pytest.raises(InputError, match="1 over-runs are open"):
            act()
    book.explain(Overrun.SPOILED_BEFORE, stands=Kind.APPLIED)
    Voiding(book, chain, batch).run()
    assert chain.void() == REMAINDER - {1}


def test_not_a_batch_of_which_nothing_was_reported(chain: Chain, batch: StoredBatch) -> None:
    """Before the line's files are in, all units would be withdrawn."""
    empty = Book(SIZE)
    for act in (Voiding(empty, chain, batch).plan, Voiding(empty, chain, batch).run):
        with pytest.raises(InputError, match="no label is reported as applied"):
            act()


def test_what_is_withdrawn_already_is_not_paid_for(book: Book, chain: Chain, batch: StoredBatch) -> None:
    """Whoever withdrew it; it goes on record, and an applied unit among it is an over-run."""
    chain.bits = dict(Ranks.of(SIZE, {*range(256, 1024), 10} - {*range(260, 1024, 10)}).words())
    plan = Voiding(book, chain, batch).plan()
    assert plan.transactions == 2
    result = Voiding(book, chain, batch).run()
    assert len(chain.paid) == 2
    assert book.found() == [("applied_before", 10, 0)]
    assert result.ledger.counts().applied == 199
    assert result.ledger.counts().to_void == 0


def test_what_was_annulled_is_said(book: Book, chain: Chain, batch: StoredBatch) -> None:
    """Somebody found units that had been withdrawn, and perhaps has not reported them as applied yet."""
    Voiding(book, chain, batch).run()
    chain.bits[0] &= ~(1 << 11 | 1 << 12)
    plan = Voiding(book, chain, batch).plan()
    assert (plan.units, plan.annulled) == (2, 2)
    book.applied(11, 12, name="late.csv")
    book.explain(Overrun.VOID_BEFORE)
    assert Voiding(book, chain, batch).plan().units == 0
    ledger = Voiding(book, chain, batch).run().ledger
    assert (ledger.counts().applied, ledger.counts().void) == (202, 1795)
    assert ledger.entries[-1].kind is Kind.ANNULLED


def test_a_lost_answer_is_waited_for(book: Book, chain: Chain, batch: StoredBatch) -> None:
    """A transaction may have arrived although nobody said so."""
    chain.silent_when_sent = True
    Voiding(book, chain, batch).run()
    assert len(chain.paid) == 3


def test_a_nonce_lost_to_another_transaction(book: Book, chain: Chain, batch: StoredBatch) -> None:
    """Another transaction is made; after several losses the person is told."""
    chain.lost = 2
    Voiding(book, chain, batch).run()
    assert len(chain.paid) == 3
    assert [one.kind for one in book.ledger.entries].count(Kind.LAPSED) == 2


def test_somebody_else_sends_all_the_time(book: Book, chain: Chain, batch: StoredBatch) -> None:
    """It ends."""
    chain.lost = 100
    with pytest.raises(TransactionRefused, match="3 transactions were lost"):
        Voiding(book, chain, batch).run()
    assert chain.paid == []


def test_a_refusal_is_told(book: Book, chain: Chain, batch: StoredBatch, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is on record that the transaction came to nothing; the next run makes another one."""

    def refuse(_: bytes) -> NoReturn:
        raise TransactionRefused("the account has no coins")

    with monkeypatch.context() as planted:
        planted.setattr(chain, "send_raw", refuse)
        with pytest.raises(TransactionRefused, match="no coins"):
            Voiding(book, chain, batch).run()
    assert book.ledger.entries[-1].reason == "the account has no coins"
    assert book.ledger.pending is None
    Voiding(book, chain, batch).run()
    assert chain.void() == REMAINDER


MOMENTS = [
    (owner, name, place, when)
    for owner, name in (("chain", "prepare_void"), ("book", "append"), ("chain", "send_raw"), ("chain", "wait"))
    for place in range(6 if name == "append" else 3)
    for when in ("before", "after")
]


@pytest.mark.parametrize(("owner", "name", "place", "when"), MOMENTS)
def test_killed_and_run_again(
    book: Book,
    chain: Chain,
    batch: StoredBatch,
    monkeypatch: pytest.MonkeyPatch,
    *,
    owner: str,
    name: str,
    place: int,
    when: str,
) -> None:
    """At every call, before and after it took effect: three transactions are paid for, and the ledger is right."""
    target = {"chain": chain, "book": book}[owner]
    whole = getattr(target, name)
    calls = 0

    def kill(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == place + 1 and when == "before":
            raise Killed
        done: object = whole(*arguments)
        if calls == place + 1:
            raise Killed
        return done

    with monkeypatch.context() as planted:
        planted.setattr(target, name, kill)
        with pytest.raises(Killed):
            Voiding(book, chain, batch).run()
    plan = Voiding(book, chain, batch).plan()
    assert plan.units + plan.under_way + len(chain.void()) == len(REMAINDER)
    ledger: Ledger = Voiding(book, chain, batch).run().ledger
    assert chain.void() == REMAINDER
    assert len(chain.paid) == 3
    assert (ledger.counts().void, ledger.counts().to_void, ledger.pending) == (1797, 0, None)


def test_a_label_that_is_applied_while_its_withdrawal_is_under_way(
    book: Book, chain: Chain, batch: StoredBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line and the chain say different things of it, and somebody is told."""

    def kill(_: bytes) -> NoReturn:
        raise Killed

    with monkeypatch.context() as planted:
        planted.setattr(chain, "wait", kill)
        with pytest.raises(Killed):
            Voiding(book, chain, batch).run()
    book.applied(11, name="late.csv")
    assert book.found() == []
    ledger = Voiding(book, chain, batch).run().ledger
    assert [(one.what, one.rank) for one in ledger.listed()] == [(Overrun.APPLIED_BEFORE, 11)]
    assert ledger.counts().applied == 200


def test_what_is_on_record_is_told_before_it_is_sent(
    book: Book, chain: Chain, batch: StoredBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that cannot be written sends nothing."""

    def fail(_ledger: Ledger, draft: Draft) -> NoReturn:
        assert draft.kind is Kind.SUBMITTED
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(book, "append", fail)
    with pytest.raises(StoreUnavailable, match="the disk is full"):
        Voiding(book, chain, batch).run()
    assert chain.paid == []
