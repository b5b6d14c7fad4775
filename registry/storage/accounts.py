"""Accounts in the desk's database: offices, their officers, what these sign in with, and links that invite.

Of every secret that a person holds, a hash is stored: Argon2's of passphrases, SHA-256 of what our own random source made. Only
the authenticator's secret is stored as it is, because both sides have to know it. Links and codes are used up by the statement
that finds them, so that of two at once one is served.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from registry.enforcement.officers import Office, OfficeKind, Officer
from registry.errors import AccountError, StoreDamaged
from registry.storage import schema
from registry.storage.account_tables import (
    desk_devices,
    desk_sessions,
    invitations,
    officers,
    offices,
    passkeys,
    recovery_codes,
)
from registry.storage.schema import asking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

TOKEN_BYTES: Final = 32
TOTP_BYTES: Final = 20
HANDLE_BYTES: Final = 16
EMAIL: Final = re.compile(r"[^@\s<>\",;:]{1,64}@[^@\s<>\",;:]{1,180}\.[^@\s<>\",;:.]{2,}")
REGION: Final = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?")
"""What addresses and regions of offices look like."""
INVITED_FOR: Final = 7 * 86_400
"""Seconds in which a link has to be used."""


@dataclass(frozen=True, slots=True)
class Account:
    """An officer, and what is needed to sign him in."""

    officer: Officer
    passphrase: str
    totp: bytes | None
    """None after his second factor was reset."""
    handle: bytes
    created: int
    suspended: int | None = None
    demo: bool = False


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link that was handed out and not used yet."""

    office: Office
    email: str
    totp: bytes
    """The secret that his authenticator will have."""
    expires: int
    officer: int | None = None
    """The account that gets a new authenticator; none for one that is to be made."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """A key of a phone or a computer."""

    id: int
    officer: int
    credential: bytes
    public_key: bytes
    counter: int
    name: str
    created: int


def hashed(secret: str) -> bytes:
    """Return what is stored of a secret that our own random source made."""
    return hashlib.sha256(secret.encode()).digest()


def folded(email: str) -> str:
    """Return an address as accounts are told apart by it."""
    return email.strip().casefold()


class Accounts:
    """The accounts in a database. Methods raise `StoreUnavailable` or `StoreDamaged`; threads and processes may share it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str, *, create: bool = False) -> Self:
        """Open the accounts of a database: with `create` to write, its tables made if they are not there.

        Raises `StoreUnavailable` if it cannot be opened so, and `DocumentError` for a URL of no engine of ours.
        """
        engine = schema.open_engine(url, create=create)
        try:
            if create:
                schema.make_tables(engine)
            schema.check_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add_office(self, name: str, kind: OfficeKind, region: str, manufacturer: int | None = None) -> Office:
        """Store an office; one that is there already, and is the same, stays. Raises `AccountError` if it differs."""
        values = {"name": name, "kind": kind.value, "region": region, "manufacturer": manufacturer}
        with asking(), self.engine.begin() as connection:
            row = connection.execute(select(offices).where(offices.c.name == name)).first()
            if row is None:
                key = connection.execute(insert(offices), values).inserted_primary_key
                return Office(key[0] if key else 0, name, kind, region, manufacturer)
        found = _office(row)
        if (found.kind, found.region, found.manufacturer) != (kind, region, manufacturer):
            raise AccountError(
                f"the office {name!r} is {found.kind} of {found.region}, expected {kind} of {region}", reason="other_office"
            )
        return found

    def offices(self) -> tuple[Office, ...]:
        """Return every office, by name."""
        with asking(), self.engine.connect() as connection:
            return tuple(map(_office, connection.execute(select(offices).order_by(offices.c.name)).all()))

    def office(self, number: int) -> Office | None:
        """Return an office; none if there is none of this number."""
        with asking(), self.engine.connect() as connection:
            row = connection.execute(select(offices).where(offices.c.id == number)).first()
        return None if row is None else _office(row)

    def name(self, officer: int) -> str:
        """Return the name of an account; empty if there is none."""
        found = self.account(officer)
        return found.officer.name if found else ""

    def invite(self, office: Office, email: str, now: int, officer: int | None = None) -> str:
        """Make a link's secret: for a new account, or for the new authenticator of an officer. It is told once.

        Raises `AccountError` if a new account's address has one already.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        if officer is None and self.by_email(email):
            raise AccountError("this address has an account already", reason="has_account")
        with asking(), self.engine.begin() as connection:
            _invite(connection, token, office.id, folded(email), now=now, officer=officer)
        return token

    def invitation(self, token: str, now: int) -> Invitation | None:
        """Return an invitation by its secret; none if it is unknown, used or too old."""
        asked = (
            select(*invitations.c["officer_id", "email", "totp", "expires"], *OFFICE)
            .join(offices, offices.c.id == invitations.c.office_id)
            .where(invitations.c.token == hashed(token), invitations.c.used.is_(None), invitations.c.expires > now)
        )
        with asking(), self.engine.connect() as connection:
            row = connection.execute(asked).first()
        return None if row is None else Invitation(_office_beside(row), row.email, row.totp, row.expires, row.officer_id)

    def accept(self, token: str, name: str, passphrase: str, step: int, now: int) -> Account | None:
        """Make the account of an invitation, and use the invitation up; none if somebody did meanwhile.

        `passphrase` is its hash, `step` the authenticator's step that has been used.
        """
        invitation = self.invitation(token, now)
        if invitation is None:
            return None
        values = {
            "office_id": invitation.office.id, "name": name, "email": invitation.email, "passphrase": passphrase,
            "handle": secrets.token_bytes(HANDLE_BYTES), "totp": invitation.totp, "totp_step": step, "created": now,
            "demo": 0,
        }  # fmt: skip
        try:
            with self.engine.begin() as connection:
                if not _use(connection, token, now):
                    return None
                connection.execute(insert(officers), values)
        except IntegrityError:  # two invitations to one address
            return None
        except Exception as error:
            raise schema.meaning(error) from error
        return self.by_email(invitation.email)

    def add_for_demo(self, office: Office, name: str, email: str, *, passphrase: str, totp: bytes, now: int) -> None:
        """Store an account whose secrets everybody knows: a site that is no demonstration does not start with it."""
        values = {
            "office_id": office.id, "name": name, "email": folded(email), "passphrase": passphrase, "totp": totp,
            "handle": secrets.token_bytes(HANDLE_BYTES), "totp_step": 0, "created": now, "demo": 1,
        }  # fmt: skip
        with asking(), self.engine.begin() as connection:
            connection.execute(insert(officers), values)

    def renew(self, token: str, step: int, now: int) -> Account | None:
        """Give an officer the authenticator of his link, and use the link up; none if somebody did meanwhile."""
        invitation = self.invitation(token, now)
        if invitation is None or invitation.officer is None:
            return None
        mine = officers.c.id == invitation.officer
        with asking(), self.engine.begin() as connection:
            if not _use(connection, token, now):
                return None
            connection.execute(update(officers).where(mine).values(totp=invitation.totp, totp_step=step))
        return self.account(invitation.officer)

    def account(self, officer: int) -> Account | None:
        """Return an account; none if there is none of this number."""
        return self._account(officers.c.id == officer)

    def by_email(self, email: str) -> Account | None:
        """Return the account of an address; none if it has none."""
        return self._account(officers.c.email == folded(email))

    def _account(self, where: Any) -> Account | None:
        with asking(), self.engine.connect() as connection:
            row = connection.execute(_ACCOUNT.where(where)).first()
        return None if row is None else account_of(row)

    def all(self) -> tuple[Account, ...]:
        """Return every account, by office and name."""
        with asking(), self.engine.connect() as connection:
            rows = connection.execute(_ACCOUNT.order_by(offices.c.name, officers.c.name, officers.c.id)).all()
        return tuple(map(account_of, rows))

    def use_step(self, officer: int, step: int) -> bool:
        """Use up a step of an authenticator; says no if it, or a later one, was used before."""
        change = update(officers).where(officers.c.id == officer, officers.c.totp_step < step).values(totp_step=step)
        with asking(), self.engine.begin() as connection:
            return bool(connection.execute(change).rowcount)

    def set_passphrase(self, officer: int, passphrase: str) -> None:
        """Store the hash of a new passphrase."""
        with asking(), self.engine.begin() as connection:
            connection.execute(update(officers).where(officers.c.id == officer).values(passphrase=passphrase))

    def set_codes(self, officer: int, codes: Sequence[str]) -> None:
        """Store new recovery codes in the place of the old ones."""
        with asking(), self.engine.begin() as connection:
            connection.execute(delete(recovery_codes).where(recovery_codes.c.officer_id == officer))
            connection.execute(insert(recovery_codes), [{"officer_id": officer, "code": hashed(code)} for code in codes])

    def use_code(self, officer: int, code: str) -> bool:
        """Use a recovery code up; says no if it is none of his, or used."""
        mine = (recovery_codes.c.officer_id == officer, recovery_codes.c.code == hashed(code))
        with asking(), self.engine.begin() as connection:
            return bool(connection.execute(delete(recovery_codes).where(*mine)).rowcount)

    def codes_left(self, officer: int) -> int:
        """Return how many recovery codes are not used yet."""
        with asking(), self.engine.connect() as connection:
            return len(connection.execute(select(recovery_codes.c.id).where(recovery_codes.c.officer_id == officer)).all())

    def suspend(self, officer: int, now: int | None) -> None:
        """Suspend an account, end what it has open, and forget its browsers; without a time, let it in again."""
        with asking(), self.engine.begin() as connection:
            connection.execute(update(officers).where(officers.c.id == officer).values(suspended=now))
            _end_all(connection, officer)

    def reset(self, officer: Officer, now: int) -> str:
        """Take every second factor from an officer, end what he has open, and return the secret of a link to a new one."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with asking(), self.engine.begin() as connection:
            connection.execute(update(officers).where(officers.c.id == officer.id).values(totp=None))
            for table in (passkeys, recovery_codes):
                connection.execute(delete(table).where(table.c.officer_id == officer.id))
            _end_all(connection, officer.id)
            _invite(connection, token, officer.office.id, officer.email, now=now, officer=officer.id)
        return token

    def add_passkey(self, officer: int, credential: bytes, public_key: bytes, *, counter: int, name: str, now: int) -> None:
        """Store a passkey. Raises `AccountError` for one that is stored already."""
        values = {
            "officer_id": officer, "credential": credential, "public_key": public_key, "counter": counter, "name": name,
            "created": now,
        }  # fmt: skip
        try:
            with self.engine.begin() as connection:
                connection.execute(insert(passkeys), values)
        except IntegrityError as error:
            raise AccountError("this passkey is stored already", reason="known_passkey") from error
        except Exception as error:
            raise schema.meaning(error) from error

    def passkeys(self, officer: int) -> tuple[Passkey, ...]:
        """Return an officer's passkeys."""
        asked = select(passkeys).where(passkeys.c.officer_id == officer).order_by(passkeys.c.id)
        with asking(), self.engine.connect() as connection:
            return tuple(map(_passkey, connection.execute(asked).all()))

    def passkey(self, credential: bytes) -> Passkey | None:
        """Return a passkey by its name to browsers; none if there is none."""
        with asking(), self.engine.connect() as connection:
            row = connection.execute(select(passkeys).where(passkeys.c.credential == credential)).first()
        return None if row is None else _passkey(row)

    def count_passkey(self, number: int, counter: int) -> None:
        """Note how often a passkey was used, as it says."""
        with asking(), self.engine.begin() as connection:
            connection.execute(update(passkeys).where(passkeys.c.id == number).values(counter=counter))

    def remove_passkey(self, officer: int, number: int) -> None:
        """Remove one of an officer's passkeys."""
        with asking(), self.engine.begin() as connection:
            connection.execute(delete(passkeys).where(passkeys.c.id == number, passkeys.c.officer_id == officer))


OFFICE: Final = [column.label(f"office_{column.name}") for column in offices.c]
_ACCOUNT: Final = select(officers, *OFFICE[1:]).join(offices, offices.c.id == officers.c.office_id)


def _invite(connection: Connection, token: str, office: int, email: str, *, now: int, officer: int | None) -> None:
    values = {
        "token": hashed(token), "office_id": office, "officer_id": officer, "email": email, "expires": now + INVITED_FOR,
        "totp": secrets.token_bytes(TOTP_BYTES),
    }  # fmt: skip
    connection.execute(insert(invitations), values)


def _use(connection: Connection, token: str, now: int) -> bool:
    change = update(invitations).where(invitations.c.token == hashed(token), invitations.c.used.is_(None)).values(used=now)
    return bool(connection.execute(change).rowcount)


def _end_all(connection: Connection, officer: int) -> None:
    for table in (desk_sessions, desk_devices):
        connection.execute(delete(table).where(table.c.officer_id == officer))


def _office(row: Any) -> Office:
    return Office(row.id, row.name, _kind(row.kind), row.region, row.manufacturer)


def _office_beside(row: Any) -> Office:
    return Office(row.office_id, row.office_name, _kind(row.office_kind), row.office_region, row.office_manufacturer)


def _kind(found: str) -> OfficeKind:
    if found not in set(OfficeKind):
        raise StoreDamaged(f"an office's kind is {found!r}, expected one of {', '.join(OfficeKind)}")
    return OfficeKind(found)


def account_of(row: Any) -> Account:
    """Return a row of officers with their offices as an account. Raises `StoreDamaged`."""
    officer = Officer(row.id, row.name, row.email, _office_beside(row))
    return Account(officer, row.passphrase, row.totp, row.handle, row.created, row.suspended, bool(row.demo))


def _passkey(row: Any) -> Passkey:
    return Passkey(row.id, row.officer_id, row.credential, row.public_key, row.counter, row.name, row.created)
