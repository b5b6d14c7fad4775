"""The tables of cases and of brands' guides, in the desk's database (`registry.storage.cases`, `registry.storage.guides`).

What happened lies in `case_events`, `case_files`, `guides` and `guide_pictures`, of which the database lets nobody change or
remove a row. The other two follow from the events, and can be made from them again.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from registry.storage.append_only import append_only
from registry.storage.tables import LONGEST_NOTE, LONGEST_TEXT, MAX_MANUFACTURER, metadata
from registry.storage.types import AsciiText, Blob, Count, FixedBytes, Text, UnixTime

MAX_VALUES: Final = 2**25
"""Bytes of one event: ten thousand lines of a list are a quarter of it."""
MAX_FILE: Final = 20_000_000
"""Bytes of a photo as it came."""
MAX_GUIDE: Final = 2**18

cases = Table(
    "cases",
    metadata,
    Column("id", AsciiText(12), primary_key=True),
    Column("office", Count(1), nullable=False),
    Column("number", Count(1), nullable=False),
    Column("state", AsciiText(16), nullable=False),
    Column("outcome", AsciiText(16)),
    Column("opened_at", UnixTime(), nullable=False),
    Column("changed_at", UnixTime(), nullable=False),
    Column("closed_at", UnixTime(), nullable=False),
    Column("held", Count(0, 1), nullable=False),
    Column("reference", Text(LONGEST_NOTE)),
    Column("region", Text(LONGEST_NOTE)),
    Column("product_group", Text(LONGEST_NOTE)),
    Column("lines", Count(), nullable=False),
    Column("photos", Count(), nullable=False),
    Column("told", Count(), nullable=False),
    Column("searched", Text(8 * LONGEST_NOTE)),
    Index("ix_cases_office", "office", "changed_at"),
)
"""What stands of each case, as far as lists and searches need it."""

case_events = append_only(
    Table(
        "case_events",
        metadata,
        Column("case_id", AsciiText(12), primary_key=True),
        Column("number", Count(1), primary_key=True, autoincrement=False),
        Column("time", UnixTime(), nullable=False),
        Column("who", Count(), nullable=False),
        Column("kind", AsciiText(24), nullable=False),
        Column("why", Text(LONGEST_NOTE)),
        Column("body", Blob(MAX_VALUES), nullable=False),
        Column("sha256", FixedBytes(32), nullable=False),
        CheckConstraint("length(sha256) = 32", name="sha256_length"),
    )
)
"""Everything that was done to a case. `body` has the values as RFC 8785 writes them; `sha256` is that of the whole event."""

case_units = Table(
    "case_units",
    metadata,
    Column("case_id", ForeignKey("cases.id"), primary_key=True),
    Column("gtin", AsciiText(14), primary_key=True),
    Column("serial", AsciiText(20), primary_key=True),
    Column("copied", Count(0, 1), nullable=False),
    Column("stolen", Count(0, 1), nullable=False),
    Index("ix_case_units_unit", "gtin", "serial"),
)
"""The units of each case, and whether it stands that a copy of them was found, or that they are stolen."""

case_files = append_only(
    Table(
        "case_files",
        metadata,
        Column("case_id", AsciiText(12), primary_key=True),
        Column("id", AsciiText(12), primary_key=True),
        Column("content", Blob(MAX_FILE), nullable=False),
    )
)
"""Photos as they came, the copies made of them, and absence files. What is known of them is in the events."""

guides = append_only(
    Table(
        "guides",
        metadata,
        Column("id", Count(1), primary_key=True),
        Column("manufacturer", Count(1, MAX_MANUFACTURER), nullable=False),
        Column("gtin", AsciiText(14), nullable=False),
        Column("version", Count(1), nullable=False),
        Column("time", UnixTime(), nullable=False),
        Column("who", Count(), nullable=False),
        Column("why", Text(LONGEST_TEXT)),
        Column("body", Blob(MAX_GUIDE), nullable=False),
        UniqueConstraint("manufacturer", "gtin", "version"),
    )
)
"""Each version of what a brand tells inspectors about telling its product from a fake."""

guide_pictures = append_only(
    Table(
        "guide_pictures",
        metadata,
        Column("manufacturer", Count(1, MAX_MANUFACTURER), primary_key=True, autoincrement=False),
        Column("id", AsciiText(12), primary_key=True),
        Column("content", Blob(MAX_FILE), nullable=False),
    )
)
"""The pictures of guides, each made anew from what came: nothing is left of what a camera wrote into it."""

KEPT_FOR_GOOD: Final = ("case_events", "case_files", "guides", "guide_pictures")
"""Tables whose rows the database refuses to change or remove."""
