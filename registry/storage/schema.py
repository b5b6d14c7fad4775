"""Opens databases: which engines we speak to and how, whether the tables are ours, and what each engine's errors mean to us."""

from __future__ import annotations

import fcntl
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from sqlalchemy import URL, Engine, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy import exc as sql

from registry.errors import DocumentError, StoreDamaged, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.config import Config
    from sqlalchemy import PoolProxiedConnection
    from sqlalchemy.pool import ConnectionPoolEntry

HEAD = "0014"
"""The revision of the tables that this code works with; a test compares it with the newest migration."""
ATTEMPTS = 20
"""Processes that start together all find no tables: one makes them, the others look again."""
BUSY_SECONDS = 10
CACHE = 16 * 1024
"""KiB of pages of an SQLite file that a reader keeps: those that lead to a hundred million units, several times over."""
CONNECT_SECONDS = 5
FILE = "file"
PLACE = "place"
"""What a connection remembers: which file it opened, and where."""
MIGRATING = 7_846_321_904
"""The lock of PostgreSQL that whoever changes the tables holds; any number that nobody else uses."""
DENIED = "42501"
"""PostgreSQL's code for what a role may not do."""
DAMAGE = {"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_MISMATCH", "SQLITE_FORMAT"}


def open_engine(url: str, *, create: bool) -> Engine:
    """Return an engine that may write if `create`, and only read otherwise.

    Raises `DocumentError` for a URL of another engine and `StoreUnavailable` if an SQLite file is not there and may not be
    made.
    """
    try:
        parsed = make_url(url)
    except (sql.ArgumentError, ValueError) as error:
        raise DocumentError("the database URL does not parse, expected one such as sqlite:///var/registry.db") from error
    if parsed.get_backend_name() == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        return _open_sqlite(parsed, create=create)
    if parsed.get_backend_name() == "postgresql":
        return _open_postgresql(parsed, create=create)
    raise DocumentError(
        f"the database URL names {parsed.get_backend_name()}, expected a file of sqlite or a server of postgresql"
    )


def check_schema(engine: Engine) -> None:
    """Raise `StoreUnavailable` unless the tables are exactly of our revision."""
    found = revision(engine)
    if found is None:
        raise StoreUnavailable(
            "the database has no tables of the registry", hint="a command that registers creates them; then start again"
        )
    if found != HEAD:
        raise StoreUnavailable(
            f"the database's tables are of revision {found}, expected {HEAD}",
            hint="bring database and program to the same version",
        )


def revision(engine: Engine) -> str | None:
    """Return the revision of the tables, or none if there are none. Raises as `asking` does."""
    with asking(), engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all()
    return None if not found else ", ".join(str(version) for version in found)


def migrate(engine: Engine, target: str = "head", *, trees: Path | None = None) -> None:
    """Bring the tables to a revision, upwards or (if the one they have is newer) downwards. Raises as `asking` does.

    `trees` is the folder of tree files: a migration that moves what is in them needs it as soon as there is a batch.
    Raises `StoreUnavailable` if they are of a revision that a newer version made.
    """
    from alembic import command  # noqa: PLC0415  # takes a moment to load, and the web app never needs it
    from alembic.util import CommandError  # noqa: PLC0415  # the same

    newer = target == "base" or (target != "head" and target < (revision(engine) or ""))
    with asking(), engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # machines that start together: one makes the tables, the others find them
            connection.execute(select(func.pg_advisory_xact_lock(MIGRATING)))
        change = command.downgrade if newer else command.upgrade
        try:
            change(migration_config(connection, trees), target)
        except CommandError as error:
            raise StoreUnavailable(
                f"the database's tables are of a revision that this version cannot change to {target}: {error}",
                hint="a newer version made them: install that one, or bring a backup of before back",
            ) from error


def make_tables(engine: Engine) -> None:
    """Bring a database that needs no tree files to our revision, unless another process does so at this moment.

    Then it looks again until they are there. Raises as `asking` does.
    """
    if revision(engine) == HEAD:
        return
    for attempt in range(ATTEMPTS):
        try:
            with _alone(engine):
                if revision(engine) != HEAD:
                    migrate(engine)
        except StoreError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(0.1)
        else:
            return


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Keep other processes from making the tables of an SQLite file at the same time; PostgreSQL makes them all or none."""
    if engine.dialect.name != "sqlite":
        yield
        return
    file = Path(unquote(str(engine.url.database).removeprefix("file:")))
    with file.with_name(f"{file.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def migration_config(connection: object = None, trees: Path | None = None) -> Config:
    """Return Alembic's settings: our migrations, on this connection and this folder of tree files."""
    from alembic.config import Config  # noqa: PLC0415  # the same

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["trees"] = trees
    return config


def is_stale(connection: PoolProxiedConnection) -> bool:
    """Say whether a connection is one to a file of SQLite that is not there any more: removed, or replaced by another."""
    file = connection.info.get(PLACE)
    return file is not None and connection.info[FILE] != _mark(file)


@contextmanager
def asking() -> Iterator[None]:
    """Turn every error of SQLAlchemy and its drivers into `StoreUnavailable` (could not ask) or `StoreDamaged`."""
    try:
        yield
    except (sql.SQLAlchemyError, UnicodeError) as error:
        raise meaning(error) from error


def meaning(error: Exception) -> Exception:
    """Return what an error of SQLAlchemy means to us.

    A value that our own code should not have asked to be stored stays the `TypeError` that it is.
    """
    orig = getattr(error, "orig", None)
    if isinstance(orig, (StoreError, TypeError)):
        return orig
    what = str(orig or error).strip().split("\n")[0]
    if _is_damage(error, orig):
        return StoreDamaged(f"the database contradicts itself: {what}", hint="bring it back from a backup")
    return StoreUnavailable(f"the database could not be asked: {what}", hint="see that it runs, has room and may be reached")


def _is_damage(error: Exception, orig: object) -> bool:
    """Say whether an error is about what is stored, not about whether we could ask."""
    if isinstance(orig, sqlite3.Error):
        name = getattr(orig, "sqlite_errorname", "")
        words = ("no such table", "no such column", "decode to UTF-8")
        return any(name.startswith(damage) for damage in DAMAGE) or any(word in str(orig) for word in words)
    unreachable = (sql.OperationalError, sql.InterfaceError, sql.TimeoutError, sql.InternalError, sql.DisconnectionError)
    return not isinstance(error, unreachable) and getattr(orig, "sqlstate", None) != DENIED


def _open_sqlite(url: URL, *, create: bool) -> Engine:
    file = Path(str(url.database)).absolute()
    if create:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"the database's folder cannot be made: {error.strerror or error}") from error
    elif not file.exists():
        raise StoreUnavailable(f"there is no database at {file}", hint="a command that registers creates it; then start again")
    # `rw` never makes a file: one that vanishes under a running program must not come back empty.
    mode = "rwc" if create else "rw"
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=f"file:{quote(str(file))}", query={"mode": mode, "uri": "true"}),
        connect_args={"timeout": BUSY_SECONDS},
        **_transactions(create=create),
    )

    @event.listens_for(engine, "checkout")
    def look(connection: object, record: ConnectionPoolEntry, proxy: object) -> None:
        del connection, proxy
        if record.info[FILE] != _mark(file):
            raise sql.DisconnectionError("the database file was replaced")

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys = ON")
        if create:
            cursor.execute("PRAGMA journal_mode = WAL")
            # A batch must survive a power cut before anything is paid for it.
            cursor.execute("PRAGMA synchronous = FULL")
        else:
            cursor.execute("PRAGMA query_only = ON")
            cursor.execute(f"PRAGMA cache_size = -{CACHE}")
        cursor.close()
        record.info[FILE] = _mark(file)
        record.info[PLACE] = file

    return engine


def _mark(file: Path) -> tuple[int, int] | None:
    """Return what tells a file from another of the same name, or none if it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _open_postgresql(url: URL, *, create: bool) -> Engine:
    arguments: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS}
    if not create:
        arguments["options"] = "-c default_transaction_read_only=on"
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args=arguments,
        pool_pre_ping=True,
        pool_timeout=CONNECT_SECONDS,
        **_transactions(create=create),
    )


def _transactions(*, create: bool) -> dict[str, Any]:
    """Return how transactions are made: a reader reads what it needs by one statement and needs none around it."""
    return {} if create else {"isolation_level": "AUTOCOMMIT"}
