"""Counts of checks by network and minute."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "check_counts",
        sa.Column("bucket", sa.String(24), nullable=False),
        sa.Column("minute", INTEGER, autoincrement=False, nullable=False),
        sa.Column("taken", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("bucket", "minute"),
    )


def downgrade() -> None:
    """Remove the table; the next minute counts from nothing."""
    op.drop_table("check_counts")
