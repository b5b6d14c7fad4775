"""What a registration needs and what it reports: its steps, and the small doors to chain, store and signer."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from registry.errors import Problem
    from registry.issuing.batches import Conflict, StoredBatch
    from registry.issuing.sealing import SealedBatch


class Step(enum.StrEnum):
    """The steps of a registration, in their order."""

    READ = "read"
    """Units file and products file are right."""
    CHECK = "check"
    """The key may anchor, and no unit is registered yet."""
    SEAL = "seal"
    """Every unit is signed, and the batch is sealed."""
    STORE = "store"
    """The sealed batch and its tree are stored."""
    PREPARE = "prepare"
    """A transaction is signed, its cost known, and the transaction stored."""
    SEND = "send"
    """The transaction was handed to the chain."""
    ANCHOR = "anchor"
    """The seal is on the chain."""
    FINAL = "final"
    """The anchor is as final as the operator asks for."""


class Outcome(enum.StrEnum):
    """What became of a step in this run."""

    BEGUN = "begun"
    DONE = "done"
    SKIPPED = "skipped"
    """An earlier run did it."""
    PENDING = "pending"
    """Not yet: run again later."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step of one run."""

    step: Step
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did, and where the batch is."""

    run: str
    manufacturer: int
    batch: StoredBatch
    steps: tuple[StepReport, ...]
    """Every step that was done, skipped or is pending, in order."""
    units_in_file: int
    units_generated: int
    """Of those in the file, the ones without a serial of their own."""
    units_signed: int
    """Signed in this run: all of the file or none."""
    units_stored: int
    """Of the batch; always the number in the file."""
    transactions_made: int
    """Signed in this run."""
    gas_used: int
    """By the transactions that this run saw mined; 0 if an earlier run did."""
    fee: int
    """Wei, of the same."""
    anchor: AnchoredSeal
    warnings: tuple[Problem, ...]


class AnchoredSeal(Protocol):
    """A seal's entry on the chain."""

    @property
    def key(self) -> str:
        """EIP-55 address of the key that anchored it."""

    @property
    def time(self) -> int:
        """Unix seconds of the block."""

    @property
    def block(self) -> int:
        """The block's number."""


class AnchorKey(Protocol):
    """What the contract knows of the key that is to anchor."""

    @property
    def address(self) -> str:
        """EIP-55 address."""

    @property
    def manufacturer(self) -> int:
        """The number of its manufacturer; 0 if it is nobody's."""

    @property
    def permissions(self) -> int:
        """Bit 0: may anchor."""

    @property
    def not_before(self) -> int:
        """When its window begins, Unix seconds."""

    @property
    def not_after(self) -> int:
        """When its window ends, Unix seconds."""

    @property
    def revoked_at(self) -> int:
        """When it was revoked, Unix seconds; 0 if it was not."""

    @property
    def compromised_since(self) -> int:
        """Since when it may have been in other hands, Unix seconds; 0 if that was never said."""

    def valid_at(self, time: int) -> bool:
        """Say whether it was in its window and not revoked at that time."""

    def compromised_at(self, time: int) -> bool:
        """Say whether it may have been in other hands at that time."""


class Prepared(Protocol):
    """A signed transaction that was not sent yet."""

    @property
    def raw(self) -> bytes:
        """The signed bytes."""

    @property
    def tx_hash(self) -> bytes:
        """Its hash."""

    @property
    def gas(self) -> int:
        """The most gas that it may use."""

    @property
    def max_fee(self) -> int:
        """The most that it may cost, in wei."""


class Estimated(Protocol):
    """What a transaction would cost."""

    @property
    def gas(self) -> int:
        """Units of gas."""

    @property
    def fee(self) -> int:
        """Wei, at today's price."""


class Mined(Protocol):
    """What a mined transaction did cost."""

    @property
    def gas_used(self) -> int:
        """Units of gas."""

    @property
    def fee(self) -> int:
        """Wei."""


class AnchorWriter(Protocol):
    """What a registration asks of the chain and tells it; `registry.chain.writer.ChainWriter` is one.

    Every method raises `ChainUnavailable` or `WrongChain`, and never guesses.
    """

    def key(self) -> AnchorKey:
        """Return what the contract knows of our key, at `latest`."""

    def time(self) -> int:
        """Return the time of the newest block, Unix seconds: the contract goes by that clock, and not by this machine's."""

    def anchored(self, seal: bytes) -> AnchoredSeal | None:
        """Return our manufacturer's anchor of a seal as of `latest`, asked now, or none."""

    def final(self, seal: bytes) -> AnchoredSeal | None:
        """Return our manufacturer's anchor of a seal at the configured finality, asked now, or none."""

    def estimate_anchor(self) -> Estimated:
        """Return what an anchor would cost now. Raises `TransactionRefused` if the contract would refuse any of ours."""

    def prepare_anchor(self, seal: bytes) -> Prepared:
        """Return a signed transaction that anchors a seal. Raises `TransactionRefused` if it would fail or cost too much."""

    def send_raw(self, raw: bytes) -> None:
        """Hand a signed transaction to the chain; one that it knows already is no error.

        Raises `TransactionRefused`, with `error` `NonceUsed` if another transaction of the account took its place, and
        `FeeTooLow` if fees rose since it was signed.
        """

    def wait(self, tx_hash: bytes, *, progress: Callable[[int], None], replacing: Callable[[Prepared], object]) -> Mined:
        """Wait until a transaction is mined and confirmed; `progress` is told of each confirmation.

        One that has become too cheap may be replaced; `replacing` puts what takes its place on record before it is sent. Raises
        `TransactionRefused` if it failed or can no longer be mined.
        """


class BatchStore(Protocol):
    """What a registration asks of the store; `registry.storage.store.Store` is one."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the store for one registration."""

    def sending(self, key: str) -> AbstractContextManager[None]:
        """Let one after another send with a key, on whichever machine: each finds the nonce that the one before left."""

    def workroom(self) -> AbstractContextManager[Path]:
        """Give an empty folder on the disk of the tree files; only whoever holds the store may have it."""

    def batch_by_run(self, manufacturer: int, run: str) -> StoredBatch | None:
        """Return the batch of a run, or none."""

    def batch_by_id(self, batch_id: int) -> StoredBatch | None:
        """Return a batch, or none."""

    def batch(self, seal: bytes) -> StoredBatch | None:
        """Return the batch of a seal, or none."""

    def conflicts(self, gtin: str, serials: Sequence[str]) -> list[Conflict]:
        """Return every registered unit in the way of units with these serials."""

    def count_units(self, batch_id: int) -> int:
        """Return how many units of a batch are stored."""

    def add_batch(
        self, sealed: SealedBatch, *, manufacturer: int, run: str, key: str, progress: Callable[[int], None] | None = None
    ) -> int:
        """Store a batch with all its units, or nothing; `progress` is told of the units stored so far."""

    def keep_picture(self, raw: bytes) -> str:
        """Keep a picture of a product, and return its sha256."""

    def mark_submitted(self, batch_id: int, raw_transaction: bytes, transaction_hash: bytes) -> None:
        """Keep the transaction that is about to be sent."""

    def mark_anchored(self, batch_id: int, block: int, time: int, transaction_hash: bytes | None = None) -> None:
        """Note the anchor."""

    def mark_final(self, batch_id: int) -> None:
        """Note that the anchor is final."""
