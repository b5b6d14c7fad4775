"""The store: batches, their units and trees, and profiles, in one database and one folder.

Nothing that it says is believed unchecked: see `registry.checking.claims`. Its methods raise `StoreUnavailable` if the
database or a file could not be asked, and `StoreDamaged` if what they hold cannot be what we stored; nothing else escapes for
whatever is in there.
"""

from __future__ import annotations

import fcntl
import time
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import BigInteger, and_, bindparam, func, insert, select, update
from sqlalchemy import exc as sql

from registry.checking.claims import ClaimedBatch, ClaimedUnit
from registry.errors import AlreadyRegistered, StoreDamaged, StoreError, StoreUnavailable
from registry.issuing.batches import Conflict, State, StoredBatch
from registry.proofs.profile import profile_hash
from registry.storage import schema
from registry.storage.schema import asking
from registry.storage.tables import batches, profiles, units
from registry.storage.trees import Trees
from registry.units.records import Record, UnitId
from registry.units.serials import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine, Row, Select

    from registry.issuing.sealing import SealedBatch
    from registry.proofs import encoding

AT_ONCE = 10_000
"""Units written by one statement."""
ASKED_AT_ONCE = 500
"""Serials asked for by one statement."""
MAX_TYPED = 20
"""A typed serial that fits more products than this is not narrowed down by a list of them."""
SEAL_BYTES = 32
LOCK = ".lock"


class Store:
    """One database with its folder of trees. Threads may share it."""

    def __init__(self, engine: Engine, trees: Trees) -> None:
        self._engine = engine
        self._trees = trees

    @classmethod
    def open(cls, url: str, trees: Path, *, create: bool = False) -> Self:
        """Open a store: with `create` to write, its tables and folder made or brought up to date; without, to read only.

        Raises `StoreUnavailable` if it cannot be opened so, with a hint; without `create` also if the tables are missing or of
        another revision.
        """
        engine = schema.open_engine(url, create=create)
        try:
            if create:
                _make_folder(trees)
                if schema.revision(engine) != schema.HEAD:
                    with _locked(trees / LOCK):
                        schema.migrate(engine)
            schema.check_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, Trees(trees))

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the store for one registration: two at once could both pay. A killed holder holds it no longer.

        Raises `StoreUnavailable` if another process on this machine holds it.
        """
        with _locked(self._trees.folder / LOCK):
            self._trees.sweep()
            yield

    # ---------------------------------------------------------------------------------------------------------- batches

    def add_batch(self, sealed: SealedBatch, *, manufacturer: int, run: str, key: str) -> int:
        """Store a sealed batch with all its units, or nothing; returns its number in this store.

        After return, batch, units and tree survive a power cut: the tree file is written before the transaction is committed.
        Raises `AlreadyRegistered` with every unit in the way, or if the seal or this manufacturer's run is known.
        """
        opening = sealed.opening
        values = {
            "manufacturer": manufacturer,
            "run": run,
            "fingerprint": sealed.fingerprint,
            "key": key,
            "seal": sealed.seal,
            "root": opening.root,
            "unit_count": opening.unit_count,
            "manifest": sealed.manifest,
            "salt": sealed.salt,
            "state": State.SEALED.value,
            "created_at": int(time.time()),
        }
        try:
            with asking(), self._engine.begin() as connection:
                batch_id = int(connection.execute(insert(batches).returning(batches.c.id), values).scalar_one())
                _insert_units(connection, sealed, batch_id)
                self._trees.write(sealed.seal, opening.root, sealed.rows, sealed.nodes)
        except StoreError as error:
            if isinstance(error.__cause__, sql.IntegrityError):
                raise self._why_refused(sealed, manufacturer, run) from error
            raise
        return batch_id

    def batch(self, seal: bytes) -> StoredBatch | None:
        """Return the batch of this seal, or none."""
        if len(seal) != SEAL_BYTES:
            return None
        found = self._batches(select(batches).where(batches.c.seal == seal))
        return found[0] if found else None

    def batch_by_run(self, manufacturer: int, run: str) -> StoredBatch | None:
        """Return the batch that this run of a manufacturer registers, or none."""
        found = self._batches(select(batches).where(batches.c.manufacturer == manufacturer, batches.c.run == run))
        return found[0] if found else None

    def batch_by_id(self, batch_id: int) -> StoredBatch | None:
        """Return the batch of this number, or none."""
        if batch_id < 1:
            return None
        found = self._batches(select(batches).where(batches.c.id == batch_id))
        return found[0] if found else None

    def batches(self, manufacturer: int | None = None, state: State | None = None) -> tuple[StoredBatch, ...]:
        """Return the batches, oldest first, of one manufacturer or one state if asked so."""
        query = select(batches).order_by(batches.c.id)
        if manufacturer is not None:
            query = query.where(batches.c.manufacturer == manufacturer)
        if state is not None:
            query = query.where(batches.c.state == state.value)
        return self._batches(query)

    def mark_submitted(self, batch_id: int, raw_transaction: bytes, transaction_hash: bytes) -> None:
        """Keep the signed transaction that is about to be sent, in place of an earlier one."""
        self._advance(
            batch_id,
            {State.SEALED, State.SUBMITTED, State.ANCHORED},
            {"state": State.SUBMITTED.value, "raw_transaction": raw_transaction, "transaction_hash": transaction_hash},
        )

    def mark_anchored(self, batch_id: int, block: int, time: int, transaction_hash: bytes | None = None) -> None:
        """Note that the seal is on the chain, in that block of that time; without a transaction the one known is kept."""
        values: dict[str, Any] = {"state": State.ANCHORED.value, "anchored_block": block, "anchored_at": time}
        if transaction_hash is not None:
            values["transaction_hash"] = transaction_hash
        self._advance(batch_id, {State.SEALED, State.SUBMITTED, State.ANCHORED}, values)

    def mark_final(self, batch_id: int) -> None:
        """Note that the anchor is final."""
        self._advance(batch_id, {State.ANCHORED, State.FINAL}, {"state": State.FINAL.value})

    def mark_withdrawn(self, batch_id: int) -> None:
        """Note that the whole batch was withdrawn; the chain alone decides, this is for listings."""
        self._advance(batch_id, set(State), {"state": State.WITHDRAWN.value})

    def conflicts(self, wanted: Iterable[UnitId]) -> list[Conflict]:
        """Return every registered unit that stands in the way of these, in their order."""
        found: list[Conflict] = []
        remaining = iter(wanted)
        with asking(), self._engine.connect() as connection:
            while part := list(islice(remaining, ASKED_AT_ONCE)):
                found += _conflicts(connection, part)
        return found

    # ------------------------------------------------------------------------------------------------------------ units

    def find(self, unit: UnitId) -> ClaimedUnit | None:
        """Return the stored unit of exactly this identity with its path, or none: one query and the reads of the path."""
        if not _storable(unit.gtin, unit.serial):
            return None
        with asking(), self._engine.connect() as connection:
            row = connection.execute(_FIND, {"gtin": unit.gtin, "serial": unit.serial}).first()
        if row is None:
            return None
        gtin, lot, serial, index, signature, attributes, *of_batch = row
        if any(value is None for value in (gtin, lot, serial, index, signature, *of_batch)):
            raise StoreDamaged(
                f"the record of {unit.gtin}/{unit.serial} is incomplete", hint="bring the database back from a backup"
            )
        batch = ClaimedBatch(*of_batch)
        proof = self._trees.proof(batch.seal, batch.root, batch.unit_count, index)
        return ClaimedUnit(gtin, lot, serial, index, signature, attributes, proof, batch)

    def find_typed(self, folded: str, gtin: str | None = None) -> tuple[UnitId, ...]:
        """Return the units whose serials read like this one after repair, under one GTIN or under any; at most 20."""
        if not _storable(gtin or "0", folded):
            return ()
        query = select(units.c.gtin, units.c.serial).where(units.c.folded == folded).order_by(units.c.gtin).limit(MAX_TYPED)
        if gtin is not None:
            query = query.where(units.c.gtin == gtin)
        with asking(), self._engine.connect() as connection:
            return tuple(UnitId(*_whole(row)) for row in connection.execute(query))

    def labels(self, batch_id: int) -> Iterator[tuple[Record, bytes, int]]:
        """Yield record, signature and index of every unit of a batch, by index; only some thousands are held at once."""
        first = 0
        while part := self._labels(batch_id, first):
            yield from part
            first = part[-1][2] + 1

    def _labels(self, batch_id: int, first: int) -> list[tuple[Record, bytes, int]]:
        with asking(), self._engine.connect() as connection:
            rows = [_whole(row) for row in connection.execute(_LABELS, {"batch_id": batch_id, "first": first})]
        return [(Record(gtin, lot, serial), signature, index) for gtin, lot, serial, signature, index in rows]

    def count_units(self, batch_id: int) -> int:
        """Return how many units of a batch are stored."""
        with asking(), self._engine.connect() as connection:
            query = select(func.count()).select_from(units).where(units.c.batch_id == batch_id)
            return int(connection.execute(query).scalar_one())

    def rows(self, batch_id: int) -> tuple[encoding.Row, ...]:
        """Return every row of a batch's tree, after a check of the whole file. Raises `StoreError` for an unknown batch."""
        batch = self._known(batch_id)
        return self._trees.rows(batch.seal, batch.root, batch.unit_count)

    def nodes(self, batch_id: int) -> bytes:
        """Return a batch's whole tree, after a check of the whole file. Raises `StoreError` for an unknown batch."""
        batch = self._known(batch_id)
        return self._trees.nodes(batch.seal, batch.root, batch.unit_count)

    # --------------------------------------------------------------------------------------------------------- profiles

    def add_profile(self, raw: bytes) -> bytes:
        """Keep the body of a profile and return its hash; one that is known is kept as it is."""
        digest = profile_hash(raw)
        if self.profile(digest) == raw:
            return digest
        with asking(), self._engine.begin() as connection:
            connection.execute(profiles.delete().where(profiles.c.profile_hash == digest))
            connection.execute(insert(profiles), {"profile_hash": digest, "body": raw})
        return digest

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return the body stored for a hash, or none. That it has that hash is for the caller to check."""
        with asking(), self._engine.connect() as connection:
            return connection.execute(_PROFILE, {"profile_hash": profile_hash}).scalar_one_or_none()

    # ----------------------------------------------------------------------------------------------------------- within

    def _batches(self, query: Select[Any]) -> tuple[StoredBatch, ...]:
        with asking(), self._engine.connect() as connection:
            return tuple(_stored_batch(row) for row in connection.execute(query))

    def _known(self, batch_id: int) -> StoredBatch:
        batch = self.batch_by_id(batch_id)
        if batch is None:
            raise StoreError(f"there is no batch {batch_id} in this store")
        return batch

    def _advance(self, batch_id: int, allowed: set[State], values: dict[str, Any]) -> None:
        """Change a batch that is in one of the allowed states. Raises `StoreError` if it is not."""
        states = [state.value for state in allowed]
        change = update(batches).where(batches.c.id == batch_id, batches.c.state.in_(states)).values(**values)
        with asking(), self._engine.begin() as connection:
            changed = connection.execute(change).rowcount
        if changed != 1:
            raise StoreError(f"batch {batch_id} is {self._known(batch_id).state}, expected {' or '.join(sorted(states))}")

    def _why_refused(self, sealed: SealedBatch, manufacturer: int, run: str) -> StoreError:
        """Return why the database refused a batch as known."""
        by_run = self.batch_by_run(manufacturer, run)
        by_seal = self.batch(sealed.seal)
        if by_run is not None:
            return AlreadyRegistered(
                f"run {run!r} of manufacturer {manufacturer} is batch {by_run.id} already",
                [f"run {run!r} is batch {by_run.id}"],
            )
        if by_seal is not None:
            return AlreadyRegistered(
                f"the batch of seal 0x{sealed.seal.hex()} is batch {by_seal.id} already",
                [f"seal 0x{sealed.seal.hex()} is batch {by_seal.id}"],
            )
        found = self.conflicts(unit.record.id for unit in sealed.units)
        if not found:
            return StoreDamaged(
                "the database refused the batch as known, and names no unit that is",
                hint="check the database's indexes, or bring it back from a backup",
            )
        return AlreadyRegistered(
            f"{len(found)} of {len(sealed.units)} units are registered already",
            map(str, found),
            hint="take these lines out of the file, or give them new serials",
        )


_OF_BATCH = (batches.c.manufacturer, batches.c.seal, batches.c.root, batches.c.unit_count, batches.c.manifest, batches.c.salt)
_FIND = (
    select(units.c.gtin, units.c.lot, units.c.serial, units.c.row_index, units.c.signature, units.c.attributes, *_OF_BATCH)
    # An outer join: a unit whose batch is gone is damage, not "no record".
    .select_from(units.outerjoin(batches, units.c.batch_id == batches.c.id))
    .where(and_(units.c.gtin == bindparam("gtin"), units.c.serial == bindparam("serial")))
)
_LABELS = (
    select(units.c.gtin, units.c.lot, units.c.serial, units.c.signature, units.c.row_index)
    .where(units.c.batch_id == bindparam("batch_id"), units.c.row_index >= bindparam("first", type_=BigInteger))
    .order_by(units.c.row_index)
    .limit(AT_ONCE)
)
_PROFILE = select(profiles.c.body).where(profiles.c.profile_hash == bindparam("profile_hash"))


def _insert_units(connection: Connection, sealed: SealedBatch, batch_id: int) -> None:
    """Write the units past SQLAlchemy's handling of each value, which would take longer than the database."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    names = ("gtin", "serial", "lot", "folded", "batch_id", "row_index", "signature", "attributes")
    statement = f"INSERT INTO units ({', '.join(names)}) VALUES ({', '.join([mark] * len(names))})"  # noqa: S608  # our own names
    for start in range(0, len(sealed.units), AT_ONCE):
        rows: list[tuple[Any, ...]] = []
        for index, unit in enumerate(sealed.units[start : start + AT_ONCE], start):
            gtin, lot, serial = unit.record.gtin, unit.record.lot, unit.record.serial
            rows.append((gtin, serial, lot, fold(serial), batch_id, index, unit.signature, unit.attributes))
        connection.exec_driver_sql(statement, rows)


def _conflicts(connection: Connection, wanted: list[UnitId]) -> list[Conflict]:
    keys = [(unit.gtin, fold(unit.serial)) for unit in wanted]
    query = (
        select(units.c.gtin, units.c.folded, units.c.serial, units.c.batch_id, batches.c.seal)
        .join(batches, units.c.batch_id == batches.c.id)
        .where(units.c.folded.in_([folded for _, folded in keys]))
    )
    taken = {(gtin, folded): rest for gtin, folded, *rest in map(_whole, connection.execute(query))}
    return [
        Conflict(unit, UnitId(unit.gtin, serial), batch_id, seal)
        for unit, key in zip(wanted, keys, strict=True)
        if key in taken
        for serial, batch_id, seal in [taken[key]]
    ]


def _stored_batch(row: Row[Any]) -> StoredBatch:
    values = dict(row._mapping)  # noqa: SLF001 -- SQLAlchemy's public name for it
    nullable = {"raw_transaction", "transaction_hash", "anchored_block", "anchored_at"}
    missing = [name for name, value in values.items() if value is None and name not in nullable]
    state = values.pop("state")
    if missing or state not in set(State):
        raise StoreDamaged(f"batch {values['id']} lacks {', '.join(missing) or 'a known state'}")
    return StoredBatch(state=State(state), **values)


def _whole(row: Row[*tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return a row none of whose values is missing. Raises `StoreDamaged`."""
    if any(value is None for value in row):
        raise StoreDamaged("a row of the store lacks a value")
    return tuple(row)


def _storable(gtin: str, serial: str) -> bool:
    """Say whether a unit of this identity could be stored at all: the database need not be asked about others."""
    return all(0 < len(text) <= limit and text.isascii() and text.isprintable() for text, limit in ((gtin, 14), (serial, 20)))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"the folder of trees cannot be made: {error.strerror or error}") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock file; the system lets go of it when the process ends, however it ends."""
    try:
        with path.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
    except BlockingIOError as error:
        raise StoreUnavailable(
            "another registration works with this store", hint="wait until it is done, then run again"
        ) from error
