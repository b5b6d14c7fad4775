"""Reminders of periods and recordals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "reminders",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("about", sa.String(200), nullable=False),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("made_at", INTEGER, nullable=False),
        sa.Column("attempts", INTEGER, nullable=False),
        sa.Column("due_at", INTEGER, nullable=False),
        sa.Column("leased_until", INTEGER, nullable=False),
        sa.Column("sent_at", INTEGER),
        sa.Column("last_error", sa.String(500)),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("about", "address"),
        sa.CheckConstraint("state IN ('queued', 'sent', 'failed', 'dead')", name="state_known"),
    )
    op.create_index("ix_reminders_due", "reminders", ["state", "due_at"])


def downgrade() -> None:
    """Remove the table; who was reminded of what is forgotten."""
    op.drop_table("reminders")
