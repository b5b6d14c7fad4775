"""The accounts of the desk: offices, officers, what they sign in with, and who is signed in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = (
    "offices", "officers", "passkeys", "invitations", "recovery_codes", "desk_sessions", "desk_devices", "sign_in_failures",
    "passkey_challenges",
)  # fmt: skip


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "offices",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("manufacturer", INTEGER),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "officers",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("office_id", INTEGER, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("handle", sa.LargeBinary(16), nullable=False),
        sa.Column("passphrase", sa.String(200), nullable=False),
        sa.Column("totp", sa.LargeBinary(20)),
        sa.Column("totp_step", INTEGER, nullable=False),
        sa.Column("created", INTEGER, nullable=False),
        sa.Column("suspended", INTEGER),
        sa.Column("demo", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("email"),
        sa.UniqueConstraint("handle"),
    )
    op.create_table(
        "passkeys",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("officer_id", INTEGER, nullable=False),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("counter", INTEGER, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("created", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("credential"),
    )
    op.create_index("ix_passkeys_officer", "passkeys", ["officer_id"])
    op.create_table(
        "invitations",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("token", sa.LargeBinary(32), nullable=False),
        sa.Column("office_id", INTEGER, nullable=False),
        sa.Column("officer_id", INTEGER),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("totp", sa.LargeBinary(20), nullable=False),
        sa.Column("expires", INTEGER, nullable=False),
        sa.Column("used", INTEGER),
        sa.ForeignKeyConstraint(["office_id"], ["offices.id"]),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("officer_id", INTEGER, nullable=False),
        sa.Column("code", sa.LargeBinary(32), nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("officer_id", "code"),
    )
    op.create_table(
        "desk_sessions",
        sa.Column("id", INTEGER, nullable=False),
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("officer_id", INTEGER, nullable=False),
        sa.Column("created", INTEGER, nullable=False),
        sa.Column("seen", INTEGER, nullable=False),
        sa.Column("second_factor", INTEGER, nullable=False),
        sa.Column("browser", sa.String(200)),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index("ix_desk_sessions_officer", "desk_sessions", ["officer_id"])
    op.create_table(
        "desk_devices",
        sa.Column("key", sa.LargeBinary(32), nullable=False),
        sa.Column("officer_id", INTEGER, nullable=False),
        sa.Column("seen", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"]),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_desk_devices_officer", "desk_devices", ["officer_id"])
    op.create_table(
        "sign_in_failures",
        sa.Column("bucket", sa.LargeBinary(16), nullable=False),
        sa.Column("quarter", INTEGER, nullable=False),
        sa.Column("tried", INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("bucket", "quarter"),
    )
    op.create_table(
        "passkey_challenges",
        sa.Column("challenge", sa.LargeBinary(32), nullable=False),
        sa.Column("officer_id", INTEGER),
        sa.Column("expires", INTEGER, nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officers.id"]),
        sa.PrimaryKeyConstraint("challenge"),
    )


def downgrade() -> None:
    """Remove them, and with them every account."""
    for table in reversed(TABLES):
        op.drop_table(table)
