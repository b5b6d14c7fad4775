"""The index of units in the database: which batch, and which rank of its tree file (`tables.units`).

On the way of a million units and of every check, SQLAlchemy's handling of each value takes longer than the database: here the
drivers are spoken to, and what they return is checked here.
"""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import repeat
from threading import local
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import exc as sql

from registry.errors import StoreDamaged
from registry.proofs.tree_file import UNIT, UNIT_TYPE
from registry.storage import schema
from registry.storage.schema import asking
from registry.storage.tables import MAX_UNITS
from registry.storage.types import MAX_INTEGER
from registry.units.serials import fold_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Connection, Engine, PoolProxiedConnection

    from registry.proofs.tree_file import TreeFile

    Entry = tuple[str, str, int, int]
    """Folded serial, GTIN, batch and rank."""
    Place = tuple[int, int]
    """Batch and rank."""

AT_ONCE: Final = 10_000
"""Entries written or asked for by one statement."""
READ_AT_ONCE: Final = 2**16
LOOK_EVERY: Final = 1.0
"""Seconds between two looks whether a database file is still the one that was opened."""
CACHE: Final = 64 * 1024
"""KiB of pages that SQLite may hold while it writes."""
PREFIX: Final = np.dtype([("product", ">u2"), ("attributes_end", ">u4"), ("prefix", ">u8"), ("rest", "V76")])
"""A unit of a tree file, with the first eight bytes of its serial as a number."""

COLUMNS: Final = "folded, gtin, batch_id, row_index"
INSERT: Final = f"INSERT INTO units ({COLUMNS}) VALUES (?, ?, ?, ?)"  # noqa: S608 -- our own names
COPY: Final = f"COPY units ({COLUMNS}) FROM STDIN"
FIND: Final = {
    "sqlite": "SELECT batch_id, row_index FROM units WHERE folded = ? AND gtin = ?",
    "postgresql": "SELECT batch_id, row_index FROM units WHERE folded = %s AND gtin = %s",
}
FIND_TYPED: Final = {name: statement.replace(" AND gtin = ", " ORDER BY gtin LIMIT ") for name, statement in FIND.items()}
FIND_MANY: Final = {
    # CROSS JOIN has SQLite look each key up, in the keys' order, whatever it guesses of their number.
    "sqlite": (
        "SELECT k.key, u.batch_id, u.row_index FROM json_each(?) AS k "
        "CROSS JOIN units AS u ON u.folded = k.value AND u.gtin = ?"
    ),
    "postgresql": (
        "SELECT k.place - 1, u.batch_id, u.row_index FROM unnest(%s::text[]) WITH ORDINALITY AS k(folded, place) "
        "JOIN units AS u ON u.folded = k.folded AND u.gtin = %s"
    ),
}


class Index:
    """The units of one database. Threads may share it; each has a connection of its own for its look-ups."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._driver_errors = engine.dialect.loaded_dbapi.Error
        self._is_sqlite = engine.name == "sqlite"
        self._find, self._find_many = FIND[engine.name], FIND_MANY[engine.name]
        self._find_typed = FIND_TYPED[engine.name]
        self._own = local()

    def find(self, folded: str, gtin: str) -> Place | None:
        """Return where a unit is, or none. Raises `StoreUnavailable` or `StoreDamaged`."""
        rows = self.ask(self._find, (folded, gtin))
        return _place(*rows[0]) if rows else None

    def find_typed(self, folded: str, gtin: str | None, most: int) -> list[Place]:
        """Return where the units of a folded serial are, of one GTIN or of any, by GTIN; at most so many."""
        if gtin is not None:
            place = self.find(folded, gtin)
            return [place] if place else []
        return [_place(*row) for row in self.ask(self._find_typed, (folded, most))]

    def find_many(self, keys: Sequence[tuple[str, str]]) -> Iterator[tuple[int, Place]]:
        """Yield, for each key (folded serial, GTIN) that is taken, its place among the keys, and where it is."""
        by_gtin: dict[str, list[int]] = defaultdict(list)
        for place, (_, gtin) in enumerate(keys):
            by_gtin[gtin].append(place)
        for gtin, places in by_gtin.items():
            for number, found in self.find_of(gtin, [keys[place][0] for place in places]):
                yield places[number], found

    def find_of(self, gtin: str, folded: Sequence[str]) -> Iterator[tuple[int, Place]]:
        """Yield, for each folded serial of a GTIN that is taken, its place among these, and where it is."""
        order = sorted(range(len(folded)), key=folded.__getitem__)
        for start in range(0, len(order), AT_ONCE):
            part = order[start : start + AT_ONCE]
            asked: list[str] | str = [folded[place] for place in part]
            if self._is_sqlite:
                asked = json.dumps(asked)
            for number, batch_id, row_index in self.ask(self._find_many, (asked, gtin)):
                yield part[number], _place(batch_id, row_index)

    def add(self, connection: Connection, tree: TreeFile, batch_id: int, progress: Callable[[int], None] | None = None) -> None:
        """Write the entries of a batch, in an order that suits the index, as a part of the connection's transaction.

        Some 40 bytes a unit are held. Raises SQLAlchemy's `IntegrityError` if a unit is there already, and what the tree
        file's reading raises.
        """
        write = self._inserted if self._is_sqlite else self._copied
        driver: Any = connection.connection.driver_connection
        done = 0
        for entries in _entries(tree, batch_id):
            write(driver, entries)
            done = min(done + AT_ONCE, tree.header.unit_count)
            if progress is not None:
                progress(done)

    def close(self) -> None:
        """Give back the connection of this thread; other threads' go with them."""
        connection, self._own.connection = getattr(self._own, "connection", None), None
        if connection is not None:
            connection.close()

    # ----------------------------------------------------------------------------------------------------------- within

    def ask(self, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        """Return the rows of a statement, over this thread's connection.

        One that is of a file that was replaced, or broke while it was idle, is renewed.
        """
        connection = getattr(self._own, "connection", None)
        if connection is not None and monotonic() > self._own.until:
            self._own.until = monotonic() + LOOK_EVERY
            if schema.is_stale(connection):
                self.close()
                connection = None
        if connection is not None:
            try:
                return self._rows(connection.dbapi_connection, statement, values)
            except self._driver_errors:
                self.close()
        with asking():
            try:
                return self._rows(self._connect().dbapi_connection, statement, values)
            except self._driver_errors as error:
                self.close()
                raise self._as_sqlalchemy(error, statement) from error

    def _rows(self, connection: Any, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        if self._is_sqlite:
            rows: list[tuple[Any, ...]] = connection.execute(statement, values).fetchall()
            return rows
        return list(connection.execute(statement, values, prepare=True))

    def _connect(self) -> PoolProxiedConnection:
        """Make this thread's own connection to the database."""
        connection = self._engine.raw_connection()
        connection.detach()
        driver: Any = connection.dbapi_connection
        if self._is_sqlite:
            driver.isolation_level = None
        else:
            driver.rollback()
            driver.autocommit = True
        self._own.connection, self._own.until = connection, monotonic() + LOOK_EVERY
        return connection

    def _as_sqlalchemy(self, error: Exception, statement: str) -> Exception:
        return sql.DBAPIError.instance(
            statement, None, error, self._driver_errors, dialect=self._engine.dialect, hide_parameters=True
        )

    def _inserted(self, driver: Any, entries: Iterator[Entry]) -> None:
        try:
            driver.execute(f"PRAGMA cache_size = -{CACHE}")
            driver.executemany(INSERT, entries)
        except self._driver_errors as error:
            raise self._as_sqlalchemy(error, INSERT) from error

    def _copied(self, driver: Any, entries: Iterator[Entry]) -> None:
        # Nothing in an entry needs an escape: letters, digits, _ and numbers.
        text = "".join([f"{folded}\t{gtin}\t{batch_id}\t{rank}\n" for folded, gtin, batch_id, rank in entries])
        try:
            with driver.cursor().copy(COPY) as copy:
                copy.write(text)
        except self._driver_errors as error:
            raise self._as_sqlalchemy(error, COPY) from error


def _entries(tree: TreeFile, batch_id: int) -> Iterator[Iterator[Entry]]:
    """Yield the entries of a batch, nearly in the order of the index, so that it grows page after page."""
    header = tree.header
    products = np.empty(header.unit_count, np.uint16)
    serials = np.empty(header.unit_count, "S20")
    prefixes = np.empty(header.unit_count, np.uint64)
    for first in range(0, header.unit_count, READ_AT_ONCE):
        raw = tree.packed(first, min(READ_AT_ONCE, header.unit_count - first))
        here = slice(first, first + len(raw) // UNIT.size)
        units = np.frombuffer(raw, np.dtype(UNIT_TYPE))
        products[here], serials[here] = units["product"], units["serial"]
        prefixes[here] = np.frombuffer(raw, PREFIX)["prefix"]
    order: NDArray[np.int64] = np.argsort(prefixes, kind="stable")
    gtins = [product.gtin for product in tree.manifest.products]
    for first in range(0, header.unit_count, AT_ONCE):
        part = order[first : first + AT_ONCE]
        texts = fold_all(b",".join(serials[part].tolist()).decode("ascii").split(","))
        # Not a list: of so many tuples Python would look which are garbage.
        yield zip(texts, map(gtins.__getitem__, products[part].tolist()), repeat(batch_id), part.tolist(), strict=False)


def _place(batch_id: object, row_index: object) -> Place:
    """Return what an entry says. Raises `StoreDamaged` if it cannot be what was written."""
    if type(batch_id) is int and type(row_index) is int and 0 < batch_id <= MAX_INTEGER and 0 <= row_index < MAX_UNITS:
        return batch_id, row_index
    raise StoreDamaged("an entry of the index of units holds no batch or no rank, expected both")
