"""Scans, and an account of those that were lost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "scans",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("gtin", sa.String(14), nullable=False),
        sa.Column("serial", sa.String(20), nullable=False),
        sa.Column("time", INTEGER, nullable=False),
        sa.Column("verdict", sa.String(24), nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_scans_unit", "scans", ["gtin", "serial", "time"])
    op.create_table(
        "scan_slots",
        sa.Column("slot", sa.String(32), nullable=False),
        sa.Column("stored", INTEGER, nullable=False),
        sa.Column("lost", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("slot"),
    )
    op.create_table(
        "scan_losses",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("slot", sa.String(32), nullable=False),
        sa.Column("time", INTEGER, nullable=False),
        sa.Column("reason", sa.String(8), nullable=False),
        sa.Column("scans", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    """Drop them, and with them what was recorded."""
    op.drop_table("scan_losses")
    op.drop_table("scan_slots")
    op.drop_table("scans")
