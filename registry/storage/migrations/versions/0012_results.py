"""What the alliance publishes of closed cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.storage.append_only import forbid_changes, permit_changes

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table, of which no row is changed."""
    op.create_table(
        "published_results",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("revision", INTEGER, nullable=False),
        sa.Column("published_at", INTEGER, nullable=False),
        sa.Column("who", INTEGER, nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("cases", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("month", "revision"),
        sa.CheckConstraint("length(sha256) = 32", name="sha256_length"),
    )
    forbid_changes(op.get_bind(), "published_results")


def downgrade() -> None:
    """Remove the table, and with it everything that was published."""
    permit_changes(op.get_bind(), "published_results")
    op.drop_table("published_results")
