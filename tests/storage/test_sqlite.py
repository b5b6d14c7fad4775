"""The store over a file of SQLite, which holds whatever somebody puts into it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from registry.errors import DocumentError, StoreDamaged, StoreError, StoreUnavailable
from registry.storage.store import Store
from registry.storage.tables import metadata
from registry.units.records import UnitId
from tests.issuing.samples import GTIN, KEY, sealed_batch, serials
from tests.storage.store_conformance import StoreConformance

if TYPE_CHECKING:
    from pathlib import Path

STRANGE = [None, 0, -1, 2**62, 1e300, "text", "", "\0", "批", b"", b"\xff" * 3, b"\xff" * 70, bytes(2**16)]
COLUMNS = [(table.name, column.name) for table in metadata.sorted_tables for column in table.columns]


class TestSQLite(StoreConformance):
    """SQLite keeps the promises of a store."""

    @pytest.fixture
    def url(self, sqlite_url: str) -> str:
        """Give the URL of an SQLite file that is not there yet."""
        return sqlite_url

    def without(self, constraint: str | None, table: str) -> list[str]:
        """Return the statement that stops SQLite from checking: it cannot drop a constraint."""
        del table
        return ["PRAGMA ignore_check_constraints = ON"] if constraint else []

    def test_no_other_kind_of_database_is_opened(self, trees: Path) -> None:
        """A database in memory, another engine, and nonsense are refused with what was expected."""
        for url in ("sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense", ""):
            with pytest.raises(DocumentError, match="expected"):
                Store.open(url, trees, create=True)

    def test_a_missing_file_is_not_made_by_reading(self, url: str, trees: Path, tmp_path: Path) -> None:
        """Opening to read makes no file."""
        with pytest.raises(StoreUnavailable, match="no database"):
            Store.open(url, trees)
        assert list(tmp_path.iterdir()) == []

    def test_a_file_that_is_no_database_is_damage(self, url: str, trees: Path, tmp_path: Path) -> None:
        """A file of something else is damage, for reader and writer."""
        (tmp_path / "registry.db").write_bytes(b"something else " * 1000)
        for create in (False, True):
            with pytest.raises(StoreDamaged, match="not a database"):
                Store.open(url, trees, create=create)

    def test_a_folder_in_place_of_the_file_could_not_be_asked(self, url: str, trees: Path, tmp_path: Path) -> None:
        """What cannot be opened is unavailable, not damaged."""
        (tmp_path / "registry.db").mkdir()
        with pytest.raises(StoreUnavailable, match="unable to open"):
            Store.open(url, trees)

    def test_a_locked_database_could_not_be_asked(
        self, url: str, trees: Path, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A database that somebody else holds is unavailable."""
        assert store.batches() == ()
        monkeypatch.setattr("registry.storage.schema.BUSY_SECONDS", 0.01)
        with Store.open(url, trees, create=True) as waiting, closing(sqlite3.connect(tmp_path / "registry.db")) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StoreUnavailable, match="locked"):
                waiting.add_batch(sealed_batch(tmp_path, serials(1)), manufacturer=1, run="first", key=KEY)

    def test_a_database_that_was_put_back_is_read(
        self, url: str, trees: Path, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A running reader notices that another file took the place of the database, and that none did."""
        monkeypatch.setattr("registry.storage.index.LOOK_EVERY", 0.0)
        file, unit = tmp_path / "registry.db", UnitId(GTIN, serials(1)[0])
        with closing(sqlite3.connect(file)) as database, closing(sqlite3.connect(tmp_path / "backup.db")) as backup:
            database.backup(backup)
        store.add_batch(sealed_batch(tmp_path, serials(2)), manufacturer=1, run="first", key=KEY)
        store.close()
        with Store.open(url, trees) as reading:
            assert reading.find(unit) is not None
            assert len(reading.batches()) == 1
            file.rename(tmp_path / "away.db")
            for ask in (lambda: reading.find(unit), reading.batches):
                with pytest.raises(StoreUnavailable):
                    ask()
            assert not file.exists()
            (tmp_path / "backup.db").rename(file)
            assert reading.find(unit) is None
            assert reading.batches() == ()
            (tmp_path / "away.db").replace(file)
            assert reading.find(unit) is not None
            assert len(reading.batches()) == 1

    @pytest.mark.parametrize(("table", "column"), COLUMNS)
    def test_strange_values_are_damage_or_no_record(self, table: str, column: str, store: Store, tmp_path: Path) -> None:
        """Whatever stands in any column, reading raises a store's error or answers; it never crashes."""
        batch = sealed_batch(tmp_path, serials(2))
        batch_id = store.add_batch(batch, manufacturer=1, run="first", key=KEY)
        profile = store.add_profile(b"{}")
        names = ", ".join(one.name for one in metadata.tables[table].columns)
        with closing(sqlite3.connect(tmp_path / "registry.db")) as database:
            # Whoever owns the file can rebuild a table without types, keys and checks.
            database.execute("PRAGMA foreign_keys = OFF")
            database.execute(f"CREATE TABLE again ({names})")
            database.execute(f"INSERT INTO again SELECT {names} FROM {table}")
            database.execute(f"DROP TABLE {table}")
            database.execute(f"ALTER TABLE again RENAME TO {table}")
            if not database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]:
                database.execute(f"INSERT INTO {table} ({column}) VALUES (1)")
            database.commit()
            (row, before) = database.execute(f"SELECT rowid, {column} FROM {table} ORDER BY rowid").fetchone()
            for value in STRANGE:
                database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, row))
                database.commit()
                store._claims.clear()
                self.read_everything(store, batch_id, batch.seal, profile)
                database.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (before, row))
                database.commit()

    def read_everything(self, store: Store, batch_id: int, seal: bytes, profile: bytes) -> None:
        """Read by every method; only a store's errors may come."""
        for read in (
            lambda: [store.find(UnitId(GTIN, serial)) for serial in serials(2)],
            lambda: store.find_typed(serials(1)[0]),
            lambda: list(store.labels(batch_id)),
            lambda: list(store.rows(batch_id)),
            store.batches,
            lambda: store.batch(seal),
            lambda: store.batch_by_run(1, "first"),
            lambda: store.conflicts(GTIN, serials(2)),
            lambda: store.profile(profile),
        ):
            with suppress(StoreError):
                read()

    def test_text_that_is_not_utf8_is_damage(self, store: Store, tmp_path: Path) -> None:
        """Bytes that SQLite calls text and that are none are damage."""
        store.add_batch(sealed_batch(tmp_path, serials(1)), manufacturer=1, run="first", key=KEY)
        with closing(sqlite3.connect(tmp_path / "registry.db")) as database:
            database.execute("UPDATE batches SET run = CAST(x'ff' AS TEXT)")
            database.commit()
        with pytest.raises(StoreDamaged, match="UTF-8"):
            store.batches()

    def test_a_reader_reads_while_a_batch_is_written(self, url: str, trees: Path, store: Store, tmp_path: Path) -> None:
        """A check is answered from what was there before, however long a writer takes."""
        store.add_batch(sealed_batch(tmp_path, serials(3)), manufacturer=1, run="first", key=KEY)
        seen: list[object] = []
        with Store.open(url, trees) as reading:
            store.add_batch(
                sealed_batch(tmp_path, serials(3, start=50)),
                manufacturer=1,
                run="second",
                key=KEY,
                progress=lambda _: seen.extend(
                    [reading.find(UnitId(GTIN, serials(1)[0])), reading.find(UnitId(GTIN, serials(1, start=50)[0]))]
                ),
            )
            assert seen[0] is not None
            assert seen[1] is None
            assert reading.find(UnitId(GTIN, serials(1, start=50)[0])) is not None
