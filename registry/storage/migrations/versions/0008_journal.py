"""The journal of the desk, the hashes of it that were anchored, and what the notary is asked to do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.storage.append_only import forbid_changes, permit_changes

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables; entries can be added to the journal, and not be changed or removed."""
    op.create_table(
        "journal",
        sa.Column("number", INTEGER, nullable=False, autoincrement=False),
        sa.Column("time", INTEGER, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("subject", sa.String(100), nullable=False),
        sa.Column("canonical", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_journal_subject", "journal", ["subject"])
    op.create_table(
        "journal_heads",
        sa.Column("id", INTEGER, nullable=False, autoincrement=False),
        sa.Column("number", INTEGER, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("registry_id", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("id = 1", name="one"),
    )
    op.create_table(
        "notary_work",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("subject", sa.String(100), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("asked_at", INTEGER, nullable=False),
        sa.Column("attempts", INTEGER, nullable=False),
        sa.Column("next_at", INTEGER, nullable=False),
        sa.Column("done_at", INTEGER),
        sa.Column("number", INTEGER),
        sa.Column("result", sa.LargeBinary()),
        sa.Column("problem", sa.String(1000)),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "hash"),
        sa.CheckConstraint("state IN ('queued', 'done')", name="state_known"),
        sa.CheckConstraint("kind IN ('case', 'journal', 'sheet')", name="kind_known"),
    )
    op.create_index("ix_notary_work_next_at", "notary_work", ["state", "next_at"])
    forbid_changes(op.get_bind(), "journal")


def downgrade() -> None:
    """Remove them, and with them what was done."""
    permit_changes(op.get_bind(), "journal")
    op.drop_table("notary_work")
    op.drop_table("journal_heads")
    op.drop_table("journal")
