"""Tables whose rows are added and never changed or removed: the database itself refuses it.

It keeps honest programs honest. Whoever owns the database can take the triggers away; what was anchored on the chain shows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import event, text

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection, Table

FUNCTION: Final = "touchstone_append_only"
ACTS: Final = ("UPDATE", "DELETE")


def forbid_changes(connection: Connection, table: str) -> None:
    """Have the database refuse to change or remove rows of a table."""
    if connection.dialect.name == "sqlite":
        for act in ACTS:
            connection.execute(text(
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are only added'); END"
            ))  # fmt: skip
        return
    connection.execute(text(
        f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'rows of % are only added', TG_TABLE_NAME; END $$"
    ))  # fmt: skip
    connection.execute(text(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
    ))  # fmt: skip


def permit_changes(connection: Connection, table: str) -> None:
    """Take the refusals away, for a table that goes."""
    if connection.dialect.name == "sqlite":
        for act in ACTS:
            connection.execute(text(f"DROP TRIGGER {table}_no_{act.lower()}"))
    else:
        connection.execute(text(f"DROP TRIGGER {table}_no_change ON {table}"))


def append_only(table: Table) -> Table:
    """Return a table that is made with the refusals."""

    @event.listens_for(table, "after_create")
    def forbid(target: Table, connection: Connection, **_: Any) -> None:
        forbid_changes(connection, target.name)

    return table
