"""Migrations lead to exactly the tables of `registry.storage.tables`, on both engines, and back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from registry.storage import schema
from registry.storage.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine


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
                "indexes": sorted(map(str, found.get_indexes(table))),
            }
            for table in tables
        }

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

    def test_every_migration_can_be_taken_back(self, engine: Engine) -> None:
        """Up, down to nothing, and up again."""
        schema.migrate(engine)
        first = self.described(engine)
        schema.migrate(engine, "base")
        assert self.described(engine) == {}
        assert schema.revision(engine) is None
        schema.migrate(engine)
        assert self.described(engine) == first


class TestSQLite(Migrations):
    """Migrations over SQLite."""

    @pytest.fixture
    def url(self, sqlite_url: str) -> str:
        """Give the URL of an SQLite file that is not there yet."""
        return sqlite_url


@pytest.mark.xdist_group("postgresql")
class TestPostgreSQL(Migrations):
    """Migrations over PostgreSQL."""

    @pytest.fixture
    def url(self, postgresql_url: str) -> str:
        """Give the URL of an empty database."""
        return postgresql_url


def test_the_revision_expected_is_the_newest_one() -> None:
    """The program expects the newest migration, and there is one line of them."""
    assert ScriptDirectory.from_config(schema.migration_config()).get_heads() == [schema.HEAD]
