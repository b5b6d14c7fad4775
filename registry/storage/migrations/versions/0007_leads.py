"""Problems that people report, and an index by which a crowd's answers cannot hide what a person said of a unit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables, and the index in the place of a shorter one."""
    op.drop_index("ix_unit_marks_unit", "unit_marks")
    op.create_index("ix_unit_marks_kind", "unit_marks", ["gtin", "serial", "kind", "time"])
    op.create_table(
        "leads",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("reference", sa.String(12), nullable=False),
        sa.Column("ticket", sa.LargeBinary(16), nullable=False),
        sa.Column("time", INTEGER, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("presented", sa.String(2048)),
        sa.Column("gtin", sa.String(14)),
        sa.Column("serial", sa.String(20)),
        sa.Column("manufacturer", INTEGER),
        sa.Column("registration", sa.String(24)),
        sa.Column("history", sa.String(24)),
        sa.Column("binding", sa.String(24)),
        sa.Column("region", sa.String(6)),
        sa.Column("language", sa.String(16)),
        sa.Column("place", sa.String(8), nullable=False),
        sa.Column("seller", sa.String(1000)),
        sa.Column("bought", sa.String(10)),
        sa.Column("wrong", sa.String(200)),
        sa.Column("note", sa.String(4000)),
        sa.Column("contact", sa.String(200)),
        sa.Column("to_brand", INTEGER, nullable=False),
        sa.Column("to_inspectors", INTEGER, nullable=False),
        sa.Column("photo_sha256", sa.LargeBinary(32)),
        sa.Column("photo_type", sa.String(16)),
        sa.Column("photo_bytes", INTEGER),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reference"),
        sa.UniqueConstraint("ticket"),
        sa.CheckConstraint("state IN ('new', 'seen', 'closed')", name="state_known"),
    )
    op.create_index("ix_leads_time", "leads", ["time"])
    op.create_index("ix_leads_manufacturer", "leads", ["manufacturer", "time"])
    op.create_index("ix_leads_unit", "leads", ["gtin", "serial"])
    op.create_table(
        "lead_photos",
        sa.Column("lead_id", INTEGER, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"]),
        sa.PrimaryKeyConstraint("lead_id"),
    )
    op.create_table(
        "report_counts",
        sa.Column("bucket", sa.String(20), nullable=False),
        sa.Column("hour", INTEGER, nullable=False),
        sa.Column("taken", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("bucket", "hour"),
    )


def downgrade() -> None:
    """Remove it, and with it what people reported."""
    op.drop_table("report_counts")
    op.drop_table("lead_photos")
    op.drop_table("leads")
    op.drop_index("ix_unit_marks_kind", "unit_marks")
    op.create_index("ix_unit_marks_unit", "unit_marks", ["gtin", "serial"])
