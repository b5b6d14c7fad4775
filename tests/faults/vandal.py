"""Somebody who may write to our database and to our tree files, and tries everything.

Driven by what is really there: a new table, column or tree format is covered by itself. Every edit is undone afterwards. The
tables are rebuilt without their constraints first, because whoever owns the database can do that too.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from registry.proofs.tree_file import HEADER, UNIT, read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

Row = dict[str, Any]

ODD_VALUES: Final = (None, 0, 1, -1, 2**31, 2**63 - 1, 0.5, "", "x", "a\0b", "é", b"", bytes(32), b"\xff" * 64)
FLIPS: Final = 8
"""Bytes flipped in each long value, spread over its length."""


def hostile_values(value: object) -> Iterator[object]:
    """Yield values to put in the place of one: odd ones of every type, and ones that are nearly right."""
    yield from ODD_VALUES
    match value:
        case int():
            yield from (value + 1, value - 1, value + 256, -value, str(value))
        case str():
            yield from (value[:-1], value + "0", value + " ", value.swapcase(), value[::-1], value.encode())
        case bytes():
            yield from (value[:-1], value + b"\0", value[::-1], value.decode("latin-1"))
            for place in sorted({len(value) * part // FLIPS for part in range(FLIPS)} | {len(value) - 1}):
                yield flipped(value, place)
            yield from (value.replace(old, new) for old, new in ((b"signed", b"compact"), (b"compact", b"signed")))


def flipped(value: bytes, place: int) -> bytes:
    """Return bytes with one bit changed, another one at each place."""
    return value[:place] + bytes([value[place] ^ 1 << place % 8]) + value[place + 1 :] if value else value


class DatabaseVandal:
    """Edits a database file from outside."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA synchronous = OFF")

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def tables(self) -> list[str]:
        """Return every table that the database really has."""
        found = self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        return sorted(name for (name,) in found)

    def lift_constraints(self) -> None:
        """Rebuild every table without keys, checks and types: they protect against mistakes, not against an owner."""
        self._connection.execute("PRAGMA foreign_keys = OFF")
        for table in self.tables():
            columns = ", ".join(f'"{column}"' for column in self.columns(table))
            self._connection.execute(f'CREATE TABLE "{table} again" ({columns})')
            self._connection.execute(f'INSERT INTO "{table} again" SELECT * FROM "{table}"')
            self._connection.execute(f'DROP TABLE "{table}"')
            self._connection.execute(f'ALTER TABLE "{table} again" RENAME TO "{table}"')

    def columns(self, table: str) -> list[str]:
        """Return the columns that a table really has."""
        return [row["name"] for row in self._connection.execute(f'PRAGMA table_info("{table}")')]

    def rows(self, table: str) -> dict[int, Row]:
        """Return every row by its row id."""
        found = self._connection.execute(f'SELECT rowid AS "the row id", * FROM "{table}"')
        return {row["the row id"]: {name: row[name] for name in row.keys() if name != "the row id"} for row in found}  # noqa: SIM118 - a Row iterates over values

    def insert(self, table: str, row: Row, row_id: int | None = None) -> int:
        """Add a row, at its old place if one is given."""
        values = row if row_id is None else {**row, "rowid": row_id}
        names, marks = ", ".join(f'"{name}"' for name in values), ", ".join("?" for _ in values)
        added = self._connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', [*values.values()])
        return added.lastrowid or 0

    def delete(self, table: str, row_id: int) -> None:
        """Remove a row."""
        self._connection.execute(f'DELETE FROM "{table}" WHERE rowid = ?', [row_id])

    def update(self, table: str, row_id: int, values: Row) -> None:
        """Change a row."""
        changes = ", ".join(f'"{name}" = ?' for name in values)
        self._connection.execute(f'UPDATE "{table}" SET {changes} WHERE rowid = ?', [*values.values(), row_id])

    @contextmanager
    def changed(self, table: str, row_id: int, before: Row, values: Row) -> Iterator[None]:
        """Change a row for as long as the context lasts."""
        self.update(table, row_id, values)
        try:
            yield
        finally:
            self.update(table, row_id, {name: before[name] for name in values})

    def cell_edits(self, table: str, column: str, targets: Collection[int]) -> Iterator[str]:
        """Put every hostile value into a column of each target, values of all other rows included; yields what was done."""
        rows = self.rows(table)
        for row_id, row in rows.items():
            if row_id not in targets:
                continue
            values = [*hostile_values(row[column]), *(other[column] for other in rows.values())]
            for value in {(type(value), value): value for value in values}.values():
                if (type(value), value) != (type(row[column]), row[column]):
                    with self.changed(table, row_id, row, {column: value}):
                        yield f"{table}.{column} of row {row_id} = {value!r:.60}"

    def deletions(self, table: str) -> Iterator[tuple[int, str]]:
        """Delete each row in turn."""
        for row_id, row in self.rows(table).items():
            self.delete(table, row_id)
            yield row_id, f"{table} without row {row_id}"
            self.insert(table, row, row_id)

    def row_edits(self, table: str, keys: list[str], targets: Collection[int]) -> Iterator[str]:
        """Double each target, and put all of any other row but its key, or but any one column, into it."""
        rows = self.rows(table)
        kept_columns = [keys, *([column] for column in self.columns(table))]
        for row_id, row in rows.items():
            if row_id not in targets:
                continue
            for other_id, other in rows.items():
                if other_id == row_id:
                    continue
                for kept in kept_columns:
                    values = {name: value for name, value in other.items() if name not in kept}
                    if values:
                        with self.changed(table, row_id, row, values):
                            yield f"{table} row {row_id} has all of {other_id} but {kept}"
                double = self.insert(table, {**other, **{name: row[name] for name in keys}})
                yield f"{table} has row {row_id} twice, once with the content of {other_id}"
                self.delete(table, row_id)
                yield f"{table} has row {row_id} only with the content of {other_id}"
                self.insert(table, row, row_id)
                self.delete(table, double)

    def table_edits(self, table: str) -> Iterator[str]:
        """Take a table away, or empty it."""
        self._connection.execute(f'ALTER TABLE "{table}" RENAME TO "{table} away"')
        yield f"no table {table}"
        self._connection.execute(f'ALTER TABLE "{table} away" RENAME TO "{table}"')
        rows = self.rows(table)
        for row_id in rows:
            self.delete(table, row_id)
        yield f"{table} is empty"
        for row_id, row in rows.items():
            self.insert(table, row, row_id)


class TreeVandal:
    """Edits the files of a folder of trees."""

    def __init__(self, folder: Path) -> None:
        self._time = 0
        """Nanoseconds: of the last edit."""
        self.files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))

    def byte_edits(self, file: Path) -> Iterator[str]:
        """Change every byte, one by one; in the header also with its checksum put right again."""
        whole = file.read_bytes()
        for place in range(len(whole)):
            yield from self._written(file, whole, flipped(whole, place), f"byte {place} of {file.name[:8]}")
            if place < HEADER.size:
                checked = flipped(whole, place)[: HEADER.size - 16]
                again = checked + hashlib.sha256(checked).digest()[:16] + whole[HEADER.size :]
                yield from self._written(file, whole, again, f"byte {place} of {file.name[:8]} with a new checksum")

    def unit_edits(self, file: Path) -> Iterator[str]:
        """Exchange each two units, give each one the parts of every other, of other files too, and the other way round."""
        whole = file.read_bytes()
        own = self._units(whole)
        foreign = [unit for other in self.files if other != file for _, unit in self._units(other.read_bytes())]
        for at, unit in own:
            for other_at, other in own:
                if at < other_at:
                    exchanged = bytearray(whole)
                    exchanged[at : at + UNIT.size], exchanged[other_at : other_at + UNIT.size] = other, unit
                    yield from self._written(file, whole, bytes(exchanged), f"units at {at} and {other_at} exchanged")
            for other in (*(other for _, other in own), *foreign):
                mixes = [other]
                mine, theirs = UNIT.unpack(unit), UNIT.unpack(other)
                for part in range(len(mine)):
                    mixes.append(UNIT.pack(*mine[:part], theirs[part], *mine[part + 1 :]))
                    mixes.append(UNIT.pack(*theirs[:part], mine[part], *theirs[part + 1 :]))
                for mix in mixes:
                    changed = whole[:at] + mix + whole[at + UNIT.size :]
                    yield from self._written(file, whole, changed, f"unit at {at} mixed with {other.hex()[:40]}")

    def plant(self, file: Path, rank: int, unit: bytes) -> None:
        """Put a unit in the place of another one, for good."""
        whole = file.read_bytes()
        at, _ = self._units(whole)[rank]
        file.write_bytes(whole[:at] + unit + whole[at + UNIT.size :])

    def file_edits(self, file: Path) -> Iterator[str]:
        """Cut, lengthen, empty, exchange and remove the file."""
        whole = file.read_bytes()
        for length in range(0, len(whole), 37):
            yield from self._written(file, whole, whole[:length], f"{file.name[:8]} cut to {length}")
        others = [other.read_bytes() for other in self.files if other != file]
        for content in (whole + b"\0", whole + whole, bytes(len(whole)), whole[::-1], *others):
            yield from self._written(file, whole, content, f"{file.name[:8]} with other content")
        replacements: list[Callable[[], None]] = [
            lambda: None,
            file.mkdir,
            lambda: file.symlink_to(file),
            lambda: file.symlink_to("/dev/zero"),
        ]
        for make in replacements:
            file.unlink()
            make()
            yield f"{file.name[:8]} removed or replaced"
            self._remove(file)
            file.write_bytes(whole)

    @contextmanager
    def without(self, file: Path) -> Iterator[None]:
        """Take a file away for as long as the context lasts."""
        whole = file.read_bytes()
        file.unlink()
        yield
        file.write_bytes(whole)

    @staticmethod
    def _units(whole: bytes) -> list[tuple[int, bytes]]:
        """Return where each unit of a file is, and its bytes."""
        header = read_header(whole[: HEADER.size])
        places = [header.units_at + UNIT.size * rank for rank in range(header.unit_count)]
        return [(place, whole[place : place + UNIT.size]) for place in places]

    def _written(self, file: Path, before: bytes, after: bytes, what: str) -> Iterator[str]:
        if after != before:
            self._write(file, after)
            try:
                yield what
            finally:
                self._write(file, before)

    def _remove(self, file: Path) -> None:
        remove: Callable[[], None] = file.rmdir if file.is_dir() and not file.is_symlink() else file.unlink
        with suppress(FileNotFoundError):
            remove()

    def _write(self, file: Path, content: bytes) -> None:
        """Give a file another content, and another time: two edits within a tick of the clock would look like one.

        It is written over, because file systems take their time over a file that was emptied first.
        """
        self._time += 1
        descriptor = os.open(file, os.O_WRONLY)
        try:
            os.pwrite(descriptor, content, 0)
            os.ftruncate(descriptor, len(content))
            os.utime(descriptor, ns=(self._time, self._time))
        finally:
            os.close(descriptor)
