"""The tables of accounts, in the desk's database (`registry.storage.accounts`, `registry.storage.sign_ins`)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from registry.storage.tables import LONGEST_NAME, MAX_MANUFACTURER, metadata
from registry.storage.types import AsciiText, Blob, Count, FixedBytes, Text, UnixTime

LONGEST_EMAIL: Final = 254

offices = Table(
    "offices",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("name", Text(LONGEST_NAME), nullable=False),
    Column("kind", AsciiText(16), nullable=False),
    Column("region", AsciiText(6), nullable=False),
    Column("manufacturer", Count(1, MAX_MANUFACTURER)),
    UniqueConstraint("name"),
)
"""Whoever has people at the desk (`registry.enforcement.officers`)."""

officers = Table(
    "officers",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("office_id", ForeignKey("offices.id"), nullable=False),
    Column("name", Text(LONGEST_NAME), nullable=False),
    Column("email", Text(LONGEST_EMAIL), nullable=False),
    Column("handle", FixedBytes(16), nullable=False),
    Column("passphrase", AsciiText(200), nullable=False),
    Column("totp", FixedBytes(20)),
    Column("totp_step", Count(), nullable=False),
    Column("created", UnixTime(), nullable=False),
    Column("suspended", UnixTime()),
    Column("demo", Count(0, 1), nullable=False),
    UniqueConstraint("email"),
    UniqueConstraint("handle"),
)
"""Accounts: the passphrase as Argon2 has it, the secret of the authenticator and the last of its steps that was used.

`handle` names the account to passkeys. `demo` marks those whose secrets everybody knows.
"""

passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("officer_id", ForeignKey("officers.id"), nullable=False),
    Column("credential", Blob(1023), nullable=False),
    Column("public_key", Blob(4096), nullable=False),
    Column("counter", Count(), nullable=False),
    Column("name", Text(LONGEST_NAME), nullable=False),
    Column("created", UnixTime(), nullable=False),
    UniqueConstraint("credential"),
    Index("ix_passkeys_officer", "officer_id"),
)
"""Keys of phones and computers with which an officer signs in without typing."""

invitations = Table(
    "invitations",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("token", FixedBytes(32), nullable=False),
    Column("office_id", ForeignKey("offices.id"), nullable=False),
    Column("officer_id", ForeignKey("officers.id")),
    Column("email", Text(LONGEST_EMAIL), nullable=False),
    Column("totp", FixedBytes(20), nullable=False),
    Column("expires", UnixTime(), nullable=False),
    Column("used", UnixTime()),
    UniqueConstraint("token"),
)
"""Links that were handed out, by the hash of their secret; those of an officer give him a new authenticator."""

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("officer_id", ForeignKey("officers.id"), nullable=False),
    Column("code", FixedBytes(32), nullable=False),
    UniqueConstraint("officer_id", "code"),
)
"""Hashes of codes that stand in for the authenticator, each until it is used."""

desk_sessions = Table(
    "desk_sessions",
    metadata,
    Column("id", Count(1), primary_key=True),
    Column("key", FixedBytes(32), nullable=False),
    Column("officer_id", ForeignKey("officers.id"), nullable=False),
    Column("created", UnixTime(), nullable=False),
    Column("seen", UnixTime(), nullable=False),
    Column("second_factor", UnixTime(), nullable=False),
    Column("browser", Text(200)),
    UniqueConstraint("key"),
    Index("ix_desk_sessions_officer", "officer_id"),
)
"""Who is signed in, by the hash of what the browser holds."""

desk_devices = Table(
    "desk_devices",
    metadata,
    Column("key", FixedBytes(32), primary_key=True),
    Column("officer_id", ForeignKey("officers.id"), nullable=False),
    Column("seen", UnixTime(), nullable=False),
    Index("ix_desk_devices_officer", "officer_id"),
)
"""Browsers in which an officer has signed in, by the hash of what they hold."""

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    Column("bucket", FixedBytes(16), primary_key=True),
    Column("quarter", Count(), primary_key=True, autoincrement=False),
    Column("tried", Count(), nullable=False),
)
"""How often somebody tried to sign in and could not, in a quarter of an hour, by the hash of account, browser or network."""

passkey_challenges = Table(
    "passkey_challenges",
    metadata,
    Column("challenge", FixedBytes(32), primary_key=True),
    Column("officer_id", ForeignKey("officers.id")),
    Column("expires", UnixTime(), nullable=False),
)
"""What a passkey was asked to sign; each is answered once."""
