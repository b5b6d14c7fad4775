"""The notary: a process with a key of its own that anchors and signs what the desk asks for.

The site writes hashes into the outbox, and can import nothing of this. Each hash is anchored once: before it is paid for, the
chain is asked whether it is there already, so that a notary that was killed after it sent a transaction goes on where it was.
What cannot be done now stays in the outbox with the reason.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from registry.chain.records import RecordKind
from registry.errors import ChainUnavailable, StampUnavailable, TouchstoneError, TransactionRefused
from registry.proofs import notarising
from registry.storage.outbox import Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry.chain.broadcasting import Receipt
    from registry.chain.records import Recorded
    from registry.storage.journal import Journal
    from registry.storage.outbox import Outbox, Task

_log = logging.getLogger(__name__)

A_DAY: Final = 86_400
JOURNAL: Final = "journal"


class Recorder(Protocol):
    """Puts hashes on record (`registry.chain.writer.ChainWriter`)."""

    def record_hash(self, kind: int, digest: bytes) -> Receipt:
        """Put a hash on record. Raises `TransactionRefused` or `ChainUnavailable`."""


class OnRecord(Protocol):
    """Says what is on record (`registry.chain.records.Records`)."""

    def find(self, digest: bytes) -> Recorded | None:
        """Return a hash as it is on record, or none. Raises `ChainUnavailable`."""


class DigestSigner(Protocol):
    """Signs digests (`registry.keys.KeystoreSigner`)."""

    @property
    def address(self) -> str:
        """The EIP-55 address."""

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the 64-byte EIP-2098 signature of a digest."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a look at the outbox led to."""

    anchored: int
    signed: int
    waiting: tuple[str, ...]
    """What could not be done now, each with the reason."""


class Notary:
    """Does what is in the outbox, with one key."""

    def __init__(
        self,
        registry_id: bytes,
        *,
        journal: Journal,
        outbox: Outbox,
        on_record: OnRecord,
        recorder: Recorder,
        signer: DigestSigner,
        stamp: Callable[[bytes], bytes] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take a key, and where to work; `stamp` asks a time-stamp authority about a hash (`registry.telling.time_stamps`)."""
        self._registry_id = registry_id
        self._journal = journal
        self._outbox = outbox
        self._on_record = on_record
        self._recorder = recorder
        self._signer = signer
        self._stamp = stamp
        self._clock = clock

    def once(self, *, head: bool = False) -> Round:
        """Do everything that is due: with `head` also anchor the journal as it is, which is otherwise done once a day.

        Raises `StoreUnavailable` or `StoreDamaged`: then nobody could be told what was done.
        """
        if head or self._is_due():
            self._ask_for_head()
        anchored = signed = 0
        waiting = []
        for task in self._outbox.due():
            result = dict(task.result or {})
            try:
                if task.kind is Work.SHEET:
                    result = self._sign(task)
                else:
                    result = result or self._anchor(task)
                    self._stamped(task, result)
            except (ChainUnavailable, TransactionRefused, StampUnavailable) as error:
                _log.warning("task %d of the notary, %s, waits: %s", task.id, task.subject, error)
                self._outbox.failed(task.id, error.message, result or None)
                waiting.append(f"{task.subject} waits: {error.message}")
                continue
            done = "notary.signed" if task.kind is Work.SHEET else "notary.anchored"
            with self._journal.transaction() as connection:
                self._journal.append_in(connection, done, None, task.subject, {"sha256": task.hash.hex()})
                self._outbox.done_in(connection, task.id, result)
            signed, anchored = signed + (task.kind is Work.SHEET), anchored + (task.kind is not Work.SHEET)
        return Round(anchored, signed, tuple(waiting))

    def run(
        self, *, every: float, sleep: Callable[[float], object] = time.sleep, until: Callable[[], bool] = lambda: False
    ) -> None:
        """Look into the outbox every so many seconds, until told to stop; a database that is away is waited for."""
        while not until():
            try:
                self.once()
            except TouchstoneError as error:
                _log.warning("the notary waits: %s", error)
            sleep(every)

    # ----------------------------------------------------------------------------------------------------------- within

    def _is_due(self) -> bool:
        """Say whether something was done since the journal was anchored, and that is a day ago."""
        asked = self._outbox.all(Work.JOURNAL)
        if asked and (asked[-1].done_at is None or self._clock() - asked[-1].asked_at < A_DAY):
            return False
        return self._journal.of_people_since(asked[-1].number or 0 if asked else 0) is not None

    def _ask_for_head(self) -> None:
        head = self._journal.head()
        if head.number:
            self._outbox.ask(Work.JOURNAL, head.hash, f"{JOURNAL} {head.number}", number=head.number)

    def _anchor(self, task: Task) -> dict[str, Any]:
        kind = RecordKind.JOURNAL_HEAD if task.kind is Work.JOURNAL else RecordKind.CLOSED_CASE
        there = self._on_record.find(task.hash)
        if there is not None:
            return {"inspector": there.inspector, "time": there.time, "transaction": None, "block": None}
        receipt = self._recorder.record_hash(int(kind), task.hash)
        return {
            "inspector": self._signer.address,
            "time": int(self._clock()),
            "transaction": f"0x{receipt.transaction_hash.hex()}",
            "block": receipt.block,
        }

    def _stamped(self, task: Task, result: dict[str, Any]) -> None:
        """Add an authority's time-stamp to what became of evidence, if there is one to ask."""
        if task.kind is Work.CASE and self._stamp is not None:
            result["timestamp"] = self._stamp(task.hash).hex()

    def _sign(self, task: Task) -> dict[str, Any]:
        signed_at = int(self._clock())
        value = self._signer.sign_digest(notarising.digest(self._registry_id, task.kind.value, task.hash, signed_at))
        return {"signer": self._signer.address, "signedAt": signed_at, "value": f"0x{value.hex()}"}
