"""Registers a batch: file, signatures, seal, store, anchor. It may be killed at any moment and run again.

What makes that safe, in the order of the steps:

1. Nothing is signed before the whole file is right and every unit is new.
2. All is made in a workroom of the store, which the next run sweeps if this one is killed. The sealed batch is stored, with its
   tree, before anything is paid for. The run's name finds it again: a second run of the same file continues with the same
   signatures, the same salt and the same seal.
3. The chain is asked before it is told: a seal that is anchored is never anchored again.
4. The signed transaction is stored before it is sent. A second run sends the same bytes again, which a chain takes once. A new
   transaction is made only if that one can no longer be taken, because its place went to another one.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from registry.errors import (
    AlreadyRegistered,
    DocumentError,
    InputError,
    SealError,
    StoreDamaged,
    StoreUnavailable,
    TransactionRefused,
)
from registry.issuing.batches import State
from registry.issuing.intake import read_units
from registry.issuing.registration import Outcome, Report, Step, StepReport
from registry.issuing.sealing import seal_batch
from registry.issuing.stages import Stage, untold
from registry.proofs import manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

    from registry.issuing.batches import Conflict, StoredBatch
    from registry.issuing.intake import Intake, Products
    from registry.issuing.registration import AnchoredSeal, AnchorKey, AnchorWriter, BatchStore, Mined, Prepared
    from registry.issuing.sealing import SealedBatch, UnitSigner
    from registry.issuing.stages import Progress

__all__ = ["Outcome", "Registration", "Report", "Step", "StepReport"]

MAX_RUN: Final = 100
ATTEMPTS: Final = 3
"""Transactions made in one run. More than one is needed only if another program uses the same account at the same time."""
MAY_ANCHOR: Final = 1
"""The permission bit of the contract."""
POLL_SECONDS: Final = 2.0
ASKED_AT_ONCE: Final = 2**16
"""Units that the store is asked about at once: it asks faster the more it can put in order."""
MAX_CONFLICTS: Final = 10_000
"""Units that are registered already: the rest is counted, not listed."""


class Registration:
    """Registers batches of one key. One object serves one run at a time."""

    def __init__(
        self,
        store: BatchStore,
        chain: AnchorWriter,
        signer: UnitSigner,
        registry_id: bytes,
        *,
        on_step: Callable[[StepReport], None] = lambda _: None,
        on_progress: Progress = untold,
        on_confirmation: Callable[[int], None] = lambda _: None,
        confirm: Callable[[Prepared], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        workers: int | None = None,
    ) -> None:
        """Put the parts together.

        `on_step` is told of each step when it begins and when it is done, skipped or pending; `on_progress` of every stage
        that takes its time, `on_confirmation` of the blocks that confirm the anchor. `confirm` sees the cost before anything
        is sent and raises to stop: the batch stays sealed. `workers` is the number of processes that sign, by default one for
        each core.
        """
        self._store = store
        self._chain = chain
        self._signer = signer
        self._registry_id = registry_id
        self._on_step = on_step
        self._on_progress = on_progress
        self._on_confirmation = on_confirmation
        self._confirm = confirm
        self._clock = clock
        self._sleep = sleep
        self._workers = workers
        self._start()

    def check(self, units: BinaryIO, products: Products) -> Intake:
        """Do what comes before the first signature, and nothing else: a dry run.

        Raises `IntakeError` with the faults of the file, `AlreadyRegistered` with the units that are registered, `InputError`
        if the key may not anchor, `TransactionRefused` if the contract would refuse an anchor, and `StoreUnavailable` if
        another registration is at work or the disk is full.
        """
        self._start()
        with self._store.exclusive(), self._store.workroom() as folder:
            intake = self._read(units, products, folder)
            self._check(intake, self._chain.key(), None)
        return intake

    def run(
        self,
        units: BinaryIO,
        products: Products,
        *,
        run: str | None = None,
        supersedes: bytes | None = None,
        final_seconds: float = 0.0,
    ) -> Report:
        """Register a file, or continue where an earlier run of the same name stopped.

        `run` is by default the fingerprint of the files, so that the same files are the same run. `supersedes` is the seal of a
        withdrawn batch that this one corrects. `final_seconds` is how long to wait for the anchor to be final.

        Raises what `check` raises; `AlreadyRegistered` also if the run's name belongs to other files; `TransactionRefused`,
        `ChainUnavailable` and `StoreUnavailable` at any step, after each of which the run can be run again.
        """
        self._start()
        if run is not None and not (0 < len(run) <= MAX_RUN and run.isprintable() and run.strip() == run):
            raise InputError(f"the run's name is {run!r:.120}, expected 1 to {MAX_RUN} printable characters")
        with self._store.exclusive():
            with self._store.workroom() as folder:
                intake = self._read(units, products, folder)
                self._keep_pictures(products)
                name = run or intake.fingerprint
                key = self._chain.key()
                batch = self._store.batch_by_run(key.manufacturer, name) if key.manufacturer else None
                signed = 0
                if batch is None:
                    self._check(intake, key, supersedes)
                    sealed = self._seal(intake, products, folder, supersedes)
                    batch = self._store_batch(sealed, key.manufacturer, name)
                    signed = len(intake)
                else:
                    self._recognise(batch, intake, supersedes)
            anchor = self._anchor(batch)
            self._finalise(batch, final_seconds)
        return Report(
            run=name,
            manufacturer=key.manufacturer,
            batch=self._stored(batch.id),
            steps=tuple(self._steps),
            units_in_file=len(intake),
            units_generated=intake.generated,
            units_signed=signed,
            units_stored=self._reconciled(batch, intake),
            transactions_made=self._transactions,
            gas_used=self._mined.gas_used if self._mined else 0,
            fee=self._mined.fee if self._mined else 0,
            anchor=anchor,
            warnings=intake.warnings,
        )

    def _keep_pictures(self, products: Products) -> None:
        """Keep the pictures that the manifest will name, for whoever publishes the batch."""
        for digest, path in products.pictures.items():
            try:
                kept = self._store.keep_picture(path.read_bytes())
            except (OSError, DocumentError) as error:
                raise InputError(f"the picture {path.name} cannot be read any more: {error}") from error
            if kept != digest:
                raise InputError(f"the picture {path.name} changed while the products file was read", hint="run again")

    def _start(self) -> None:
        """Forget an earlier run."""
        self._steps: list[StepReport] = []
        self._transactions = 0
        self._mined: Mined | None = None

    # -------------------------------------------------------------------------------------------------- up to the store

    def _read(self, units: BinaryIO, products: Products, folder: Path) -> Intake:
        self._say(Step.READ, Outcome.BEGUN)
        size = _size(units)

        def told(count: int, read: int) -> None:
            self._on_progress(Stage.READING, count, max(count, count * size // read))

        with _disk(folder):
            intake = read_units(units, products, folder, progress=told)
        self._on_progress(Stage.READING, len(intake), len(intake))
        self._say(Step.READ, Outcome.DONE, f"{len(intake)} units, {intake.generated} serials generated")
        return intake

    def _check(self, intake: Intake, key: AnchorKey, supersedes: bytes | None) -> None:
        self._say(Step.CHECK, Outcome.BEGUN)
        if not key.manufacturer:
            raise InputError(f"key {key.address} is nobody's, expected one of an accredited manufacturer")
        if not key.permissions & MAY_ANCHOR:
            raise InputError(f"key {key.address} may not anchor", hint="use a key that has the permission to anchor")
        if why := _why_not(key, self._chain.time()):
            raise InputError(f"key {key.address} {why}", hint="use another key")
        if supersedes is not None:
            old = self._store.batch(supersedes)
            if old is None or old.manufacturer != key.manufacturer:
                raise InputError(f"seal 0x{supersedes.hex()} is of no batch of this manufacturer that the store knows")
        self._refuse_registered(intake)
        # The contract may have reasons of its own, such as a suspension: they are better known before anything is signed.
        cost = self._chain.estimate_anchor()
        detail = f"no unit is registered yet; an anchor takes {cost.gas} gas, {cost.fee} wei at today's price"
        self._say(Step.CHECK, Outcome.DONE, f"key {key.address} of manufacturer {key.manufacturer}; {detail}")

    def _refuse_registered(self, intake: Intake) -> None:
        """See that no unit is registered. A serial that was generated is of no unit: it holds 80 random bits."""
        total = len(intake) - intake.generated
        asked = in_the_way = 0
        first: list[Conflict] = []
        for gtin, serials in intake.brought(ASKED_AT_ONCE):
            found = self._store.conflicts(gtin, serials)
            in_the_way += len(found)
            first += found[: MAX_CONFLICTS - len(first)]
            asked += len(serials)
            self._on_progress(Stage.CHECKING, asked, total)
        if in_the_way:
            listed = "" if in_the_way == len(first) else f"; {len(first)} of them are listed"
            by_unit = {conflict.unit: conflict for conflict in first}
            in_order = ((unit.line, by_unit[unit.record.id]) for unit in intake.units() if unit.record.id in by_unit)
            raise AlreadyRegistered(
                f"{in_the_way} of {len(intake)} units are registered already; nothing was signed{listed}",
                [f"line {line}: {conflict}" for line, conflict in in_order],
                hint="take these lines out of the file, or give the units new serials",
            )

    def _seal(self, intake: Intake, products: Products, folder: Path, supersedes: bytes | None) -> SealedBatch:
        self._say(Step.SEAL, Outcome.BEGUN, f"{len(intake)} units")
        with _disk(folder):
            sealed = seal_batch(
                intake,
                products,
                self._signer,
                self._registry_id,
                folder,
                supersedes=supersedes,
                progress=self._on_progress,
                workers=self._workers,
            )
        self._say(Step.SEAL, Outcome.DONE, f"{len(intake)} units signed, seal 0x{sealed.seal.hex()}")
        return sealed

    def _store_batch(self, sealed: SealedBatch, manufacturer: int, run: str) -> StoredBatch:
        self._say(Step.STORE, Outcome.BEGUN)
        total = sealed.opening.unit_count
        batch_id = self._store.add_batch(
            sealed,
            manufacturer=manufacturer,
            run=run,
            key=self._signer.address,
            progress=lambda done: self._on_progress(Stage.STORING, done, total),
        )
        self._say(Step.STORE, Outcome.DONE, f"batch {batch_id}")
        return self._stored(batch_id)

    def _recognise(self, batch: StoredBatch, intake: Intake, supersedes: bytes | None) -> None:
        """See that a stored batch is the one that this run would seal."""
        if batch.fingerprint != intake.fingerprint:
            raise AlreadyRegistered(
                f"run {batch.run!r} is batch {batch.id}, which was sealed from other files",
                [f"run {batch.run!r} is batch {batch.id}"],
                hint="give these files a run name of their own",
            )
        if manifest.read(batch.manifest).supersedes != supersedes:
            raise SealError(f"batch {batch.id} was sealed with another superseded batch than the one named now")
        self._reconciled(batch, intake)
        for step in (Step.CHECK, Step.SEAL, Step.STORE):
            self._say(step, Outcome.SKIPPED, f"batch {batch.id}, seal 0x{batch.seal.hex()}, is stored ({batch.state})")

    # -------------------------------------------------------------------------------------------------------- the chain

    def _anchor(self, batch: StoredBatch) -> AnchoredSeal:
        """Bring the seal onto the chain, unless it is there."""
        anchor = self._chain.anchored(batch.seal)
        if anchor is not None:
            for step in (Step.PREPARE, Step.SEND):
                self._say(step, Outcome.SKIPPED, "the seal is on the chain")
        elif batch.state is State.FINAL:
            raise StoreDamaged(
                f"batch {batch.id} is {batch.state} in the store, and the chain does not know its seal",
                hint="see that the chain is the one that the batch was registered on",
            )
        else:
            with self._store.sending(self._signer.address):
                anchor = self._submit(batch)
        if batch.state is State.FINAL:
            self._say(Step.ANCHOR, Outcome.SKIPPED, _where(anchor))
            return anchor
        self._say(Step.ANCHOR, Outcome.BEGUN)
        known = (batch.state, batch.anchored_block, batch.anchored_at) == (State.ANCHORED, anchor.block, anchor.time)
        self._store.mark_anchored(batch.id, anchor.block, anchor.time)
        self._say(Step.ANCHOR, Outcome.SKIPPED if known else Outcome.DONE, _where(anchor))
        return anchor

    def _submit(self, batch: StoredBatch) -> AnchoredSeal:
        """Send the stored transaction again, or a new one where there is none or it can no longer be taken."""
        raw, tx_hash = batch.raw_transaction, batch.transaction_hash
        for _ in range(ATTEMPTS):
            stored = raw is not None and tx_hash is not None
            if raw is None or tx_hash is None:
                raw, tx_hash = self._prepare(batch)
            else:
                self._say(Step.PREPARE, Outcome.SKIPPED, f"transaction 0x{tx_hash.hex()} is stored")
            try:
                self._send(batch, raw, tx_hash)
            except TransactionRefused as error:
                # It may have been mined after all; and one that an earlier run made may be too old, which costs nothing.
                anchor = self._chain.anchored(batch.seal)
                if anchor is not None:
                    return anchor
                if not stored and error.error != "NonceUsed":
                    raise
            else:
                anchor = self._chain.anchored(batch.seal)
                if anchor is not None:
                    return anchor
            raw = tx_hash = None
        raise TransactionRefused(
            f"{ATTEMPTS} transactions were lost to others of the same account, expected one to be mined",
            hint="see what else sends transactions from this account, then run again",
        )

    def _prepare(self, batch: StoredBatch) -> tuple[bytes, bytes]:
        self._say(Step.PREPARE, Outcome.BEGUN)
        prepared = self._chain.prepare_anchor(batch.seal)
        self._confirm(prepared)
        self._store.mark_submitted(batch.id, prepared.raw, prepared.tx_hash)
        self._transactions += 1
        cost = f"at most {prepared.gas} gas and {prepared.max_fee} wei"
        self._say(Step.PREPARE, Outcome.DONE, f"transaction 0x{prepared.tx_hash.hex()}, {cost}")
        return prepared.raw, prepared.tx_hash

    def _send(self, batch: StoredBatch, raw: bytes, tx_hash: bytes) -> None:
        self._say(Step.SEND, Outcome.BEGUN)
        try:
            self._chain.send_raw(raw)
        except TransactionRefused as error:
            if error.error != "FeeTooLow":
                raise  # else one of the same nonce takes its place: of two that could both be mined, one would be paid in vain
        self._say(Step.SEND, Outcome.DONE, f"transaction 0x{tx_hash.hex()}")
        self._mined = self._chain.wait(
            tx_hash, progress=self._on_confirmation, replacing=lambda dearer: self._replace(batch, dearer)
        )

    def _replace(self, batch: StoredBatch, dearer: Prepared) -> None:
        """Put on record what takes the place of a transaction that has become too cheap."""
        self._confirm(dearer)
        self._store.mark_submitted(batch.id, dearer.raw, dearer.tx_hash)
        self._transactions += 1
        cost = f"at most {dearer.max_fee} wei"
        self._say(Step.SEND, Outcome.DONE, f"fees rose: transaction 0x{dearer.tx_hash.hex()} takes its place, {cost}")

    def _finalise(self, batch: StoredBatch, seconds: float) -> None:
        if batch.state is State.FINAL:
            self._say(Step.FINAL, Outcome.SKIPPED, f"batch {batch.id} is {batch.state}")
            return
        self._say(Step.FINAL, Outcome.BEGUN)
        until = self._clock() + seconds
        while self._chain.final(batch.seal) is None:
            if self._clock() >= until:
                self._say(Step.FINAL, Outcome.PENDING, "the anchor is not final yet; run again later, or `touchstone settle`")
                return
            self._sleep(POLL_SECONDS)
            self._hold(batch)
        self._store.mark_final(batch.id)
        self._say(Step.FINAL, Outcome.DONE)

    def _hold(self, batch: StoredBatch) -> None:
        """See that the seal is still on the chain; what a reorganisation took away is submitted and anchored again."""
        if self._chain.anchored(batch.seal) is not None:
            return
        batch = self._stored(batch.id)
        if batch.raw_transaction is not None and batch.transaction_hash is not None:
            self._store.mark_submitted(batch.id, batch.raw_transaction, batch.transaction_hash)
        self._anchor(self._stored(batch.id))

    # ------------------------------------------------------------------------------------------------------------ within

    def _stored(self, batch_id: int) -> StoredBatch:
        batch = self._store.batch_by_id(batch_id)
        if batch is None:
            raise StoreDamaged(f"batch {batch_id} vanished from the store")
        return batch

    def _reconciled(self, batch: StoredBatch, intake: Intake) -> int:
        """Return the number of units stored, which is the batch's and the file's."""
        stored = self._store.count_units(batch.id)
        if not stored == batch.unit_count == len(intake):
            raise StoreDamaged(
                f"batch {batch.id} has {batch.unit_count} units of which {stored} are stored, and the file {len(intake)}"
            )
        return stored

    def _say(self, step: Step, outcome: Outcome, detail: str = "") -> None:
        report = StepReport(step, outcome, detail)
        if outcome is not Outcome.BEGUN:
            self._steps.append(report)
        self._on_step(report)


def _why_not(key: AnchorKey, now: int) -> str:
    """Say why a key anchors nothing at a time of the chain, if it does not."""
    if key.compromised_at(now):
        return f"was reported as compromised, since {_utc(key.compromised_since)}"
    if key.valid_at(now):
        return ""
    if key.revoked_at:
        return f"was revoked on {_utc(key.revoked_at)}"
    return (
        f"is outside its window, which is from {_utc(key.not_before)} to {_utc(key.not_after)}; on the chain it is {_utc(now)}"
    )


def _utc(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _where(anchor: AnchoredSeal) -> str:
    return f"block {anchor.block}, by key {anchor.key}"


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Make of what the disk refuses what a person can act on."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(
            f"reading the units, or writing to {folder}, failed: {error.strerror or error}",
            hint="see that the disk of the tree files is writable and has room",
        ) from error


def _size(file: BinaryIO) -> int:
    """Return the bytes of a file, 0 if nobody knows before its end."""
    try:
        return os.fstat(file.fileno()).st_size
    except OSError:
        return 0
