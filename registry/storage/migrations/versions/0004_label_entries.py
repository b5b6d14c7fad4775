"""What is on record about the labels of each batch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "label_entries",
        sa.Column("batch_id", INTEGER, nullable=False),
        sa.Column("number", INTEGER, nullable=False),
        sa.Column("time", INTEGER, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("name", sa.String(1000)),
        sa.Column("checksum", sa.String(64)),
        sa.Column("units", INTEGER, nullable=False),
        sa.Column("lines", INTEGER, nullable=False),
        sa.Column("reason", sa.String(1000)),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.Column("overruns", sa.LargeBinary(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.CheckConstraint("number > 0", name="number_positive"),
        sa.CheckConstraint("length(digest) = 32", name="digest_length"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
        sa.PrimaryKeyConstraint("batch_id", "number"),
    )


def downgrade() -> None:
    """Drop it, and with it what was on record."""
    op.drop_table("label_entries")
