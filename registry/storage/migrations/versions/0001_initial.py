"""Batches, units, profiles."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite numbers the rows of a primary key by itself only if its type is INTEGER.
INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "batches",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("manufacturer", INTEGER, nullable=False),
        sa.Column("run", sa.String(100), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("key", sa.String(42), nullable=False),
        sa.Column("seal", sa.LargeBinary(32), nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("unit_count", INTEGER, nullable=False),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", INTEGER, nullable=False),
        sa.Column("raw_transaction", sa.LargeBinary()),
        sa.Column("transaction_hash", sa.LargeBinary(32)),
        sa.Column("anchored_block", INTEGER),
        sa.Column("anchored_at", INTEGER),
        sa.CheckConstraint("length(seal) = 32", name="seal_length"),
        sa.CheckConstraint("length(salt) = 32", name="salt_length"),
        sa.CheckConstraint("unit_count > 0", name="unit_count_positive"),
        sa.CheckConstraint("state IN ('sealed', 'submitted', 'anchored', 'final', 'withdrawn')", name="state_known"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("manufacturer", "run"),
        sa.UniqueConstraint("seal"),
    )
    op.create_table(
        "units",
        sa.Column("gtin", sa.String(14), nullable=False),
        sa.Column("serial", sa.String(20), nullable=False),
        sa.Column("lot", sa.String(20), nullable=False),
        sa.Column("folded", sa.String(20), nullable=False),
        sa.Column("batch_id", INTEGER, nullable=False),
        sa.Column("row_index", INTEGER, nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("attributes", sa.LargeBinary()),
        sa.CheckConstraint("length(signature) = 64", name="signature_length"),
        sa.CheckConstraint("row_index >= 0", name="row_index_not_negative"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
        sa.PrimaryKeyConstraint("gtin", "serial"),
        sa.UniqueConstraint("folded", "gtin"),
        sa.UniqueConstraint("batch_id", "row_index"),
    )
    op.create_table(
        "profiles",
        sa.Column("profile_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(profile_hash) = 32", name="profile_hash_length"),
        sa.PrimaryKeyConstraint("profile_hash"),
    )


def downgrade() -> None:
    """Drop the tables."""
    op.drop_table("profiles")
    op.drop_table("units")
    op.drop_table("batches")
