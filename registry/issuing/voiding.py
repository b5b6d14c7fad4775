"""Withdraws what is left of a batch's labels as void: never twice, whatever happens in between.

A transaction is put on record before it is sent, and so is its end. Whoever comes after a crash first follows the transaction
that is on record, then asks the chain which units are withdrawn, and sends only for the others. What the chain says goes on
record too, also when it differs from what we did: somebody may have withdrawn units, or annulled it, with other commands.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from registry.errors import ChainUnavailable, InputError, TransactionRefused
from registry.issuing.ranks import WORD_UNITS, Ranks
from registry.issuing.reconciliation import Draft, Kind, Overrun, overruns_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.issuing.batches import StoredBatch
    from registry.issuing.reconciliation import Entry, Ledger
    from registry.issuing.registration import AnchorKey, Prepared

    Words = Sequence[tuple[int, int]]

WORDS_AT_ONCE: Final = 200
"""Words of 256 units in one transaction: some 7 million gas, within what every chain lets one transaction take."""
ATTEMPTS: Final = 3
CHAIN: Final = "the chain"
LONGEST_REASON: Final = 500


class Cost(Protocol):
    """What a transaction would cost."""

    @property
    def gas(self) -> int:
        """Units of gas."""

    @property
    def fee(self) -> int:
        """Wei, at today's price."""

    @property
    def most(self) -> int:
        """Wei, at the highest price that we would sign."""


class Mined(Protocol):
    """A transaction that was mined."""

    @property
    def block(self) -> int:
        """The block's number."""

    @property
    def gas_used(self) -> int:
        """Units of gas."""

    @property
    def fee(self) -> int:
        """Wei."""


class Chain(Protocol):
    """What voiding asks of the chain and tells it; `registry.chain.writer.ChainWriter` is one."""

    def key(self) -> AnchorKey:
        """Return what the contract knows of our key."""

    def void_words(self, seal: bytes, count: int) -> Words:
        """Return those of the first `count` words of our batch's bitmap of void units that are not empty now."""

    def estimate_void(self, seal: bytes, words: Words) -> Cost:
        """Return what it would cost to withdraw units as void."""

    def prepare_void(self, seal: bytes, words: Words) -> Prepared:
        """Return a signed transaction that does. Raises `TransactionRefused` if it would fail or cost too much."""

    def send_raw(self, raw: bytes) -> None:
        """Hand a signed transaction to the chain; one that it knows already is no error."""

    def wait(self, tx_hash: bytes) -> Mined:
        """Wait until a transaction is mined."""


class Book(Protocol):
    """Where a ledger is kept; `registry.storage.ledger.Ledgers` keeps them."""

    def read(self, batch: StoredBatch) -> Ledger:
        """Return a batch's ledger."""

    def append(self, ledger: Ledger, draft: Draft) -> Ledger:
        """Put an entry on record that survives a power cut, and return the ledger with it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is left to withdraw, and what it would cost."""

    units: int
    annulled: int
    """How many of them were withdrawn before, which was annulled as a mistake."""
    under_way: int
    """Units of a transaction of an earlier run, whose end is not on record yet."""
    transactions: int
    gas: int
    fee: int
    """Wei, at today's price."""
    most: int
    """Wei, at the highest price that we would sign."""


@dataclass(frozen=True, slots=True)
class Result:
    """What was done."""

    ledger: Ledger
    units: int
    """Withdrawn in this run."""
    transactions: tuple[str, ...]
    gas: int
    fee: int


class Voiding:
    """Withdraws the remainder of one batch."""

    def __init__(self, book: Book, chain: Chain, batch: StoredBatch) -> None:
        """Work on a batch with a key of its manufacturer. Raises `InputError` if the key is somebody else's."""
        self._book = book
        self._chain = chain
        self._batch = batch
        key = chain.key()
        self._key = key.address
        self._mined: list[tuple[str, Mined]] = []
        self._units = 0
        if key.manufacturer != batch.manufacturer:
            raise InputError(
                f"the key is of manufacturer {key.manufacturer}, and the batch of manufacturer {batch.manufacturer}",
                hint="only a key of the batch's own manufacturer can withdraw its units",
            )

    def plan(self) -> Plan:
        """Return what is left to do: nothing is sent or put on record.

        Raises `InputError` while over-runs are open, or if no label was reported as applied.
        """
        ledger = self._ready()
        under_way = Ranks.unpack(ledger.size, ledger.pending.marks) if ledger.pending else Ranks(ledger.size)
        on_chain = self._on_chain()
        left = ledger.everything() - ledger.applied - on_chain - under_way
        groups = _groups(left)
        # A full group costs what another full one does: the first and the last tell the cost of all.
        ends = groups[:1] + groups[-1:]
        costs = [self._chain.estimate_void(self._batch.seal, group) for group in ends]
        each = costs[:1] * (len(groups) - 1) + costs[-1:]
        return Plan(
            units=len(left),
            annulled=len(left & (ledger.annulled | (ledger.withdrawn - on_chain))),
            under_way=len(under_way - on_chain),
            transactions=len(groups),
            gas=sum(cost.gas for cost in each),
            fee=sum(cost.fee for cost in each),
            most=sum(cost.most for cost in each),
        )

    def run(self, progress: Callable[[int], None] = lambda _: None) -> Result:
        """Withdraw the remainder; `progress` is told how many units were withdrawn.

        Killed at any moment, the next run goes on. Raises as `plan` does, and what the chain raises.
        """
        ledger = self._ready()
        if ledger.pending is not None:
            ledger = self._finish(ledger, ledger.pending)
        ledger = self.compare(ledger)
        groups = _groups(ledger.remainder())
        lost = 0
        while groups:
            done = len(self._mined)
            ledger = self._withdraw(ledger, groups.pop(0))
            progress(self._units)
            if len(self._mined) > done:
                lost = 0
                continue
            lost += 1
            if lost >= ATTEMPTS:
                raise TransactionRefused(
                    f"{ATTEMPTS} transactions were lost to others of the same account, expected one to be mined",
                    hint="see what else sends transactions from this account, then run again",
                )
            ledger = self.compare(ledger)
            groups = _groups(ledger.remainder())
        return Result(
            ledger,
            self._units,
            tuple(name for name, _ in self._mined),
            sum(mined.gas_used for _, mined in self._mined),
            sum(mined.fee for _, mined in self._mined),
        )

    def compare(self, ledger: Ledger) -> Ledger:
        """Put on record where the chain says something else than the ledger."""
        on_chain = self._on_chain()
        if len(more := on_chain - ledger.withdrawn):
            ledger = self._voided(ledger, more, {})
        if len(fewer := ledger.withdrawn - on_chain):
            ledger = self._book.append(ledger, Draft(Kind.ANNULLED, self._key, fewer, name=CHAIN))
        return ledger

    # ----------------------------------------------------------------------------------------------------------- within

    def _ready(self) -> Ledger:
        ledger = self._book.read(self._batch)
        if overruns := ledger.overruns():
            raise InputError(
                f"{overruns.total()} over-runs are open, expected none",
                hint="explain them first: a unit of which two reports say different things must not be withdrawn by accident",
            )
        if not len(ledger.applied):
            raise InputError(
                "no label is reported as applied: every unit would be withdrawn",
                hint="`touchstone reconcile applied` takes the line's file; `touchstone withdraw batch` is for a whole batch",
            )
        return ledger

    def _on_chain(self) -> Ranks:
        words = self._chain.void_words(self._batch.seal, -(-self._batch.unit_count // WORD_UNITS))
        return Ranks.of_words(self._batch.unit_count, words)

    def _withdraw(self, ledger: Ledger, group: Words) -> Ledger:
        prepared = self._chain.prepare_void(self._batch.seal, group)
        document = {"transaction": f"0x{prepared.tx_hash.hex()}", "raw": prepared.raw.hex()}
        draft = Draft(Kind.SUBMITTED, self._key, Ranks.of_words(ledger.size, group), document=document)
        ledger = self._book.append(ledger, draft)
        return self._finish(ledger, ledger.entries[-1], fresh=True)

    def _finish(self, ledger: Ledger, sent: Entry, *, fresh: bool = False) -> Ledger:
        """Send a transaction that is on record, and put on record how it ended."""
        facts = sent.facts()
        name, raw = facts["transaction"], bytes.fromhex(facts["raw"])
        marks = Ranks.unpack(ledger.size, sent.marks)
        try:
            # Without an answer it may have arrived all the same: whoever waits finds out.
            with suppress(ChainUnavailable):
                self._chain.send_raw(raw)
            mined = self._chain.wait(bytes.fromhex(name.removeprefix("0x")))
        except TransactionRefused as error:
            document = {"transaction": name}
            ledger = self._book.append(
                ledger, Draft(Kind.LAPSED, self._key, marks, reason=error.message[:LONGEST_REASON], document=document)
            )
            # One of an earlier run may be too old by now, which costs nothing; so may one that lost its place to another.
            if fresh and error.error != "NonceUsed":
                raise
            return ledger
        self._mined.append((name, mined))
        self._units += len(marks)
        document = {"transaction": name, "block": str(mined.block), "gas": str(mined.gas_used), "fee": str(mined.fee)}
        return self._voided(ledger, marks, document)

    def _voided(self, ledger: Ledger, marks: Ranks, document: Mapping[str, str]) -> Ledger:
        """Put on record that units are withdrawn; one that the line reported as applied by then is an over-run."""
        overruns = overruns_for(Overrun.APPLIED_BEFORE, marks & ledger.applied)
        draft = Draft(Kind.VOIDED, self._key, marks, name=CHAIN, overruns=overruns, document=document)
        return self._book.append(ledger, draft)


def _groups(ranks: Ranks) -> list[list[tuple[int, int]]]:
    """Return the words of each transaction."""
    words = ranks.words()
    return [words[start : start + WORDS_AT_ONCE] for start in range(0, len(words), WORDS_AT_ONCE)]
