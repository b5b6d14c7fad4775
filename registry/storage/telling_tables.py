"""The tables of telling rights holders: notices, what is on its way, and where each manufacturer is told."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from registry.storage.tables import MAX_MANUFACTURER, metadata
from registry.storage.types import AsciiText, Blob, Count, FixedBytes, Text, UnixTime

MAX_PAYLOAD = 2**20
SECRET = 32
"""Bytes of a webhook's secret."""

notices = Table(
    "notices",
    metadata,
    Column("id", AsciiText(32), primary_key=True),
    Column("case_id", AsciiText(12), nullable=False),
    Column("manufacturer", Count(1, MAX_MANUFACTURER), nullable=False),
    Column("language", AsciiText(16), nullable=False),
    Column("time", UnixTime(), nullable=False),
    Column("who", Count(1), nullable=False),
    Column("payload", Blob(MAX_PAYLOAD), nullable=False),
    Column("released_at", UnixTime()),
    Column("acknowledged_at", UnixTime()),
    Column("acknowledged_by", Count(1)),
    Column("answered_at", UnixTime()),
    Column("answer", Blob(MAX_PAYLOAD)),
    Index("ix_notices_manufacturer", "manufacturer", "time"),
    Index("ix_notices_case", "case_id"),
)
"""What was told (`registry.storage.telling`). Until it is released, it is a draft that its manufacturer does not see."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", AsciiText(32), primary_key=True),
    Column("notice", ForeignKey("notices.id"), nullable=False),
    Column("manufacturer", Count(1, MAX_MANUFACTURER), nullable=False),
    Column("channel", AsciiText(8), nullable=False),
    Column("address", Text(500), nullable=False),
    Column("subject", Text(200)),
    Column("body", Blob(MAX_PAYLOAD), nullable=False),
    Column("state", AsciiText(8), nullable=False),
    Column("attempts", Count(), nullable=False),
    Column("created_at", UnixTime(), nullable=False),
    Column("due_at", UnixTime(), nullable=False),
    Column("leased_until", UnixTime(), nullable=False),
    Column("sent_at", UnixTime()),
    Column("last_error", Text(500)),
    Index("ix_deliveries_due", "state", "due_at"),
    Index("ix_deliveries_notice", "notice"),
    CheckConstraint("state IN ('queued', 'sent', 'failed', 'dead')", name="state_known"),
)
"""What is on its way, and what became of it (`registry.storage.deliveries`)."""

senders = Table(
    "senders",
    metadata,
    Column("channel", AsciiText(8), primary_key=True),
    Column("seen_at", UnixTime(), nullable=False),
)
"""When a process that sends by each channel last asked for work."""

reminders = Table(
    "reminders",
    metadata,
    Column("id", AsciiText(32), primary_key=True),
    Column("about", AsciiText(200), nullable=False),
    Column("address", AsciiText(254), nullable=False),
    Column("subject", Text(200), nullable=False),
    Column("body", Blob(MAX_PAYLOAD), nullable=False),
    Column("state", AsciiText(8), nullable=False),
    Column("made_at", UnixTime(), nullable=False),
    Column("attempts", Count(), nullable=False),
    Column("due_at", UnixTime(), nullable=False),
    Column("leased_until", UnixTime(), nullable=False),
    Column("sent_at", UnixTime()),
    Column("last_error", Text(500)),
    UniqueConstraint("about", "address"),
    Index("ix_reminders_due", "state", "due_at"),
    CheckConstraint("state IN ('queued', 'sent', 'failed', 'dead')", name="state_known"),
)
"""What people of the desk are reminded of (`registry.storage.reminders`). Those that were sent stay: none is made twice."""

contacts = Table(
    "contacts",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("manufacturer", Count(1, MAX_MANUFACTURER), nullable=False),
    Column("channel", AsciiText(8), nullable=False),
    Column("address", AsciiText(500), nullable=False),
    UniqueConstraint("manufacturer", "channel", "address"),
)
"""Where each manufacturer wants to be told (`registry.storage.rights_holders`)."""

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("manufacturer", Count(1, MAX_MANUFACTURER), primary_key=True, autoincrement=False),
    Column("secret", FixedBytes(SECRET), nullable=False),
    Column("made_at", UnixTime(), nullable=False),
    Column("previous", FixedBytes(SECRET)),
    Column("previous_until", UnixTime()),
)
"""By which a manufacturer knows that a webhook is ours; the one before is valid beside it for a while."""

recordals = Table(
    "recordals",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("manufacturer", Count(1, MAX_MANUFACTURER), nullable=False),
    Column("jurisdiction", AsciiText(2), nullable=False),
    Column("number", AsciiText(40), nullable=False),
    Column("kind", AsciiText(12), nullable=False),
    Column("first_day", AsciiText(10), nullable=False),
    Column("last_day", AsciiText(10), nullable=False),
    UniqueConstraint("manufacturer", "jurisdiction", "number"),
)
"""Rights that are recorded with customs."""
