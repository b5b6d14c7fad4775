"""The witness: replays the whole tree of each batch that it holds, and attests it on the chain, again and again, by itself.

What does not hold is named and never attested. What cannot be asked or replayed now is tried again at the next look. A batch
counts as attested by what the chain says, so that a witness that was killed after it sent a transaction pays for nothing twice.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from registry.errors import (
    ChainError,
    DocumentError,
    ProofError,
    StoreDamaged,
    StoreUnavailable,
    TouchstoneError,
    TransactionRefused,
    TreeMissing,
)
from registry.proofs import encoding, manifest, merkle

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.checking.trust import BatchFacts
    from registry.issuing.batches import StoredBatch
    from registry.storage.store import Store

_log = logging.getLogger(__name__)
NOBODY: Final = "0x0000000000000000000000000000000000000000"


class Chain(Protocol):
    """What a witness asks (`registry.chain.reader.ChainReader`). Raises `ChainError`."""

    def batch(self, manufacturer: int, seal: bytes, signer: str) -> BatchFacts:
        """Return what the chain says of a seal."""


class Attests(Protocol):
    """Attests (`registry.chain.writer.ChainWriter`). Both methods raise `ChainError` or `TransactionRefused`."""

    def attested_at(self, manufacturer: int, seal: bytes) -> int:
        """Return when (Unix seconds) our account attested a batch; 0 if it did not."""

    def attest(self, manufacturer: int, seal: bytes) -> object:
        """Attest a batch."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a look at the store led to."""

    attested: tuple[bytes, ...] = ()
    """Seals of batches that were replayed and attested now."""
    wrong: tuple[tuple[bytes, str], ...] = ()
    """Seals of batches whose tree does not hold, each with the reason. Somebody has to look at them."""
    waiting: tuple[tuple[bytes, str], ...] = ()
    """Those that could not be asked about or attested now, each with the reason."""


class Witness:
    """Attests with one account what a store holds."""

    def __init__(self, store: Store, chain: Chain, account: Attests) -> None:
        self._store = store
        self._chain = chain
        self._account = account
        self._done: set[bytes] = set()
        self._wrong: dict[bytes, str] = {}

    def once(self) -> Round:
        """Look at every batch that is not known to be attested. Raises `StoreUnavailable` if the store cannot be asked."""
        attested: list[bytes] = []
        wrong: list[tuple[bytes, str]] = []
        waiting: list[tuple[bytes, str]] = []
        for batch in self._store.batches():
            if batch.seal in self._done:
                continue
            try:
                if self._attest(batch):
                    attested.append(batch.seal)
            except (ChainError, TransactionRefused, TreeMissing, StoreUnavailable) as error:
                waiting.append((batch.seal, error.message))
            except (ProofError, DocumentError, StoreDamaged) as error:
                wrong.append((batch.seal, error.message))
        return Round(tuple(attested), tuple(wrong), tuple(waiting))

    def run(
        self, *, every: float, sleep: Callable[[float], object] = time.sleep, until: Callable[[], bool] = lambda: False
    ) -> None:
        """Look again and again, every so many seconds, until told to stop; what cannot be asked is waited for."""
        while not until():
            try:
                found = self.once()
            except TouchstoneError as error:
                _log.warning("the witness waits: %s", error.message)
            else:
                for seal in found.attested:
                    _log.info("batch 0x%s is replayed and attested", seal.hex())
                for seal, why in found.wrong:
                    if self._wrong.get(seal) != why:  # said once
                        _log.error("batch 0x%s does not hold, and is not attested: %s", seal.hex(), why)
                    self._wrong[seal] = why
                for seal, why in found.waiting:
                    _log.warning("batch 0x%s waits: %s", seal.hex(), why)
            sleep(every)

    def _attest(self, batch: StoredBatch) -> bool:
        """Attest a batch whose anchor is final, unless it is attested; says whether that was done now."""
        if self._chain.batch(batch.manufacturer, batch.seal, NOBODY).anchor is None:
            return False
        if not self._account.attested_at(batch.manufacturer, batch.seal):
            replay(self._store, batch)
            self._account.attest(batch.manufacturer, batch.seal)
            self._done.add(batch.seal)
            return True
        self._done.add(batch.seal)
        return False


def replay(store: Store, batch: StoredBatch) -> None:
    """Replay a batch's whole tree. Raises as `merkle.replay` does if anything of it does not hold, else as the store does."""
    opening = encoding.Opening(batch.root, batch.unit_count, manifest.manifest_hash(batch.manifest))
    units = (record.id for record, _, _ in store.labels(batch.id))
    merkle.replay(store.rows(batch.id), opening, batch.salt, units, seal=batch.seal, manifest_bytes=batch.manifest)
