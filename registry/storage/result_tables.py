"""The table of what the alliance published, in the desk's database (`registry.storage.results`). Its rows are only added."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Table, UniqueConstraint

from registry.storage.append_only import append_only
from registry.storage.tables import metadata
from registry.storage.types import AsciiText, Blob, Count, FixedBytes, UnixTime

MAX_REPORT: Final = 2**20
MAX_CASES: Final = 2**24
"""Bytes of the names of all cases of a report: a million of them."""

published_results = append_only(
    Table(
        "published_results",
        metadata,
        Column("id", Count(1), primary_key=True),
        Column("month", AsciiText(7), nullable=False),
        Column("revision", Count(1), nullable=False),
        Column("published_at", UnixTime(), nullable=False),
        Column("who", Count(), nullable=False),
        Column("document", Blob(MAX_REPORT), nullable=False),
        Column("sha256", FixedBytes(32), nullable=False),
        Column("cases", Blob(MAX_CASES), nullable=False),
        UniqueConstraint("month", "revision"),
        CheckConstraint("length(sha256) = 32", name="sha256_length"),
    )
)
"""`document` is the report as everybody reads it. `cases`, which is not published, has the names of the cases behind each of
its lines, in their order, as a JSON list of lists."""
