"""Accounts of the desk: who was invited, what they sign in with, and the sessions that are open.

Nobody makes an account for himself. An invitation is good once; whoever was invited chooses a passphrase and sets up an
authenticator app, and signs in with both, or with a passkey. Every act is an entry of the journal, in the same transaction.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, func, insert, select, update

from registry.enforcement.officers import Office, OfficeKind, Officer
from registry.errors import AccountError, StoreDamaged
from registry.storage import schema
from registry.storage.account_tables import (
    desk_sessions,
    invitations,
    known_devices,
    officers,
    offices,
    passkeys,
    recovery_codes,
)
from registry.storage.schema import asking
from registry.units.serials import ALPHABET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Engine

Journal: TypeAlias = "Callable[[Connection, str, int | None, str, Mapping[str, Any]], object]"
"""Notes an act in a transaction: its kind, who did it, the account or office, and plain values."""

INVITED_SECONDS: Final = 3 * 86_400
STEP: Final = 30
"""Seconds of one code of an authenticator app (RFC 6238)."""
CODES: Final = 10
CODE_LENGTH: Final = 12
SHORTEST: Final = 12
LONGEST: Final = 200
"""Characters of a passphrase."""
EMAIL: Final = re.compile(r"[a-z0-9._%+-]{1,64}@([a-z0-9-]+(?:\.[a-z0-9-]+)+)")
COMMON: Final = re.compile(
    r"(.)\1*|(?:0?123456789)+0?|(?:password|passphrase|qwerty|letmein|touchstone|试金石|woaini|iloveyou)[0-9!]*",
    re.IGNORECASE,
)
"""What everybody tries first, as a whole passphrase."""


@dataclass(frozen=True, slots=True)
class Person:
    """An account as others see it."""

    officer: Officer
    state: str
    """invited, active or suspended."""
    passkeys: int
    made_at: int


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey of an account."""

    hash: bytes
    credential: bytes
    public_key: bytes
    uses: int
    officer: int
    made_at: int


def unkept(connection: Connection, kind: str, who: int | None, subject: str, values: Mapping[str, Any]) -> None:
    """Keep no journal."""


class Accounts:
    """The accounts in a database. Methods raise `AccountError`, `StoreUnavailable` or `StoreDamaged`; threads may share it."""

    def __init__(
        self,
        engine: Engine,
        *,
        journal: Journal = unkept,
        hasher: PasswordHasher | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._hasher = hasher or PasswordHasher()
        self._clock = clock
        # Compared where there is no account: an answer takes as long whether there is one or not.
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    @classmethod
    def open(cls, url: str, **more: Any) -> Self:
        """Open the accounts of a database to write, its tables made if they are not there; `more` as for the class."""
        engine = schema.open_engine(url, create=True)
        try:
            schema.make_tables(engine)
            schema.check_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, **more)

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---------------------------------------------------------------------------------------------- offices and people

    def add_office(
        self, name: str, kind: OfficeKind, region: str, domain: str, *, manufacturer: int | None = None, by: int | None = None,
        demo: bool = False,
    ) -> Office:  # fmt: skip
        """Make an office, whose people's e-mail addresses are at `domain`; one of this name is returned as it is."""
        if not name.strip() or not re.fullmatch(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?", region) or not EMAIL.fullmatch(f"a@{domain}"):
            raise AccountError("expected a name, an ISO 3166 region such as CN-SH, and an e-mail domain", reason="office")
        if (kind is OfficeKind.MANUFACTURER) != (manufacturer is not None):
            raise AccountError("a manufacturer's office has its number, and no other office has one", reason="office")
        known = next((one for one in self.offices() if one.name == name), None)
        if known is not None:
            return known
        row = {
            "name": name, "kind": kind.value, "region": region, "manufacturer": manufacturer, "domain": domain,
            "demo": int(demo),
        }  # fmt: skip
        with asking(), self._engine.begin() as connection:
            key = connection.execute(insert(offices), row).inserted_primary_key
            number = int(key[0]) if key is not None else 0
            self._journal(connection, "office.made", by, f"office {number}", {})
        return Office(number, name, kind, region, manufacturer)

    def offices(self) -> tuple[Office, ...]:
        """Return every office, by name."""
        with asking(), self._engine.connect() as connection:
            return tuple(map(_office, connection.execute(select(offices).order_by(offices.c.name))))

    def has_demo(self) -> bool:
        """Say whether there are accounts whose secrets everybody knows."""
        with asking(), self._engine.connect() as connection:
            return connection.execute(select(offices.c.id).where(offices.c.demo == 1).limit(1)).first() is not None

    def people(self, office: int | None = None) -> tuple[Person, ...]:
        """Return the accounts of an office, or of all, by name."""
        keys = select(func.count()).where(passkeys.c.officer_id == officers.c.id).scalar_subquery()
        asked = WITH_OFFICE.add_columns(keys.label("keys")).order_by(officers.c.name)
        if office is not None:
            asked = asked.where(officers.c.office_id == office)
        with asking(), self._engine.connect() as connection:
            return tuple(Person(officer_of(row), row.state, row.keys, row.made_at) for row in connection.execute(asked))

    def officer(self, number: int) -> Officer | None:
        """Return an account's officer, whatever its state, or none."""
        with asking(), self._engine.connect() as connection:
            row = connection.execute(WITH_OFFICE.where(officers.c.id == number)).first()
        return None if row is None else officer_of(row)

    def invite(self, office: int, name: str, email: str, *, by: int | None = None) -> str:
        """Invite somebody, or again somebody who did not come yet; returns the token of the invitation, which is kept nowhere.

        Raises `AccountError` for an address outside of the office's domain, or one that has an account.
        """
        email = email.strip().lower()
        found = EMAIL.fullmatch(email)
        with asking(), self._engine.begin() as connection:
            row = connection.execute(select(offices).where(offices.c.id == office)).first()
            if row is None:
                raise AccountError(f"there is no office {office}", reason="office")
            if not found or not (found[1] == row.domain or found[1].endswith(f".{row.domain}")):
                raise AccountError(f"found {email!r}, expected an address at {row.domain}", reason="email")
            if not name.strip():
                raise AccountError("expected a name", reason="name")
            known = connection.execute(select(officers).where(officers.c.email == email)).first()
            if known is not None and (known.state != "invited" or known.office_id != office):
                raise AccountError(f"{email} has an account already", reason="taken")
            if known is None:
                values = {"office_id": office, "name": name.strip(), "email": email, "state": "invited", "totp_step": 0}
                key = connection.execute(insert(officers), {**values, "made_at": self._now()}).inserted_primary_key
                number = int(key[0]) if key is not None else 0
            else:
                number = known.id
            return self._invitation(connection, number, by, "account.invited")

    def reset(self, number: int, *, by: int, why: str) -> str:
        """Take away what somebody signs in with, and return the token with which he sets it up anew; his sessions end.

        Raises `AccountError` if there is no such account, or no reason.
        """
        with asking(), self._engine.begin() as connection:
            self._known(connection, number, why)
            self._forget(connection, number)
            change = update(officers).where(officers.c.id == number)
            connection.execute(change.values(state="invited", passphrase=None, totp=None, totp_next=None))
            return self._invitation(connection, number, by, "account.reset", sha256=digest(why).hex())

    def suspend(self, number: int, *, by: int, why: str, back: bool = False) -> None:
        """Suspend an account, whose sessions end, or take it `back`. Raises `AccountError` as `reset`."""
        with asking(), self._engine.begin() as connection:
            row = self._known(connection, number, why)
            if row.state != ("suspended" if back else "active"):
                raise AccountError(f"the account is {row.state}", reason="state")
            connection.execute(update(officers).where(officers.c.id == number).values(state="active" if back else "suspended"))
            connection.execute(delete(desk_sessions).where(desk_sessions.c.officer_id == number))
            kind = "account.reinstated" if back else "account.suspended"
            self._journal(connection, kind, by, f"account {number}", {"sha256": digest(why).hex()})

    # -------------------------------------------------------------------------------------------------- what one signs in with

    def invited(self, token: str) -> tuple[Officer, str] | None:
        """Return who is invited by a token, and the key for his app, the same each time; none if it is not good."""
        good = invitations.c.hash == digest(token)
        with asking(), self._engine.begin() as connection:
            row = connection.execute(
                WITH_OFFICE.join(invitations, invitations.c.officer_id == officers.c.id)
                .where(good, invitations.c.expires_at > self._now())
            ).first()  # fmt: skip
            if row is None or row.state != "invited":
                return None
            return officer_of(row), self._next_key(connection, row)

    def enrol(self, token: str, passphrase: str, code: str) -> tuple[Officer, tuple[str, ...]]:
        """Take up an invitation; returns who it was, and the recovery codes, which are kept nowhere.

        Raises `AccountError` for an invitation that is not good (any more), a weak passphrase, or a wrong code of the app.
        """
        found = self.invited(token)
        if found is None:
            raise AccountError("the invitation is not good any more", reason="invitation", hint="ask for another one")
        officer, key = found
        check_passphrase(passphrase, officer.email)
        step = _step_of(key, code, self._now(), 0)
        if step is None:
            raise AccountError("the code is not the one that the app shows now", reason="code")
        hashed = self._hasher.hash(passphrase)
        with asking(), self._engine.begin() as connection:
            # Of two at once, one finds it gone.
            if not connection.execute(delete(invitations).where(invitations.c.hash == digest(token))).rowcount:
                raise AccountError("the invitation is not good any more", reason="invitation")
            change = update(officers).where(officers.c.id == officer.id)
            connection.execute(change.values(state="active", passphrase=hashed, totp=key, totp_next=None, totp_step=step))
            codes = self._new_codes(connection, officer.id)
            self._journal(connection, "account.enrolled", officer.id, f"account {officer.id}", {})
        return officer, codes

    def sign_in(self, email: str, passphrase: str, code: str) -> Officer | None:
        """Return who signs in with a passphrase and the code of an app, or a recovery code; none if it is not all right.

        It takes as long for an address without an account. A code is good once.
        """
        email = email.strip().lower()
        with asking(), self._engine.connect() as connection:
            row = connection.execute(WITH_OFFICE.where(officers.c.email == email)).first() if email.isascii() else None
        if not self._fits(row.passphrase if row is not None else None, passphrase) or row is None or row.state != "active":
            return None
        with asking(), self._engine.begin() as connection:
            step = _step_of(row.totp or "", code, self._now(), row.totp_step)
            if step is not None:
                change = update(officers).where(officers.c.id == row.id, officers.c.totp_step < step).values(totp_step=step)
                used = connection.execute(change).rowcount
            else:
                mine = (recovery_codes.c.officer_id == row.id, recovery_codes.c.hash == digest(_plain(code)))
                used = connection.execute(delete(recovery_codes).where(*mine)).rowcount
            if not used:
                return None
            kind = "account.recovered" if step is None else "account.signed_in"
            self._journal(connection, kind, row.id, f"account {row.id}", {})
        return officer_of(row)

    def proves(self, number: int, code: str) -> bool:
        """Say whether somebody who is signed in has his app at hand: its code is good once."""
        with asking(), self._engine.begin() as connection:
            row = connection.execute(select(officers.c.totp, officers.c.totp_step).where(officers.c.id == number)).first()
            step = None if row is None else _step_of(row.totp or "", code, self._now(), row.totp_step)
            if step is None:
                return False
            change = update(officers).where(officers.c.id == number, officers.c.totp_step < step).values(totp_step=step)
            return bool(connection.execute(change).rowcount)

    def change_passphrase(self, number: int, old: str, new: str) -> None:
        """Put another passphrase in force; every session ends.

        Raises `AccountError` if the old one is wrong or the new one weak.
        """
        with asking(), self._engine.connect() as connection:
            row = connection.execute(select(officers).where(officers.c.id == number)).one()
        if not self._fits(row.passphrase, old):
            raise AccountError("the passphrase is not the one in force", reason="passphrase")
        check_passphrase(new, row.email)
        hashed = self._hasher.hash(new)
        with asking(), self._engine.begin() as connection:
            connection.execute(update(officers).where(officers.c.id == number).values(passphrase=hashed))
            connection.execute(delete(desk_sessions).where(desk_sessions.c.officer_id == number))
            self._journal(connection, "account.passphrase", number, f"account {number}", {})

    def new_codes(self, number: int) -> tuple[str, ...]:
        """Return new recovery codes; the old ones are good no more."""
        with asking(), self._engine.begin() as connection:
            self._journal(connection, "account.codes", number, f"account {number}", {})
            return self._new_codes(connection, number)

    def codes_left(self, number: int) -> int:
        """Return how many recovery codes an account has."""
        with asking(), self._engine.connect() as connection:
            asked = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.officer_id == number)
            return int(connection.execute(asked).scalar_one())

    # ---------------------------------------------------------------------------------------------------------- passkeys

    def add_passkey(self, number: int, credential: bytes, public_key: bytes, uses: int) -> None:
        """Keep a passkey of an account."""
        row = {
            "hash": hashlib.sha256(credential).digest(), "officer_id": number, "credential": credential,
            "public_key": public_key, "uses": uses, "made_at": self._now(),
        }  # fmt: skip
        with asking(), self._engine.begin() as connection:
            connection.execute(insert(passkeys), row)
            self._journal(connection, "account.passkey_added", number, f"account {number}", {})

    def passkeys_of(self, number: int) -> tuple[Passkey, ...]:
        """Return the passkeys of an account, the oldest first."""
        asked = select(passkeys).where(passkeys.c.officer_id == number).order_by(passkeys.c.made_at)
        with asking(), self._engine.connect() as connection:
            return tuple(map(_passkey, connection.execute(asked)))

    def passkey(self, credential: bytes) -> Passkey | None:
        """Return the passkey of a credential, or none."""
        asked = select(passkeys).where(passkeys.c.hash == hashlib.sha256(credential).digest())
        with asking(), self._engine.connect() as connection:
            row = connection.execute(asked).first()
        return None if row is None else _passkey(row)

    def used_passkey(self, key: Passkey, uses: int) -> Officer | None:
        """Return who signed in with a passkey; none if the account is not active."""
        with asking(), self._engine.begin() as connection:
            row = connection.execute(WITH_OFFICE.where(officers.c.id == key.officer, officers.c.state == "active")).first()
            if row is None:
                return None
            connection.execute(update(passkeys).where(passkeys.c.hash == key.hash).values(uses=uses))
            self._journal(connection, "account.signed_in", row.id, f"account {row.id}", {"passkey": True})
        return officer_of(row)

    def remove_passkey(self, number: int, key: bytes) -> None:
        """Remove a passkey of an account, by its hash."""
        with asking(), self._engine.begin() as connection:
            mine = (passkeys.c.officer_id == number, passkeys.c.hash == key)
            if connection.execute(delete(passkeys).where(*mine)).rowcount:
                self._journal(connection, "account.passkey_removed", number, f"account {number}", {})

    # ------------------------------------------------------------------------------------------------------------- within

    def _now(self) -> int:
        return int(self._clock())

    def _fits(self, hashed: str | None, passphrase: str) -> bool:
        try:
            self._hasher.verify(hashed or self._nobody, passphrase)
        except (VerificationError, InvalidHashError, UnicodeError):
            return False
        return hashed is not None

    def _known(self, connection: Connection, number: int, why: str) -> Any:
        row = connection.execute(select(officers).where(officers.c.id == number)).first()
        if row is None:
            raise AccountError(f"there is no account {number}", reason="account")
        if not why.strip():
            raise AccountError("a reason is needed, found none", reason="why")
        return row

    def _invitation(self, connection: Connection, number: int, by: int | None, kind: str, **values: str) -> str:
        token = secrets.token_urlsafe(24)
        connection.execute(delete(invitations).where(invitations.c.officer_id == number))
        row = {"hash": digest(token), "officer_id": number, "expires_at": self._now() + INVITED_SECONDS}
        connection.execute(insert(invitations), row)
        self._journal(connection, kind, by, f"account {number}", values)
        return token

    def _forget(self, connection: Connection, number: int) -> None:
        for table in (desk_sessions, passkeys, recovery_codes, known_devices, invitations):
            connection.execute(delete(table).where(table.c.officer_id == number))

    def _next_key(self, connection: Connection, row: Any) -> str:
        if row.totp_next:
            return str(row.totp_next)
        key = pyotp.random_base32()
        connection.execute(update(officers).where(officers.c.id == row.id).values(totp_next=key))
        return key

    def _new_codes(self, connection: Connection, number: int) -> tuple[str, ...]:
        codes = tuple("".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODES))
        connection.execute(delete(recovery_codes).where(recovery_codes.c.officer_id == number))
        connection.execute(insert(recovery_codes), [{"hash": digest(code), "officer_id": number} for code in codes])
        return codes


WITH_OFFICE: Final = select(
    officers, *(column.label(f"office_{column.name}") for column in offices.c if column.name != "id")
).join(offices, offices.c.id == officers.c.office_id)


def check_passphrase(passphrase: str, email: str) -> None:
    """Raise `AccountError` for a passphrase that is short, long, or among the first that anybody tries."""
    if not SHORTEST <= len(passphrase) <= LONGEST:
        raise AccountError(
            f"the passphrase has {len(passphrase)} characters, expected {SHORTEST} to {LONGEST}", reason="length"
        )
    if COMMON.fullmatch(passphrase) or _names(passphrase, email) or len(set(passphrase)) < SHORTEST // 2:
        raise AccountError("the passphrase is among the first that anybody would try", reason="weak")


def _names(passphrase: str, email: str) -> bool:
    name = email.split("@", 1)[0].lower()
    return len(name) >= SHORTEST // 2 and name in passphrase.lower()


def _step_of(key: str, code: str, now: int, last: int) -> int | None:
    """Return the interval of a code of an app, the one now or its neighbours, if it comes after the last that was used."""
    code = "".join(code.split())
    if not key or not re.fullmatch(r"[0-9]{6}", code, re.ASCII):
        return None
    app = pyotp.TOTP(key, interval=STEP)
    for step in (now // STEP, now // STEP - 1, now // STEP + 1):
        if step > last and secrets.compare_digest(app.generate_otp(step), code):
            return step
    return None


def digest(token: str) -> bytes:
    """Return the hash under which something that is long and random is kept."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _plain(code: str) -> str:
    return re.sub(r"[\s-]", "", code).upper()


def _office(row: Any, prefix: str = "") -> Office:
    kind = getattr(row, f"{prefix}kind")
    if kind not in set(OfficeKind):
        raise StoreDamaged(f"an office's kind is {kind!r}, expected one of {', '.join(OfficeKind)}")
    number = row.office_id if prefix else row.id
    return Office(
        number, getattr(row, f"{prefix}name"), OfficeKind(kind), getattr(row, f"{prefix}region"),
        getattr(row, f"{prefix}manufacturer"),
    )  # fmt: skip


def officer_of(row: Any) -> Officer:
    """Return the officer of a row of `WITH_OFFICE`."""
    return Officer(row.id, row.name, row.email, _office(row, "office_"))


def _passkey(row: Any) -> Passkey:
    return Passkey(row.hash, row.credential, row.public_key, row.uses, row.officer_id, row.made_at)
