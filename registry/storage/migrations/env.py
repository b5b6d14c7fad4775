"""How Alembic runs our migrations: on a connection that the caller opened and whose transaction the caller ends."""

from __future__ import annotations

from alembic import context

from registry.storage import account_tables, case_tables, result_tables, telling_tables  # noqa: F401  # on the same metadata
from registry.storage.tables import metadata

connection = context.config.attributes["connection"]
if connection.dialect.name == "sqlite":
    # Python's driver begins a transaction only where rows change: what makes and drops tables would be kept at once, by half.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
