"""Migrations lead to exactly the tables of `registry.storage.tables`, on both engines, and back."""

from __future__ import annotations

import hashlib
import os
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect, text

from registry.errors import StoreError
from registry.proofs import encoding
from registry.storage import schema
from registry.storage.store import Store
from registry.storage.tables import metadata
from registry.units.records import Record
from tests.issuing.samples import KEY, REGISTRY_ID, sealed_batch, serials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from registry.checking.claims import ClaimedUnit


class Stopped(BaseException):
    """Ends a migration where it is, as a kill does."""


class StoppedBefore:
    """Counts moments, and stops before one of them."""

    def __init__(self) -> None:
        self._left: int | None = None

    def at(self, moment: int | None) -> None:
        """Stop before that moment from now on, or never."""
        self._left = moment

    def count(self) -> None:
        """Stop, if this is the moment."""
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise Stopped

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return work that counts as a moment before it, and as one after it."""

        def counted(*arguments: Any, **named: Any) -> Any:
            self.count()
            done = work(*arguments, **named)
            self.count()
            return done

        return counted


class Migrations:
    """Subclasses give the fixture `url`: an empty database."""

    @pytest.fixture
    def engine(self, url: str) -> Iterator[Engine]:
        """Give an engine that may write."""
        engine = schema.open_engine(url, create=True)
        yield engine
        engine.dispose()

    def described(self, engine: Engine) -> dict[str, Any]:
        """Return all that the engine knows of each table."""
        found = inspect(engine)
        tables = sorted(set(found.get_table_names()) - {"alembic_version"})
        return {
            table: {
                "columns": [{**column, "type": str(column["type"])} for column in found.get_columns(table)],
                "primary key": found.get_pk_constraint(table),
                "foreign keys": found.get_foreign_keys(table),
                "unique": sorted(map(str, found.get_unique_constraints(table))),
                "checks": sorted(re.sub(r"\s+", " ", str(check)) for check in found.get_check_constraints(table)),
                "indexes": sorted(map(self.index, found.get_indexes(table))),
            }
            for table in tables
        }

    def index(self, described: Any) -> str:
        """Return an index as text, the condition of a partial one included."""
        options = {name: str(value) for name, value in described.get("dialect_options", {}).items()}
        return str({**described, "dialect_options": options})

    def test_head_is_what_the_tables_say(self, engine: Engine) -> None:
        """Migrated and created from the tables, a database is the same."""
        schema.migrate(engine)
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []
        migrated = self.described(engine)
        assert schema.revision(engine) == schema.HEAD
        schema.migrate(engine, "base")
        metadata.create_all(engine)
        assert migrated == self.described(engine)
        assert set(migrated) == set(metadata.tables)

    def stored(self, url: str, folder: Path) -> dict[str, list[ClaimedUnit | None]]:
        """Fill a store with two batches; returns all that is found of each unit."""
        with Store.open(url, folder / "trees", create=True) as store:
            for number, wanted in enumerate((serials(30), [f"a-{place}" for place in range(7)])):
                with store.exclusive(), store.workroom() as room:
                    sealed = sealed_batch(room, wanted, label=str(number))
                    store.add_batch(sealed, manufacturer=1, run=f"run {number}", key=KEY)
        return self.found(url, folder)

    def found(self, url: str, folder: Path) -> dict[str, list[ClaimedUnit | None]]:
        """Return all that is found of each unit, and how the whole files read."""
        with Store.open(url, folder / "trees", create=True) as store:
            for batch in store.batches():
                store.tree(batch.seal).check()
            return {
                batch.seal.hex(): [store.find(record.id) for record, _, _ in store.labels(batch.id)]
                for batch in store.batches()
            }

    def test_units_move_into_their_files_and_back(self, engine: Engine, url: str, tmp_path: Path) -> None:
        """Down and up again, every unit is found with the same signature, attributes and path, and the files are the same."""
        before = self.stored(url, tmp_path)
        files = {path.name: path.read_bytes() for path in (tmp_path / "trees").iterdir() if len(path.name) == 64}
        assert len(before) == len(files) == 2
        schema.migrate(engine, "0001", trees=tmp_path / "trees")
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT * FROM units")).mappings().all()
        old = {(row["gtin"], row["serial"]): row for row in rows}
        for name, units in before.items():
            raw = (tmp_path / "trees" / name).read_bytes()
            magic, version, count, root, checksum, _ = OLD_HEADER.unpack_from(raw)
            assert (magic, version, count) == (b"TSTREE\0\0", 1, len(units))
            assert checksum == hashlib.sha256(raw[OLD_HEADER.size :]).digest()
            assert raw.endswith(files[name][-32 * (2 * count - 1) :])
            for unit in units:
                assert unit is not None
                assert root == unit.batch.root
                row = old[unit.gtin, unit.serial]
                assert (row["lot"], row["row_index"], row["signature"]) == (unit.lot, unit.index, unit.signature)
                assert row["attributes"] == unit.attributes
                hasher = encoding.RecordHasher(REGISTRY_ID)
                start = OLD_HEADER.size + 96 * unit.index
                assert raw[start + 32 : start + 64] == hasher.digest(Record(unit.gtin, unit.lot, unit.serial))
        assert self.found(url, tmp_path) == before
        assert {path.name: path.read_bytes() for path in (tmp_path / "trees").iterdir() if len(path.name) == 64} == files

    def test_old_files_become_new_ones(self, engine: Engine, url: str, tmp_path: Path) -> None:
        """A store that only ever knew the old form comes up whole, also when an earlier attempt stopped between two files."""
        before = self.stored(url, tmp_path)
        schema.migrate(engine, "0001", trees=tmp_path / "trees")
        new = sorted((tmp_path / "trees").glob("*.batch"))
        assert len(new) == 2
        new[0].replace(new[0].with_suffix(""))  # the attempt got this far
        new[1].unlink()
        assert self.found(url, tmp_path) == before

    def test_a_lost_file_stops_a_migration(self, engine: Engine, url: str, tmp_path: Path) -> None:
        """Without its tree a batch cannot move: nothing is changed, and what is missing is named."""
        before = self.stored(url, tmp_path)
        name = next(iter(before))
        schema.migrate(engine, "0001", trees=tmp_path / "trees")
        (tmp_path / "trees" / name).rename(tmp_path / "away")
        (tmp_path / "trees" / f"{name}.batch").unlink()
        with pytest.raises(StoreError, match=name):
            schema.migrate(engine, trees=tmp_path / "trees")
        assert schema.revision(engine) == "0001"
        (tmp_path / "away").rename(tmp_path / "trees" / name)
        assert self.found(url, tmp_path) == before

    def test_a_migration_that_is_stopped_anywhere_can_be_run_again(
        self, engine: Engine, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Stopped before any statement, or around any file, up or down, it ends right when it is run again; nothing is lost."""
        before = self.stored(url, tmp_path)
        stop = StoppedBefore()
        event.listen(engine, "before_cursor_execute", lambda *_: stop.count())
        for owner, name in ((os, "fsync"), (Path, "replace"), (Path, "hardlink_to")):
            monkeypatch.setattr(owner, name, stop.around(getattr(owner, name)))
        moment, last = 0, False
        while not last:
            last = True
            for target in ("0001", "head"):
                last &= not self.stopped(engine, target, tmp_path / "trees", stop, moment)
                schema.migrate(engine, target, trees=tmp_path / "trees")
                for new in (tmp_path / "trees").glob("*.batch"):
                    new.unlink()  # so that the way up is the one of a store that never was of the new form
            assert self.found(url, tmp_path) == before
            moment += self.step
        assert moment > 20

    step = 5
    """A test that stops at every moment stops at each of so many."""

    def stopped(self, engine: Engine, target: str, trees: Path, stop: StoppedBefore, moment: int) -> bool:
        """Migrate up to a moment; returns whether it came before the end."""
        stop.at(moment)
        try:
            schema.migrate(engine, target, trees=trees)
        except Stopped:
            return True
        finally:
            stop.at(None)
        return False

    def test_every_migration_can_be_taken_back(self, engine: Engine) -> None:
        """Up, down to nothing, and up again."""
        schema.migrate(engine)
        first = self.described(engine)
        schema.migrate(engine, "base")
        assert self.described(engine) == {}
        assert schema.revision(engine) is None
        schema.migrate(engine)
        assert self.described(engine) == first


OLD_HEADER = struct.Struct(">8sII32s32s16s")
"""Of a tree file before 0002: magic, version, count, root, sha256 of rows and nodes, a checksum."""


class TestSQLite(Migrations):
    """Migrations over SQLite."""

    @pytest.fixture
    def url(self, sqlite_url: str) -> str:
        """Give the URL of an SQLite file that is not there yet."""
        return sqlite_url


@pytest.mark.xdist_group("postgresql")
class TestPostgreSQL(Migrations):
    """Migrations over PostgreSQL."""

    step = 5

    @pytest.fixture
    def url(self, postgresql_url: str) -> str:
        """Give the URL of an empty database."""
        return postgresql_url


def test_the_revision_expected_is_the_newest_one() -> None:
    """The program expects the newest migration, and there is one line of them."""
    assert ScriptDirectory.from_config(schema.migration_config()).get_heads() == [schema.HEAD]
