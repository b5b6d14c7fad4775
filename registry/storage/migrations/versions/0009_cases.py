"""Cases, their events and files, and the brands' guides; rows that stand for good are kept by the database itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

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
    for statement in _guards(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Remove them, and with them every case."""
    # A table's triggers go with it.
    for table in ("guide_pictures", "guides", "case_files", "case_units", "case_events", "cases"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_case_change()")


def _guards(engine: str) -> list[str]:
    """Return what makes the database refuse to change or remove a row."""
    if engine == "sqlite":
        return [
            f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'rows of {table} stay as they are'); END"
            for table in FOR_GOOD
            for act in ("UPDATE", "DELETE")
        ]
    function = (
        "CREATE FUNCTION refuse_case_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'rows of % stay as they are', TG_TABLE_NAME; END $$"
    )
    return [
        function,
        *(
            f"CREATE TRIGGER {table}_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION refuse_case_change()"
            for table in FOR_GOOD
        ),
    ]
