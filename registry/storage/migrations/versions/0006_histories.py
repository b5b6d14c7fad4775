"""What a unit's history needs: region and kind of phone of a scan, what people said, and what is left of old scans."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WEIGHED = sa.text("device IS NOT NULL")


def upgrade() -> None:
    """Add what is missing. Scans of before were not told apart: they are counted, and never weighed."""
    op.add_column("scans", sa.Column("region", sa.String(6)))
    op.add_column("scans", sa.Column("device", sa.String(16)))
    op.create_index("ix_scans_weighed", "scans", ["gtin", "serial", "time"], sqlite_where=WEIGHED, postgresql_where=WEIGHED)
    op.create_table(
        "unit_marks",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("gtin", sa.String(14), nullable=False),
        sa.Column("serial", sa.String(20), nullable=False),
        sa.Column("time", INTEGER, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("region", sa.String(6)),
        sa.Column("device", sa.String(16)),
        sa.Column("actor", sa.String(100)),
        sa.Column("reason", sa.String(1000)),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_unit_marks_unit", "unit_marks", ["gtin", "serial"])
    op.create_table(
        "unit_pasts",
        sa.Column("gtin", sa.String(14), nullable=False),
        sa.Column("serial", sa.String(20), nullable=False),
        sa.Column("first_day", INTEGER, nullable=False),
        sa.Column("first_region", sa.String(6)),
        sa.Column("checks", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("gtin", "serial"),
    )


def downgrade() -> None:
    """Remove it, and with it what people said."""
    op.drop_table("unit_pasts")
    op.drop_table("unit_marks")
    op.drop_index("ix_scans_weighed", "scans")
    op.drop_column("scans", "device")
    op.drop_column("scans", "region")
