"""The tables. Everything in them is a claim: the verifier hashes it up to a seal on the chain before it believes any of it.

What is *not* here: the units themselves and their trees. They are one file per seal (`registry.proofs.tree_file`), because a
million signatures and hashes that are never searched by content have no business in a database.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, MetaData, Table, UniqueConstraint, text

from registry.storage.append_only import append_only
from registry.storage.types import AsciiText, Blob, Count, FixedBytes, Text, UnixTime

MAX_MANIFEST = 4 * 2**20
MAX_PROFILE = 2**20
MAX_TRANSACTION = 2**17
MAX_UNITS = 2**32 - 1
MAX_MANUFACTURER = 2**32 - 1
MAX_ENTRY = 2**29
"""Bytes of a set of ranks, or of over-runs: enough for the largest batch."""
LONGEST_NAME = 100
LONGEST_TEXT = 1000
LONGEST_NOTE = 4000
MAX_PHOTO = 16 * 2**20
MAX_ACT = 2**16
"""Bytes of an entry of the journal, or of what the notary did."""
WEIGHED = text("device IS NOT NULL")
"""Scans that a unit's history weighs: by people, with a label."""


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

batches = Table(
    "batches",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("manufacturer", Count(1, MAX_MANUFACTURER), nullable=False),
    Column("run", Text(100), nullable=False),
    Column("fingerprint", AsciiText(64), nullable=False),
    Column("key", AsciiText(42), nullable=False),
    Column("seal", FixedBytes(32), nullable=False),
    Column("root", FixedBytes(32), nullable=False),
    Column("unit_count", Count(1, MAX_UNITS), nullable=False),
    Column("manifest", Blob(MAX_MANIFEST), nullable=False),
    Column("salt", FixedBytes(32), nullable=False),
    Column("state", AsciiText(16), nullable=False),
    Column("created_at", UnixTime(), nullable=False),
    Column("raw_transaction", Blob(MAX_TRANSACTION)),
    Column("transaction_hash", FixedBytes(32)),
    Column("anchored_block", Count()),
    Column("anchored_at", UnixTime()),
    UniqueConstraint("manufacturer", "run"),
    UniqueConstraint("seal"),
    CheckConstraint("length(seal) = 32", name="seal_length"),
    CheckConstraint("length(salt) = 32", name="salt_length"),
    CheckConstraint("unit_count > 0", name="unit_count_positive"),
    CheckConstraint("state IN ('sealed', 'submitted', 'anchored', 'final', 'withdrawn')", name="state_known"),
)
"""A seal commits its units, and a unit is in one batch only: so a seal is unique in the registry, not only per manufacturer."""

units = Table(
    "units",
    metadata,
    Column("folded", AsciiText(20), primary_key=True),
    Column("gtin", AsciiText(14), primary_key=True),
    Column("batch_id", Count(1), nullable=False),
    Column("row_index", Count(0, MAX_UNITS - 1), nullable=False),
    CheckConstraint("row_index >= 0", name="row_index_not_negative"),
    sqlite_with_rowid=False,
)
"""Where each unit is: in which batch, and at which rank of its tree file. The unit itself is there and nowhere else.

`folded` is the serial as `serials.fold` reads it. No two units of a GTIN read the same, so that this one index finds exact and
typed serials, and keeps a unit from being registered twice. `batch_id` is no foreign key: the engines would look up the batch
for each of a million rows, which are only ever written together with it.
"""

profiles = Table(
    "profiles",
    metadata,
    Column("profile_hash", FixedBytes(32), primary_key=True),
    Column("body", Blob(MAX_PROFILE), nullable=False),
    CheckConstraint("length(profile_hash) = 32", name="profile_hash_length"),
)
"""Bodies of the manufacturers' profiles; the chain holds their hashes and histories."""

label_entries = Table(
    "label_entries",
    metadata,
    Column("batch_id", ForeignKey("batches.id"), primary_key=True),
    Column("number", Count(1), primary_key=True, autoincrement=False),
    Column("time", UnixTime(), nullable=False),
    Column("kind", AsciiText(16), nullable=False),
    Column("actor", Text(LONGEST_NAME), nullable=False),
    Column("name", Text(LONGEST_TEXT)),
    Column("checksum", AsciiText(64)),
    Column("units", Count(), nullable=False),
    Column("lines", Count(), nullable=False),
    Column("reason", Text(LONGEST_TEXT)),
    Column("marks", Blob(MAX_ENTRY), nullable=False),
    Column("overruns", Blob(MAX_ENTRY), nullable=False),
    Column("document", Blob(MAX_ENTRY), nullable=False),
    Column("digest", FixedBytes(32), nullable=False),
    CheckConstraint("number > 0", name="number_positive"),
    CheckConstraint("length(digest) = 32", name="digest_length"),
)
"""What was put on record about the labels of each batch (`registry.storage.ledger`). The numbers follow, and are not stored."""

scans = Table(
    "scans",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("gtin", AsciiText(14), nullable=False),
    Column("serial", AsciiText(20), nullable=False),
    Column("time", UnixTime(), nullable=False),
    Column("verdict", AsciiText(24), nullable=False),
    Column("channel", AsciiText(8), nullable=False),
    Column("region", AsciiText(6)),
    Column("device", AsciiText(16)),
    Index("ix_scans_unit", "gtin", "serial", "time"),
    Index("ix_scans_weighed", "gtin", "serial", "time", sqlite_where=WEIGHED, postgresql_where=WEIGHED),
)
"""Every check that named a unit (`registry.storage.scans`): which, when, what was found, by which door.

Of who asked it says no more than a coarse region and a kind of phone, by a key that is another each season, and the hour, not
the second; and that only of scans that a history weighs. By GTIN and serial, not by batch and rank: what was scanned need not
be registered, and may be registered later.
"""

unit_marks = Table(
    "unit_marks",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("gtin", AsciiText(14), nullable=False),
    Column("serial", AsciiText(20), nullable=False),
    Column("time", UnixTime(), nullable=False),
    Column("kind", AsciiText(8), nullable=False),
    Column("region", AsciiText(6)),
    Column("device", AsciiText(16)),
    Column("actor", Text(LONGEST_NAME)),
    Column("reason", Text(LONGEST_TEXT)),
    Index("ix_unit_marks_kind", "gtin", "serial", "kind", "time"),
)
"""What people said of a unit (`registry.storage.histories`): it was not I, it is opened; it is a copy, it is explained."""

unit_pasts = Table(
    "unit_pasts",
    metadata,
    Column("gtin", AsciiText(14), primary_key=True),
    Column("serial", AsciiText(20), primary_key=True),
    Column("first_day", Count(), nullable=False),
    Column("first_region", AsciiText(6)),
    Column("checks", Count(1), nullable=False),
)
"""What is left of a unit's scans that were removed because of their age."""

scan_slots = Table(
    "scan_slots",
    metadata,
    Column("slot", AsciiText(32), primary_key=True),
    Column("stored", Count(), nullable=False),
    Column("lost", Count(), nullable=False),
)
"""How many scans of each place in the row of web processes are accounted for: stored, or known to be lost."""

scan_losses = Table(
    "scan_losses",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("slot", AsciiText(32), nullable=False),
    Column("time", UnixTime(), nullable=False),
    Column("reason", AsciiText(8), nullable=False),
    Column("scans", Count(1), nullable=False),
)
"""Scans that were not stored: because a process was killed before it wrote them (`crash`), or the queue was full (`full`)."""

leads = Table(
    "leads",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("reference", AsciiText(12), nullable=False),
    Column("ticket", FixedBytes(16), nullable=False),
    Column("time", UnixTime(), nullable=False),
    Column("state", AsciiText(8), nullable=False),
    Column("presented", Text(2048)),
    Column("gtin", AsciiText(14)),
    Column("serial", AsciiText(20)),
    Column("manufacturer", Count(1, MAX_MANUFACTURER)),
    Column("registration", AsciiText(24)),
    Column("history", AsciiText(24)),
    Column("binding", AsciiText(24)),
    Column("region", AsciiText(6)),
    Column("language", AsciiText(16)),
    Column("place", AsciiText(8), nullable=False),
    Column("seller", Text(LONGEST_TEXT)),
    Column("bought", AsciiText(10)),
    Column("wrong", AsciiText(200)),
    Column("note", Text(LONGEST_NOTE)),
    Column("contact", Text(200)),
    Column("to_brand", Count(0, 1), nullable=False),
    Column("to_inspectors", Count(0, 1), nullable=False),
    Column("photo_sha256", FixedBytes(32)),
    Column("photo_type", AsciiText(16)),
    Column("photo_bytes", Count(1, MAX_PHOTO)),
    UniqueConstraint("reference"),
    UniqueConstraint("ticket"),
    Index("ix_leads_time", "time"),
    Index("ix_leads_manufacturer", "manufacturer", "time"),
    Index("ix_leads_unit", "gtin", "serial"),
    CheckConstraint("state IN ('new', 'seen', 'closed')", name="state_known"),
)
"""Problems that people reported (`registry.storage.leads`): what they said, and what the site found of the code at that time.

`ticket` is that of the form, so that a form is taken once. Of who reported it says what they chose to leave, and a coarse
region.
"""

lead_photos = Table(
    "lead_photos",
    metadata,
    Column("lead_id", ForeignKey("leads.id"), primary_key=True, autoincrement=False),
    Column("content", Blob(MAX_PHOTO), nullable=False),
)
"""The photos that came with reports, byte for byte."""

report_counts = Table(
    "report_counts",
    metadata,
    Column("bucket", AsciiText(20), primary_key=True),
    Column("hour", Count(), primary_key=True, autoincrement=False),
    Column("taken", Count(1), nullable=False),
)
"""How many reports came in an hour from each place that is limited, by a key that is another each day. No lead names one."""

check_counts = Table(
    "check_counts",
    metadata,
    Column("bucket", AsciiText(24), primary_key=True),
    Column("minute", Count(), primary_key=True, autoincrement=False),
    Column("taken", Count(1), nullable=False),
)
"""What networks that ask much asked in a minute, by a key that is another each hour (`registry.storage.rates`)."""

journal = append_only(
    Table(
        "journal",
        metadata,
        Column("number", Count(1), primary_key=True, autoincrement=False),
        Column("time", UnixTime(), nullable=False),
        Column("kind", AsciiText(40), nullable=False),
        Column("subject", AsciiText(100), nullable=False),
        Column("canonical", Blob(MAX_ACT), nullable=False),
        Column("hash", FixedBytes(32), nullable=False),
        Index("ix_journal_subject", "subject"),
    )
)
"""What was done at the desk (`registry.enforcement.journal`). What an entry says is in `canonical`; time, kind and subject
stand beside it to be looked for, and are compared with it whenever it is read."""

journal_heads = Table(
    "journal_heads",
    metadata,
    Column("id", Count(1, 1), primary_key=True, autoincrement=False),
    Column("number", Count(), nullable=False),
    Column("hash", FixedBytes(32), nullable=False),
    Column("registry_id", FixedBytes(32), nullable=False),
    CheckConstraint("id = 1", name="one"),
)
"""How far the journal is: one row, which whoever writes an entry holds, so that one entry follows another."""

notary_work = Table(
    "notary_work",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("kind", AsciiText(16), nullable=False),
    Column("hash", FixedBytes(32), nullable=False),
    Column("subject", AsciiText(100), nullable=False),
    Column("state", AsciiText(8), nullable=False),
    Column("asked_at", UnixTime(), nullable=False),
    Column("attempts", Count(), nullable=False),
    Column("next_at", UnixTime(), nullable=False),
    Column("done_at", UnixTime()),
    Column("number", Count(1)),
    Column("result", Blob(MAX_ACT)),
    Column("problem", Text(LONGEST_TEXT)),
    UniqueConstraint("kind", "hash"),
    Index("ix_notary_work_next_at", "state", "next_at"),
    CheckConstraint("state IN ('queued', 'done')", name="state_known"),
    CheckConstraint("kind IN ('case', 'journal', 'sheet')", name="kind_known"),
)
"""Hashes that the notary is asked to anchor or to sign, and what came of it. `number` is that of a journal's head."""
