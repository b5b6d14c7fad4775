"""Offices, accounts, and what they sign in with."""

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
        "offices",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("manufacturer", INTEGER),
        sa.Column("domain", sa.String(100), nullable=False),
        sa.Column("demo", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "officers",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("office_id", INTEGER, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("email", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("passphrase", sa.String(200)),
        sa.Column("totp", sa.String(64)),
        sa.Column("totp_next", sa.String(64)),
        sa.Column("totp_step", INTEGER, nullable=False),
        sa.Column("made_at", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
        sa.CheckConstraint("state IN ('invited', 'active', 'suspended')", name="state_known"),
    )
    op.create_table(
        "invitations",
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("officer_id", INTEGER, nullable=False),
        sa.Column("expires_at", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "passkeys",
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("officer_id", INTEGER, nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("uses", INTEGER, nullable=False),
        sa.Column("made_at", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_passkeys_officer_id", "passkeys", ["officer_id"])
    op.create_table(
        "recovery_codes",
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("officer_id", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_recovery_codes_officer_id", "recovery_codes", ["officer_id"])
    op.create_table(
        "desk_sessions",
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("officer_id", INTEGER, nullable=False),
        sa.Column("made_at", INTEGER, nullable=False),
        sa.Column("seen_at", INTEGER, nullable=False),
        sa.Column("agent", sa.String(100)),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_desk_sessions_officer_id", "desk_sessions", ["officer_id"])
    op.create_table(
        "known_devices",
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.Column("officer_id", INTEGER, nullable=False),
        sa.Column("made_at", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("bucket", sa.String(80), nullable=False),
        sa.Column("hour", INTEGER, nullable=False, autoincrement=False),
        sa.Column("failed", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("bucket", "hour"),
    )


def downgrade() -> None:
    """Remove them, and with them every account."""
    for table in (
        "sign_in_failures", "known_devices", "desk_sessions", "recovery_codes", "passkeys", "invitations", "officers",
        "offices",
    ):  # fmt: skip
        op.drop_table(table)
