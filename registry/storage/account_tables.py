"""The tables of offices and accounts, in the desk's database (`registry.storage.accounts`).

A passphrase is there as an Argon2 hash; tokens, recovery codes and sessions by their SHA-256, as they are long and random. The
key of an authenticator app has to be there as it is: it is what a code is computed from.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, UniqueConstraint

from registry.storage.tables import LONGEST_NAME, MAX_MANUFACTURER, metadata
from registry.storage.types import AsciiText, Blob, Count, FixedBytes, Text, UnixTime

MAX_KEY = 2048
"""Bytes of a passkey's id or public key."""

offices = Table(
    "offices",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("name", Text(LONGEST_NAME), nullable=False),
    Column("kind", AsciiText(20), nullable=False),
    Column("region", AsciiText(6), nullable=False),
    Column("manufacturer", Count(1, MAX_MANUFACTURER)),
    Column("domain", AsciiText(100), nullable=False),
    Column("demo", Count(0, 1), nullable=False),
    UniqueConstraint("name"),
)
"""`domain` is that of its people's e-mail addresses; `demo` marks an office whose accounts are no secret."""

officers = Table(
    "officers",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("office_id", ForeignKey("offices.id"), nullable=False),
    Column("name", Text(LONGEST_NAME), nullable=False),
    Column("email", AsciiText(200), nullable=False),
    Column("state", AsciiText(10), nullable=False),
    Column("passphrase", AsciiText(200)),
    Column("totp", AsciiText(64)),
    Column("totp_next", AsciiText(64)),
    Column("totp_step", Count(), nullable=False),
    Column("made_at", UnixTime(), nullable=False),
    UniqueConstraint("email"),
    CheckConstraint("state IN ('invited', 'active', 'suspended')", name="state_known"),
)
"""`totp` is the key of the authenticator app in base 32, `totp_next` one that is being set up, `totp_step` the last interval of
which a code was used."""

invitations = Table(
    "invitations",
    metadata,
    Column("hash", FixedBytes(32), primary_key=True),
    Column("officer_id", ForeignKey("officers.id"), nullable=False),
    Column("expires_at", UnixTime(), nullable=False),
)

passkeys = Table(
    "passkeys",
    metadata,
    Column("hash", FixedBytes(32), primary_key=True),
    Column("officer_id", ForeignKey("officers.id"), nullable=False),
    Column("credential", Blob(MAX_KEY), nullable=False),
    Column("public_key", Blob(MAX_KEY), nullable=False),
    Column("uses", Count(), nullable=False),
    Column("made_at", UnixTime(), nullable=False),
    Index("ix_passkeys_officer_id", "officer_id"),
)
"""`hash` is that of the credential's id, `uses` the authenticator's own count of its signatures."""

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("hash", FixedBytes(32), primary_key=True),
    Column("officer_id", ForeignKey("officers.id"), nullable=False),
    Index("ix_recovery_codes_officer_id", "officer_id"),
)

desk_sessions = Table(
    "desk_sessions",
    metadata,
    Column("hash", FixedBytes(32), primary_key=True),
    Column("officer_id", ForeignKey("officers.id"), nullable=False),
    Column("made_at", UnixTime(), nullable=False),
    Column("seen_at", UnixTime(), nullable=False),
    Column("agent", Text(LONGEST_NAME)),
    Index("ix_desk_sessions_officer_id", "officer_id"),
)

known_devices = Table(
    "known_devices",
    metadata,
    Column("hash", FixedBytes(32), primary_key=True),
    Column("officer_id", ForeignKey("officers.id"), nullable=False),
    Column("made_at", UnixTime(), nullable=False),
)
"""Browsers in which somebody signed in: strangers' failures do not count against them."""

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("bucket", AsciiText(80), primary_key=True),
    Column("hour", Count(), primary_key=True, autoincrement=False),
    Column("failed", Count(1), nullable=False),
)
