"""Notices to rights holders, what is on its way to them, and where each manufacturer is told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "notices",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("case_id", sa.String(12), nullable=False),
        sa.Column("manufacturer", INTEGER, nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("time", INTEGER, nullable=False),
        sa.Column("who", INTEGER, nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("released_at", INTEGER),
        sa.Column("acknowledged_at", INTEGER),
        sa.Column("acknowledged_by", INTEGER),
        sa.Column("answered_at", INTEGER),
        sa.Column("answer", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_notices_manufacturer", "notices", ["manufacturer", "time"])
    op.create_index("ix_notices_case", "notices", ["case_id"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("notice", sa.String(32), nullable=False),
        sa.Column("manufacturer", INTEGER, nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("address", sa.String(500), nullable=False),
        sa.Column("subject", sa.String(200)),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", INTEGER, nullable=False),
        sa.Column("created_at", INTEGER, nullable=False),
        sa.Column("due_at", INTEGER, nullable=False),
        sa.Column("leased_until", INTEGER, nullable=False),
        sa.Column("sent_at", INTEGER),
        sa.Column("last_error", sa.String(500)),
        sa.ForeignKeyConstraint(["notice"], ["notices.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("state IN ('queued', 'sent', 'failed', 'dead')", name="state_known"),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["state", "due_at"])
    op.create_index("ix_deliveries_notice", "deliveries", ["notice"])
    op.create_table(
        "senders",
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("seen_at", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("channel"),
    )
    op.create_table(
        "contacts",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("manufacturer", INTEGER, nullable=False),
        sa.Column("channel", sa.String(8), nullable=False),
        sa.Column("address", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("manufacturer", "channel", "address"),
    )
    op.create_table(
        "webhook_secrets",
        sa.Column("manufacturer", INTEGER, nullable=False, autoincrement=False),
        sa.Column("secret", sa.LargeBinary(32), nullable=False),
        sa.Column("made_at", INTEGER, nullable=False),
        sa.Column("previous", sa.LargeBinary(32)),
        sa.Column("previous_until", INTEGER),
        sa.PrimaryKeyConstraint("manufacturer"),
    )
    op.create_table(
        "recordals",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("manufacturer", INTEGER, nullable=False),
        sa.Column("jurisdiction", sa.String(2), nullable=False),
        sa.Column("number", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("first_day", sa.String(10), nullable=False),
        sa.Column("last_day", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("manufacturer", "jurisdiction", "number"),
    )


def downgrade() -> None:
    """Remove them, and with them what was told."""
    for table in ("recordals", "webhook_secrets", "contacts", "senders", "deliveries", "notices"):
        op.drop_table(table)
