"""Cases, their events and files, and the brands' guides; rows that stand for good are kept by the database itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from registry.storage.append_only import forbid_changes, permit_changes

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FOR_GOOD = ("case_events", "case_files", "guides", "guide_pictures")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "cases",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("office", INTEGER, nullable=False),
        sa.Column("number", INTEGER, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16)),
        sa.Column("opened_at", INTEGER, nullable=False),
        sa.Column("changed_at", INTEGER, nullable=False),
        sa.Column("closed_at", INTEGER, nullable=False),
        sa.Column("held", INTEGER, nullable=False),
        sa.Column("reference", sa.String(4000)),
        sa.Column("region", sa.String(4000)),
        sa.Column("product_group", sa.String(4000)),
        sa.Column("lines", INTEGER, nullable=False),
        sa.Column("photos", INTEGER, nullable=False),
        sa.Column("told", INTEGER, nullable=False),
        sa.Column("searched", sa.String(32000)),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_cases_office", "cases", ["office", "changed_at"])
    op.create_table(
        "case_events",
        sa.Column("case_id", sa.String(12), nullable=False),
        sa.Column("number", INTEGER, nullable=False),
        sa.Column("time", INTEGER, nullable=False),
        sa.Column("who", INTEGER, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("why", sa.String(4000)),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "number"),
        sa.CheckConstraint("length(sha256) = 32", name="sha256_length"),
    )
    op.create_table(
        "case_units",
        sa.Column("case_id", sa.String(12), nullable=False),
        sa.Column("gtin", sa.String(14), nullable=False),
        sa.Column("serial", sa.String(20), nullable=False),
        sa.Column("copied", INTEGER, nullable=False),
        sa.Column("stolen", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("case_id", "gtin", "serial"),
    )
    op.create_index("ix_case_units_unit", "case_units", ["gtin", "serial"])
    op.create_table(
        "case_files",
        sa.Column("case_id", sa.String(12), nullable=False),
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "id"),
    )
    op.create_table(
        "guides",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("manufacturer", INTEGER, nullable=False),
        sa.Column("gtin", sa.String(14), nullable=False),
        sa.Column("version", INTEGER, nullable=False),
        sa.Column("time", INTEGER, nullable=False),
        sa.Column("who", INTEGER, nullable=False),
        sa.Column("why", sa.String(1000)),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("manufacturer", "gtin", "version"),
    )
    op.create_table(
        "guide_pictures",
        sa.Column("manufacturer", INTEGER, nullable=False),
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("manufacturer", "id"),
    )
    for table in FOR_GOOD:
        forbid_changes(op.get_bind(), table)


def downgrade() -> None:
    """Remove them, and with them every case."""
    for table in FOR_GOOD:
        permit_changes(op.get_bind(), table)
    for table in ("guide_pictures", "guides", "case_files", "case_units", "case_events", "cases"):
        op.drop_table(table)
