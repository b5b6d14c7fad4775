"""Sessions of those who are signed in at the desk, and what is counted of those who try to be.

Strangers who try an account's passphrase use up what strangers may try, and not what a browser may in which somebody of the
account signed in before; a passkey is asked for nothing else. So nobody is locked out by others where he usually works.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from sqlalchemy import delete, insert, select, text, update

from registry.storage import schema
from registry.storage.account_tables import desk_sessions, known_devices, officers, sign_in_failures
from registry.storage.accounts import STEP, WITH_OFFICE, Journal, digest, officer_of, unkept
from registry.storage.schema import asking

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Engine

    from registry.enforcement.officers import Officer

IDLE_SECONDS: Final = 30 * 60
SESSION_SECONDS: Final = 12 * 3600
HOUR: Final = 3600
OF_ACCOUNT: Final = 10
"""Failures an hour, from browsers in which nobody of the account ever signed in, or from one in which somebody did."""
OF_NETWORK: Final = 60
LONGEST_AGENT: Final = 100
_SESSION: Final = ("hash", "made_at", "seen_at", "agent")
_FAILED: Final = text(
    "INSERT INTO sign_in_failures (bucket, hour, failed) VALUES (:bucket, :hour, 1) "
    "ON CONFLICT (bucket, hour) DO UPDATE SET failed = sign_in_failures.failed + 1"
)


@dataclass(frozen=True, slots=True)
class Session:
    """A session of somebody who is signed in."""

    hash: bytes
    officer: Officer
    made_at: int
    seen_at: int
    agent: str


class Sessions:
    """The sessions in a database. Methods raise `StoreUnavailable` or `StoreDamaged`; threads may share it."""

    def __init__(self, engine: Engine, *, journal: Journal = unkept, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._journal = journal
        self._clock = clock

    @classmethod
    def open(cls, url: str, *, journal: Journal = unkept, clock: Callable[[], float] = time.time) -> Self:
        """Open the sessions of a database to write, its tables made if they are not there."""
        engine = schema.open_engine(url, create=True)
        try:
            schema.make_tables(engine)
            schema.check_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, journal=journal, clock=clock)

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, number: int, agent: str) -> str:
        """Begin a session and return its token, which is kept nowhere."""
        token = secrets.token_urlsafe(32)
        now = self._now()
        row = {"hash": digest(token), "officer_id": number, "made_at": now, "seen_at": now, "agent": _agent(agent)}
        with asking(), self._engine.begin() as connection:
            connection.execute(delete(desk_sessions).where(desk_sessions.c.made_at < now - SESSION_SECONDS))
            connection.execute(insert(desk_sessions), row)
        return token

    def session(self, token: str) -> Session | None:
        """Return the session of a token; none if it ended, was not used for long, or the account is not active."""
        now = self._now()
        asked = (
            WITH_OFFICE.add_columns(*(getattr(desk_sessions.c, name).label(f"session_{name}") for name in _SESSION))
            .join(desk_sessions, desk_sessions.c.officer_id == officers.c.id)
            .where(desk_sessions.c.hash == digest(token), officers.c.state == "active")
        )
        with asking(), self._engine.connect() as connection:
            row = connection.execute(asked).first()
        if row is None or now - row.session_seen_at > IDLE_SECONDS or now - row.session_made_at > SESSION_SECONDS:
            return None
        if now - row.session_seen_at > STEP:
            with asking(), self._engine.begin() as connection:
                connection.execute(update(desk_sessions).where(desk_sessions.c.hash == row.session_hash).values(seen_at=now))
        return Session(row.session_hash, officer_of(row), row.session_made_at, row.session_seen_at, row.session_agent or "")

    def sessions(self, officer: Officer) -> tuple[Session, ...]:
        """Return somebody's sessions that are open, the newest first."""
        limit = self._now() - IDLE_SECONDS
        asked = select(desk_sessions).where(desk_sessions.c.officer_id == officer.id, desk_sessions.c.seen_at >= limit)
        with asking(), self._engine.connect() as connection:
            rows = connection.execute(asked.order_by(desk_sessions.c.made_at.desc())).all()
        return tuple(Session(row.hash, officer, row.made_at, row.seen_at, row.agent or "") for row in rows)

    def end(self, number: int, session: bytes) -> None:
        """End a session of an account, by its hash."""
        with asking(), self._engine.begin() as connection:
            mine = (desk_sessions.c.officer_id == number, desk_sessions.c.hash == session)
            if connection.execute(delete(desk_sessions).where(*mine)).rowcount:
                self._journal(connection, "account.signed_out", number, f"account {number}", {})

    # ------------------------------------------------------------------------------------------------------- what is tried

    def know_device(self, number: int) -> str:
        """Return what a browser keeps, so that strangers' failures do not count against it."""
        token = secrets.token_urlsafe(32)
        with asking(), self._engine.begin() as connection:
            connection.execute(insert(known_devices), {"hash": digest(token), "officer_id": number, "made_at": self._now()})
        return token

    def buckets(self, email: str, network: str, device: str) -> tuple[tuple[str, int], ...]:
        """Return what an attempt counts against, each with its limit an hour."""
        email = email.strip().lower()
        asked = select(known_devices.c.hash).join(officers, officers.c.id == known_devices.c.officer_id)
        with asking(), self._engine.connect() as connection:
            known = connection.execute(asked.where(known_devices.c.hash == digest(device), officers.c.email == email)).first()
        if known is not None:
            return ((f"d:{digest(device).hex()}", OF_ACCOUNT),)
        return ((f"a:{digest(email).hex()}", OF_ACCOUNT), (f"n:{digest(network).hex()}", OF_NETWORK))

    def may_try(self, buckets: Sequence[tuple[str, int]]) -> bool:
        """Say whether another attempt is listened to."""
        hour = self._now() // HOUR
        with asking(), self._engine.begin() as connection:
            connection.execute(delete(sign_in_failures).where(sign_in_failures.c.hour < hour))
            asked = select(sign_in_failures.c.bucket, sign_in_failures.c.failed).where(
                sign_in_failures.c.bucket.in_([name for name, _ in buckets]), sign_in_failures.c.hour == hour
            )
            failed = {row.bucket: row.failed for row in connection.execute(asked)}
        return all(failed.get(name, 0) < most for name, most in buckets)

    def failed(self, buckets: Sequence[tuple[str, int]]) -> None:
        """Count an attempt that failed."""
        with asking(), self._engine.begin() as connection:
            for name, _ in sorted(buckets):
                connection.execute(_FAILED, {"bucket": name, "hour": self._now() // HOUR})

    def _now(self) -> int:
        return int(self._clock())


def _agent(agent: str) -> str:
    return "".join(letter for letter in agent[:LONGEST_AGENT] if letter.isprintable())
