"""The store: batches, the index of their units, their tree files, and profiles, in one database and one folder.

Nothing that it says is believed unchecked: see `registry.checking.claims`. Its methods raise `StoreUnavailable` if the
database or a file could not be asked, and `StoreDamaged` if what they hold cannot be what we stored; nothing else escapes for
whatever is in there.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict, defaultdict
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import bindparam, func, insert, select, text, update
from sqlalchemy import exc as sql

from registry.checking.claims import ClaimedBatch, ClaimedUnit
from registry.errors import AlreadyRegistered, StoreDamaged, StoreError, StoreUnavailable, TreeMissing
from registry.issuing.batches import Conflict, State, StoredBatch
from registry.proofs.profile import profile_hash
from registry.proofs.tree_file import FileSource, TreeFile
from registry.storage import census, schema
from registry.storage.catalogue import Catalogue
from registry.storage.index import AT_ONCE, Index
from registry.storage.pictures import Pictures
from registry.storage.schema import asking
from registry.storage.tables import batches, profiles, units
from registry.storage.trees import LOCK, Trees, locked, reading
from registry.units.records import UnitId
from registry.units.serials import fold, fold_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Engine, Row, Select

    from registry.issuing.sealing import SealedBatch
    from registry.proofs import encoding
    from registry.proofs.tree_file import TreeUnit
    from registry.storage.census import Census
    from registry.units.records import Record

MAX_TYPED = 20
"""A typed serial that fits more products than this is not narrowed down by a list of them."""
SEAL_BYTES = 32
BUSY = "another registration works with this store"
SENDER = "touchstone sends with "
SENDS_WITHIN = 300.0
LOOK_EVERY = 0.1
"""Seconds."""
REMEMBERED = 20_000
"""Batches whose row is kept in memory, some kilobytes each."""
SAMPLES = 16
"""Places of a batch where a unit of a product is looked for."""


class Store:
    """One database with its folder of trees. Threads may share it."""

    def __init__(self, engine: Engine, trees: Trees) -> None:
        self._engine = engine
        self._trees = trees
        self.pictures = Pictures(trees.folder / "pictures")
        self._index = Index(engine)
        self._catalogue = Catalogue(engine)
        self._claims: OrderedDict[int, ClaimedBatch] = OrderedDict()

    @classmethod
    def open(cls, url: str, trees: Path, *, create: bool = False, archive: str | None = None) -> Self:
        """Open a store: with `create` to write, its tables and folder made or brought up to date; without, to read only.

        `archive` is where older tree files are: another folder, or the http(s) address below which they lie.
        Raises `StoreUnavailable` if it cannot be opened so, with a hint; without `create` also if the tables are missing or of
        another revision.
        """
        engine = schema.open_engine(url, create=create)
        try:
            if create:
                _make_folder(trees)
                if schema.revision(engine) != schema.HEAD:
                    with locked(trees / LOCK, BUSY):
                        schema.migrate(engine, trees=trees)
            schema.check_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, Trees(trees, archive))

    def close(self) -> None:
        """Give back every connection."""
        self._index.close()
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
        with locked(self._trees.folder / LOCK, BUSY):
            self._trees.sweep(self._is_stored)
            yield

    @contextmanager
    def sending(self, key: str) -> Iterator[None]:
        """Let one registration after another send with a key, also on machines that share a PostgreSQL.

        Two that asked for the key's nonce at once would take each other's place. With SQLite, who holds the store is alone
        anyway. The server lets go of it when the program or its connection ends. Raises `StoreUnavailable` if another machine
        sends for longer than a transaction takes.
        """
        if self._engine.name != "postgresql":
            yield
            return
        number = int.from_bytes(hashlib.sha256(f"{SENDER}{key}".encode()).digest()[:8], "big", signed=True)
        with asking(), self._engine.connect() as plain:
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            until = time.monotonic() + SENDS_WITHIN
            while not connection.execute(select(func.pg_try_advisory_lock(number))).scalar_one():
                if time.monotonic() > until:
                    raise StoreUnavailable(
                        f"another machine sends with key {key} for {SENDS_WITHIN:.0f} seconds",
                        hint="see what it waits for; a key of its own for each machine never waits",
                    )
                time.sleep(LOOK_EVERY)
            try:
                yield
            finally:
                with suppress(sql.SQLAlchemyError):  # then the connection is gone, and the lock with it
                    connection.execute(select(func.pg_advisory_unlock(number)))

    @contextmanager
    def workroom(self) -> Iterator[Path]:
        """Give an empty folder on the disk of the tree files, for the making of a batch; only whoever holds the store may."""
        with self._trees.workroom() as room:
            yield room

    # ---------------------------------------------------------------------------------------------------------- batches

    def add_batch(
        self,
        sealed: SealedBatch,
        *,
        manufacturer: int,
        run: str,
        key: str,
        state: State = State.SEALED,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Store a sealed batch with all its units, or nothing; returns its number in this store.

        The batch's file is taken away from where it is. After return, batch, units and file survive a power cut: the file,
        which is synced already, has its place before the transaction is committed, and loses it at the next registration if
        that was not. `progress` is told of the units written so far.
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
            "state": state.value,
            "created_at": int(time.time()),
        }
        with reading(sealed.seal):
            tree = TreeFile(FileSource(sealed.file))
        if tree.seal != sealed.seal or not tree.whole:
            raise ValueError("the batch's file is another one, or without its nodes")
        try:
            with asking(), reading(sealed.seal), self._engine.begin() as connection:
                batch_id = int(connection.execute(insert(batches).returning(batches.c.id), values).scalar_one())
                self._index.add(connection, tree, batch_id, progress)
                self._trees.place(sealed.file, sealed.seal)
        except StoreError as error:
            if isinstance(error.__cause__, sql.IntegrityError):
                raise self._why_refused(sealed.seal, tree, manufacturer, run) from error
            raise
        self._trees.keep(sealed.seal)
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

    def conflicts(self, gtin: str, serials: Sequence[str]) -> list[Conflict]:
        """Return every registered unit that stands in the way of units with these serials, in their order.

        How exactly it is written is in its tree file; of one that lies on another machine, it is taken to be the same.
        """
        found: list[Conflict] = []
        for place, (batch_id, index) in sorted(self._index.find_of(gtin, fold_all(serials))):
            asked, batch = UnitId(gtin, serials[place]), self._claimed_batch(batch_id)
            try:
                registered = self._unit_at(batch_id, index)[1]
            except TreeMissing:
                registered = asked
            found.append(Conflict(asked, registered, batch_id, batch.seal))
        return found

    # ------------------------------------------------------------------------------------------------------------ units

    def find(self, unit: UnitId) -> ClaimedUnit | None:
        """Return the stored unit of exactly this identity with its path, or none."""
        if not _storable(unit.gtin, unit.serial):
            return None
        place = self._index.find(fold(unit.serial), unit.gtin)
        if place is None:
            return None
        try:
            return self._claimed(unit, *place)
        except StoreDamaged:
            # What is remembered of the batch may be older than a database that was put back.
            self._claims.clear()
            return self._claimed(unit, *place)

    def find_typed(self, folded: str, gtin: str | None = None) -> tuple[UnitId, ...]:
        """Return the units whose serials read like this one after repair, under one GTIN or under any; at most 20."""
        if not _storable(gtin or "0", folded):
            return ()
        places = self._index.find_typed(folded, gtin, MAX_TYPED)
        return tuple(self._unit_at(batch_id, index)[1] for batch_id, index in places)

    def has_product(self, gtin: str) -> bool:
        """Say whether an anchored batch names this product."""
        return bool(self._catalogue.batches_of(gtin))

    def units_of(self, gtin: str) -> Iterator[UnitId]:
        """Yield some units of a product, one of each of the last batches that name it.

        They are looked for at a few places of each batch, so that none may be found where there are some.
        """
        for batch_id in self._catalogue.batches_of(gtin):
            batch = self._claimed_batch(batch_id)
            with reading(batch.seal):
                tree = self._trees.open(batch.seal)
                places = dict.fromkeys(tree.header.unit_count * place // SAMPLES for place in range(SAMPLES))
                found = (unit.record.id for unit in map(tree.unit, places) if unit.record.gtin == gtin)
                sample = next(found, None)
            if sample is not None:
                yield sample

    def labels(self, batch_id: int, first: int = 0) -> Iterator[tuple[Record, bytes, int]]:
        """Yield record, signature and index of the units of a batch, by index; only some thousands are held at once."""
        batch = self.batch_by_id(batch_id)
        if batch is None:
            return
        with reading(batch.seal):
            for unit in self.tree(batch.seal).units(first):
                yield unit.record, unit.signature, unit.index

    def count_units(self, batch_id: int) -> int:
        """Return how many units of a batch are in the index. It is read from end to end: not for the way of a check."""
        with asking(), self._engine.connect() as connection:
            query = select(func.count()).select_from(units).where(units.c.batch_id == batch_id)
            return int(connection.execute(query).scalar_one())

    def tree(self, seal: bytes) -> TreeFile:
        """Return the tree file of a seal, whose header is right and about this seal.

        Its own methods raise `DocumentError`, `MerkleError` and `OSError`. Raises `StoreDamaged` or `StoreUnavailable`.
        """
        return self._trees.open(seal)

    def rows(self, batch_id: int) -> Iterator[encoding.Row]:
        """Yield every row of a batch's tree. Raises `StoreError` for an unknown batch."""
        batch = self._known(batch_id)
        with reading(batch.seal):
            yield from self.tree(batch.seal).rows()

    def archive(self, seal: bytes, folder: Path) -> bool:
        """Move a batch's tree file to the archive, see `Trees.archive_to`; returns whether there was anything to do."""
        return self._trees.archive_to(folder, seal)

    def check_tree(self, seal: bytes) -> None:
        """Replay a batch's whole tree file. Raises `StoreDamaged` or `StoreUnavailable`."""
        self._trees.check(seal)

    def census(self) -> Census:
        """Count what is here."""
        return census.take(self._engine, self._trees)

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

    def keep_picture(self, raw: bytes) -> str:
        """Keep a picture of a product, and return its sha256. Raises `DocumentError` if it is none, `StoreUnavailable`."""
        return self.pictures.keep(raw)

    def profile(self, profile_hash: bytes) -> bytes | None:
        """Return the body stored for a hash, or none. That it has that hash is for the caller to check."""
        with asking(), self._engine.connect() as connection:
            return connection.execute(_PROFILE, {"profile_hash": profile_hash}).scalar_one_or_none()

    # ----------------------------------------------------------------------------------------------------------- within

    def _is_stored(self, seal: bytes) -> bool:
        """Say whether a batch is stored, also if the program that stored it was killed at this moment."""
        with asking(), self._engine.begin() as connection:
            if self._engine.name == "postgresql":  # the server may still be about to commit what a killed client asked it to
                connection.execute(text("LOCK TABLE batches IN SHARE MODE"))
            return connection.execute(select(batches.c.id).where(batches.c.seal == seal)).first() is not None

    def _batches(self, query: Select[Any]) -> tuple[StoredBatch, ...]:
        with asking(), self._engine.connect() as connection:
            return tuple(_stored_batch(row) for row in connection.execute(query))

    def _claimed(self, unit: UnitId, batch_id: int, index: int) -> ClaimedUnit | None:
        """Return the unit at a place of the index; none if it is another one that only reads like the one asked for."""
        batch = self._claimed_batch(batch_id)
        tree = self._trees.open(batch.seal)
        with reading(batch.seal):
            found = tree.unit(index)
            record = found.record
            if record.gtin != unit.gtin or record.serial != unit.serial:
                if record.gtin == unit.gtin and fold(record.serial) == fold(unit.serial):
                    return None
                raise StoreDamaged("the index of units leads to another unit", hint="bring the database back from a backup")
            path = tree.path(index)
        return ClaimedUnit(record.gtin, record.lot, record.serial, index, found.signature, found.attributes, path, batch)

    def _unit_at(self, batch_id: int, index: int) -> tuple[ClaimedBatch, UnitId]:
        batch = self._claimed_batch(batch_id)
        with reading(batch.seal):
            return batch, self._trees.open(batch.seal).unit(index).record.id

    def _claimed_batch(self, batch_id: int) -> ClaimedBatch:
        """Return what the database says of a batch, or said not long ago: it is a claim either way."""
        known = self._claims.get(batch_id)
        if known is not None:
            return known
        with asking(), self._engine.connect() as connection:
            row = connection.execute(_CLAIM, {"id": batch_id}).first()
        if row is None:
            raise StoreDamaged(
                "the index of units names a batch that is not there", hint="bring the database back from a backup"
            )
        batch = ClaimedBatch(*_whole(row))
        self._claims[batch_id] = batch
        while len(self._claims) > REMEMBERED:
            self._claims.popitem(last=False)
        return batch

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

    def _why_refused(self, seal: bytes, tree: TreeFile, manufacturer: int, run: str) -> StoreError:
        """Return why the database refused a batch as known."""
        by_run = self.batch_by_run(manufacturer, run)
        by_seal = self.batch(seal)
        if by_run is not None:
            return AlreadyRegistered(
                f"run {run!r} of manufacturer {manufacturer} is batch {by_run.id} already",
                [f"run {run!r} is batch {by_run.id}"],
            )
        if by_seal is not None:
            return AlreadyRegistered(
                f"the batch of seal 0x{seal.hex()} is batch {by_seal.id} already",
                [f"seal 0x{seal.hex()} is batch {by_seal.id}"],
            )
        found = [conflict for gtin, serials in _by_gtin(tree.units()) for conflict in self.conflicts(gtin, serials)]
        if not found:
            return StoreDamaged(
                "the database refused the batch as known, and names no unit that is",
                hint="check the database's indexes, or bring it back from a backup",
            )
        return AlreadyRegistered(
            f"{len(found)} of {tree.header.unit_count} units are registered already",
            map(str, found),
            hint="take these lines out of the file, or give them new serials",
        )


_CLAIM = select(
    batches.c.manufacturer, batches.c.seal, batches.c.root, batches.c.unit_count, batches.c.manifest, batches.c.salt
).where(batches.c.id == bindparam("id"))
_PROFILE = select(profiles.c.body).where(profiles.c.profile_hash == bindparam("profile_hash"))


def _stored_batch(row: Row[Any]) -> StoredBatch:
    values = dict(row._mapping)  # noqa: SLF001 -- SQLAlchemy's public name for it
    nullable = {"raw_transaction", "transaction_hash", "anchored_block", "anchored_at"}
    missing = [name for name, value in values.items() if value is None and name not in nullable]
    state = values.pop("state")
    if missing or state not in set(State):
        raise StoreDamaged(f"batch {values['id']} lacks {', '.join(missing) or 'a known state'}")
    return StoredBatch(state=State(state), **values)


def _by_gtin(units: Iterator[TreeUnit]) -> Iterator[tuple[str, list[str]]]:
    """Yield GTINs with serials of theirs; only some thousands are held at once."""
    while part := list(islice(units, AT_ONCE)):
        serials = defaultdict(list)
        for unit in part:
            serials[unit.record.gtin].append(unit.record.serial)
        yield from serials.items()


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
