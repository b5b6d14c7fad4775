"""How Alembic runs our migrations: on a connection that the caller opened and whose transaction the caller ends."""

from __future__ import annotations

from alembic import context

from registry.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
