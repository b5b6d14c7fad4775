"""Label ledgers: one for each batch, whose entries are only ever added (`registry.issuing.reconciliation`).

An entry is one row, so that it is on record whole or not at all. Who adds one says which entry it follows: of two programs that
report at the same moment, one is told to look again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np
from sqlalchemy import exc as sql
from sqlalchemy import insert, select

from registry.errors import StoreDamaged, StoreError
from registry.issuing.reconciliation import Entry, Kind, Ledger
from registry.storage import schema
from registry.storage.index import Index
from registry.storage.schema import asking
from registry.storage.tables import batches, label_entries
from registry.storage.trees import reading
from registry.units.serials import fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Engine, Row

    from registry.issuing.batches import StoredBatch
    from registry.issuing.reconciliation import Draft
    from registry.proofs.tree_file import TreeFile, TreeUnit

MARK: Final = "\x1f"
_FIELDS: Final = tuple(column for column in label_entries.c if column.name != "batch_id")
_NULLABLE: Final = frozenset({"name", "checksum", "reason"})


class Ledgers:
    """The ledgers in a store's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._index = Index(engine)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the ledgers of a store that is there, to read and to write.

        Raises `StoreUnavailable` if it cannot be opened so.
        """
        reader = schema.open_engine(url, create=False)
        try:
            schema.check_schema(reader)
        finally:
            reader.dispose()
        return cls(schema.open_engine(url, create=True))

    def close(self) -> None:
        """Give back every connection."""
        self._index.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, batch: StoredBatch) -> Ledger:
        """Return a batch's ledger. Raises `StoreDamaged` if it is not what was put on record."""
        query = select(*_FIELDS).where(label_entries.c.batch_id == batch.id).order_by(label_entries.c.number)
        with asking(), self._engine.connect() as connection:
            entries = [_entry(row) for row in connection.execute(query)]
        return Ledger(batch.seal, batch.unit_count, entries)

    def append(self, ledger: Ledger, draft: Draft) -> Ledger:
        """Put an entry on record, which survives a power cut after return, and return the ledger with it.

        Raises `StoreError` if something was put on record since that ledger was read, or there is no such batch.
        """
        entry = ledger.next(draft, int(time.time()))
        values = {column.name: getattr(entry, column.name) for column in _FIELDS} | {"kind": entry.kind.value}
        values["batch_id"] = self._batch_id(ledger.seal)
        try:
            with asking(), self._engine.begin() as connection:
                connection.execute(insert(label_entries), values)
        except StoreError as error:
            if isinstance(error.__cause__, sql.IntegrityError):
                raise StoreError(
                    f"entry {entry.number} of the label ledger was put on record by somebody else in the meantime",
                    hint="run it again: nothing was put on record",
                ) from error
            raise
        return ledger.after(entry)

    def units(self, batch: StoredBatch, tree: TreeFile) -> BatchUnits:
        """Return what finds the units of a batch, by the database's index and the batch's own file."""
        return BatchUnits(self._index, batch, tree)

    def _batch_id(self, seal: bytes) -> int:
        with asking(), self._engine.connect() as connection:
            found = connection.execute(select(batches.c.id).where(batches.c.seal == seal)).scalar_one_or_none()
        if found is None:
            raise StoreError(f"batch 0x{seal.hex()} is not in this store", hint="register it first")
        return int(found)


class BatchUnits:
    """Finds the units of one batch by GTIN and serial, byte for byte."""

    def __init__(self, index: Index, batch: StoredBatch, tree: TreeFile) -> None:
        self._index = index
        self._tree = tree
        self._seal = batch.seal
        self.batch_id = batch.id
        with reading(batch.seal):
            self.gtins = tuple(sorted({product.gtin for product in tree.manifest.products}))

    def places(self, wanted: Sequence[tuple[str, str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return for each GTIN and serial the number of its batch, 0 if there is no such unit, and its rank there.

        The index knows serials as they read after repair. Whether one of this batch is exactly the one that is asked for, the
        batch's file says; of other batches' it is not asked.
        """
        # One text is repaired faster than thousands; the mark between them is in no serial and is no typing error.
        folded = fold(MARK.join(serial for _, serial in wanted)).split(MARK) if wanted else []
        keys = [(key, gtin) for key, (gtin, _) in zip(folded, wanted, strict=True)]
        with reading(self._seal):
            found = [
                (place, batch_id, rank)
                for place, (batch_id, rank) in self._index.find_many(keys)
                if batch_id != self.batch_id or self._is(rank, *wanted[place])
            ]
        told = np.zeros((2, len(wanted)), np.int64)
        places, *values = np.array(found, np.int64).reshape(-1, 3).T
        told[:, places] = values
        return told[0], told[1]

    def unit(self, rank: int) -> TreeUnit:
        """Return a unit of the batch. Raises `StoreDamaged` if there is none of that rank."""
        with reading(self._seal):
            return self._tree.unit(rank)

    def _is(self, rank: int, gtin: str, serial: str) -> bool:
        return self._tree.identity(rank) == (gtin, serial.encode())


def _entry(row: Row[Any]) -> Entry:
    values = dict(row._mapping)  # noqa: SLF001 -- SQLAlchemy's public name for it
    missing = [name for name, value in values.items() if value is None and name not in _NULLABLE]
    kind = values.pop("kind")
    if missing or kind not in set(Kind):
        raise StoreDamaged(f"entry {values['number']} of a label ledger lacks {', '.join(missing) or 'a known kind'}")
    return Entry(kind=Kind(kind), **values)
