"""Brings registrations to their end that nobody waits for: sends again what is on record, and notes what is final.

No key is needed. A batch that a reorganisation took from the chain goes back to `submitted`, and its transaction, which was
signed and stored before it was first sent, is sent again. Whatever is sent, and however often, counts once. Only a transaction
whose place another one took needs the key: then the registration has to be run again.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from registry.errors import ChainError, ChainUnavailable, TouchstoneError, TransactionRefused
from registry.issuing.batches import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from registry.checking.trust import Anchor, BatchFacts
    from registry.issuing.batches import StoredBatch

_log = logging.getLogger(__name__)
NOBODY: Final = "0x0000000000000000000000000000000000000000"
WAITED_FOR: Final = (State.SUBMITTED, State.ANCHORED)


class Chain(Protocol):
    """What is asked (`registry.chain.reader.ChainReader`). Raises `ChainError`."""

    def batch(self, manufacturer: int, seal: bytes, signer: str) -> BatchFacts:
        """Return what the chain says of a seal."""


class Sends(Protocol):
    """Hands on what is signed (`registry.chain.broadcasting.Broadcast`)."""

    def send(self, raw: bytes, what: str = ...) -> bytes:
        """Hand a signed transaction to the chain. Raises `TransactionRefused` or `ChainUnavailable`."""


class Store(Protocol):
    """Where batches are (`registry.storage.store.Store`). Raises `StoreError`."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the store: a registration at work keeps it."""

    def batches(self, manufacturer: int | None = None, state: State | None = None) -> tuple[StoredBatch, ...]:
        """Return the batches of a state."""

    def mark_submitted(self, batch_id: int, raw_transaction: bytes, transaction_hash: bytes) -> None:
        """Keep the transaction that is about to be sent."""

    def mark_anchored(self, batch_id: int, block: int, time: int) -> None:
        """Note that the seal is on the chain."""

    def mark_final(self, batch_id: int) -> None:
        """Note that the anchor is final."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a look at the store led to, by seal."""

    final: tuple[bytes, ...] = ()
    """Batches whose anchor is final now."""
    anchored: tuple[bytes, ...] = ()
    """Those that were found on the chain, and are not final yet."""
    sent: tuple[bytes, ...] = ()
    """Those that are not on the chain, and whose transaction was sent again."""
    lost: tuple[tuple[bytes, str], ...] = ()
    """Those whose transaction can be mined no longer, with the reason: their registration has to be run again, with the key."""
    waiting: tuple[tuple[bytes, str], ...] = ()
    """Those that could not be asked about or sent now, each with the reason."""


class Settler:
    """Looks at batches that were submitted and are not final."""

    def __init__(self, store: Store, chain: Chain, broadcast: Sends) -> None:
        self._store = store
        self._chain = chain
        self._broadcast = broadcast

    def once(self) -> Round:
        """Look at each such batch. Raises `StoreUnavailable` if a registration holds the store, or it cannot be asked."""
        found: dict[str, list[bytes]] = {"final": [], "anchored": [], "sent": []}
        lost: list[tuple[bytes, str]] = []
        waiting: list[tuple[bytes, str]] = []
        with self._store.exclusive():
            for batch in (one for state in WAITED_FOR for one in self._store.batches(state=state)):
                try:
                    if what := self._settle(batch):
                        found[what].append(batch.seal)
                except TransactionRefused as error:
                    (lost if error.error != "FeeTooLow" else waiting).append((batch.seal, error.message))
                except ChainError as error:
                    waiting.append((batch.seal, error.message))
        return Round(**{name: tuple(seals) for name, seals in found.items()}, lost=tuple(lost), waiting=tuple(waiting))

    def run(
        self, *, every: float, sleep: Callable[[float], object] = time.sleep, until: Callable[[], bool] = lambda: False
    ) -> None:
        """Look again and again, every so many seconds, until told to stop."""
        said: set[tuple[bytes, str]] = set()
        while not until():
            try:
                found = self.once()
            except TouchstoneError as error:
                _log.info("not now: %s", error.message)
            else:
                for name, seals in (("final", found.final), ("on the chain", found.anchored), ("sent again", found.sent)):
                    for seal in seals:
                        _log.info("batch 0x%s is %s", seal.hex(), name)
                for seal, why in {*found.lost, *found.waiting} - said:
                    _log.warning("batch 0x%s waits: %s", seal.hex(), why)
                said = {*found.lost, *found.waiting}
            sleep(every)

    def _settle(self, batch: StoredBatch) -> str:
        """Bring one batch forward, and say what was done; nothing if there was nothing to do."""
        facts = self._chain.batch(batch.manufacturer, batch.seal, NOBODY)
        anchor = facts.anchor or facts.pending_anchor
        if anchor is None:
            return self._send(batch)
        is_news = not _is_known(batch, anchor)
        if is_news:
            self._store.mark_anchored(batch.id, anchor.block, anchor.time)
        if facts.anchor is not None:
            self._store.mark_final(batch.id)
            return "final"
        return "anchored" if is_news else ""

    def _send(self, batch: StoredBatch) -> str:
        raw, tx_hash = batch.raw_transaction, batch.transaction_hash
        if raw is None or tx_hash is None:
            raise ChainUnavailable("the seal is not on the chain, and no transaction is on record: run the registration again")
        if batch.state is State.ANCHORED:
            self._store.mark_submitted(batch.id, raw, tx_hash)
        self._broadcast.send(raw)
        return "sent"


def _is_known(batch: StoredBatch, anchor: Anchor) -> bool:
    return (batch.state, batch.anchored_block, batch.anchored_at) == (State.ANCHORED, anchor.block, anchor.time)
