"""All rows of a database, from one engine to another: how a backup is taken, and how one comes back.

What a table holds is read and written through its column types, so that a value that is not one of ours stops the copy. The
index of units is left out: it says nothing that the tree files do not, and is made from them again.
"""

from __future__ import annotations

from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, insert, select, text

from registry.errors import StoreUnavailable
from registry.storage import account_tables, case_tables, result_tables, telling_tables  # noqa: F401 -- on the same metadata
from registry.storage.schema import asking
from registry.storage.tables import metadata, units
from registry.storage.types import Blob

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine, Table

AT_ONCE: Final = 1000
"""Rows that are held, of tables without large values."""
HELD: Final = 64 * 2**20
"""Bytes that the rows held may have, of tables with them."""
TABLES: Final = tuple(table for table in metadata.sorted_tables if table is not units)
"""In an order in which each row finds the rows that it names."""


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees the database as it is at one moment, however long it reads; others write meanwhile.

    Raises as `schema.asking` does.
    """
    with asking(), engine.connect() as plain:
        if engine.dialect.name == "sqlite":
            plain.exec_driver_sql("BEGIN")
            try:
                yield plain
            finally:
                plain.exec_driver_sql("ROLLBACK")
        else:
            yield plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def copy(source: Connection, target: Connection) -> dict[str, int]:
    """Add all rows of one database to another, and return how many rows each table has that has any."""
    copied = {}
    for table in TABLES:
        count = 0
        for part in _rows(source, table).partitions():
            target.execute(insert(table), [dict(row._mapping) for row in part])  # noqa: SLF001 -- SQLAlchemy's public name for it
            count += len(part)
        if count:
            copied[table.name] = count
    return copied


def count_on(target: Connection) -> None:
    """Have the database number new rows after those that were copied."""
    if target.dialect.name != "postgresql":
        return  # SQLite goes on after the highest by itself
    for table in TABLES:
        column = table.autoincrement_column
        if column is not None:
            last = select(func.max(column)).scalar_subquery()
            sequence = func.pg_get_serial_sequence(table.name, column.name)
            target.execute(select(func.setval(sequence, last)).where(last.is_not(None)))


def names_of_filled(connection: Connection) -> list[str]:
    """Return the names of the tables that hold rows, units included."""
    return [
        table.name for table in (*TABLES, units) if connection.execute(select(text("1")).select_from(table).limit(1)).first()
    ]


def same(first: Connection, second: Connection) -> bool:
    """Say whether two databases hold the same rows, the index of units left out."""
    missing = object()
    return all(
        one == other
        for table in TABLES
        for one, other in zip_longest(_rows(first, table), _rows(second, table), fillvalue=missing)
    )


def demand_empty(connection: Connection, what: str) -> None:
    """Raise `StoreUnavailable` if a table holds a row."""
    filled = names_of_filled(connection)
    if filled:
        raise StoreUnavailable(
            f"{what} holds rows of {', '.join(filled[:5])}, expected an empty database",
            hint="restore into a new one: nothing that is there is ever replaced or mixed with a backup",
        )


def _rows(connection: Connection, table: Table) -> Any:
    large = sum(column.type.limit for column in table.columns if isinstance(column.type, Blob))
    at_once = max(1, min(AT_ONCE, HELD // large)) if large else AT_ONCE
    query = select(table).order_by(*table.primary_key.columns)
    return connection.execute(query.execution_options(stream_results=True, yield_per=at_once))
