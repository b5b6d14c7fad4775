"""Who is signed in, from which browsers, and how often somebody tried in vain.

An attempt is counted before it is looked at, and given back if it was good: however many come at once, no more of them are
looked at than may be.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, insert, or_, select, text, update

from registry.storage.account_tables import desk_devices, desk_sessions, officers, offices, passkey_challenges, sign_in_failures
from registry.storage.accounts import OFFICE, Account, account_of, hashed
from registry.storage.schema import asking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Engine

IDLE: Final = 30 * 60
"""Seconds without a page after which a session is over."""
LONGEST: Final = 12 * 3600
"""Seconds after which it is over in any case."""
NOTED_EACH: Final = 60
"""Seconds between two notes of when a session was seen: not every page writes to the database."""
DEVICE_KEPT: Final = 180 * 86_400
"""Seconds for which a browser is known in which nobody signs in any more."""
QUARTER: Final = 15 * 60
CHALLENGED_FOR: Final = 300
BUCKET_BYTES: Final = 16
_COUNT: Final = text(
    "INSERT INTO sign_in_failures (bucket, quarter, tried) VALUES (:bucket, :quarter, 1) "
    "ON CONFLICT (bucket, quarter) DO UPDATE SET tried = sign_in_failures.tried + 1 RETURNING tried"
)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in in a browser."""

    id: int
    account: Account
    created: int
    seen: int
    second_factor: int
    """When he last showed his second factor."""
    browser: str


@dataclass(frozen=True, slots=True)
class Budget:
    """How many attempts there are in a quarter of an hour, for whatever `of` names."""

    of: str
    most: int

    @property
    def bucket(self) -> bytes:
        """What is stored of the name."""
        return hashlib.sha256(self.of.encode()).digest()[:BUCKET_BYTES]


class SignIns:
    """The sessions in a database. Methods raise `StoreUnavailable` or `StoreDamaged`; threads and processes may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, officer: int, now: int, browser: str) -> str:
        """Sign an officer in, and return what his browser shall hold."""
        key = secrets.token_urlsafe(32)
        values = {
            "key": hashed(key), "officer_id": officer, "created": now, "seen": now, "second_factor": now,
            "browser": browser[:200] or None,
        }  # fmt: skip
        over = or_(desk_sessions.c.created <= now - LONGEST, desk_sessions.c.seen <= now - IDLE)
        with asking(), self._engine.begin() as connection:
            connection.execute(delete(desk_sessions).where(over))
            connection.execute(insert(desk_sessions), values)
        return key

    def session(self, key: str, now: int) -> Session | None:
        """Return who is signed in with what a browser holds, and note that he was seen; none if that is over."""
        with asking(), self._engine.connect() as connection:
            row = connection.execute(_SESSION.where(desk_sessions.c.key == hashed(key), *_going_on(now))).first()
        if row is None:
            return None
        if row.seen <= now - NOTED_EACH:
            with asking(), self._engine.begin() as connection:
                connection.execute(update(desk_sessions).where(desk_sessions.c.id == row.session_id).values(seen=now))
        return Session(row.session_id, account_of(row), row.begun, row.seen, row.second_factor, row.browser or "")

    def second_factor(self, number: int, now: int) -> None:
        """Note that whoever holds a session gave his second factor again."""
        with asking(), self._engine.begin() as connection:
            connection.execute(update(desk_sessions).where(desk_sessions.c.id == number).values(second_factor=now))

    def of(self, officer: int, now: int) -> tuple[Session, ...]:
        """Return where an officer is signed in, the newest first."""
        asked = _SESSION.where(desk_sessions.c.officer_id == officer, *_going_on(now)).order_by(desk_sessions.c.id.desc())
        with asking(), self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        return tuple(
            Session(row.session_id, account_of(row), row.begun, row.seen, row.second_factor, row.browser or "") for row in rows
        )

    def end(self, officer: int, number: int) -> None:
        """Sign an officer out in one browser."""
        mine = (desk_sessions.c.officer_id == officer, desk_sessions.c.id == number)
        with asking(), self._engine.begin() as connection:
            connection.execute(delete(desk_sessions).where(*mine))

    def end_others(self, officer: int, number: int) -> None:
        """Sign an officer out everywhere but in one browser."""
        mine = desk_sessions.c.officer_id == officer
        with asking(), self._engine.begin() as connection:
            connection.execute(delete(desk_sessions).where(mine, desk_sessions.c.id != number))

    def know(self, officer: int, now: int) -> str:
        """Know a browser in which an officer signed in, and return what it shall hold."""
        key = secrets.token_urlsafe(32)
        with asking(), self._engine.begin() as connection:
            connection.execute(delete(desk_devices).where(desk_devices.c.seen <= now - DEVICE_KEPT))
            connection.execute(insert(desk_devices), {"key": hashed(key), "officer_id": officer, "seen": now})
        return key

    def knows(self, officer: int, key: str) -> bool:
        """Say whether an officer has signed in in this browser."""
        asked = select(desk_devices.c.officer_id).where(desk_devices.c.key == hashed(key))
        with asking(), self._engine.connect() as connection:
            found = connection.execute(asked).scalar()
        return found is not None and found == officer

    def attempt(self, budgets: Sequence[Budget], now: int) -> bool:
        """Count an attempt; says no if one of the budgets is used up."""
        quarter = now // QUARTER
        within = True
        with asking(), self._engine.begin() as connection:
            connection.execute(delete(sign_in_failures).where(sign_in_failures.c.quarter < quarter))
            # In one order, so that two never wait for each other.
            for budget in sorted(budgets, key=lambda budget: budget.bucket):
                tried = connection.execute(_COUNT, {"bucket": budget.bucket, "quarter": quarter}).scalar_one()
                within = within and tried <= budget.most
        return within

    def give_back(self, budgets: Sequence[Budget], now: int) -> None:
        """Give an attempt back that was good."""
        mine = sign_in_failures.c.bucket.in_([budget.bucket for budget in budgets])
        less = update(sign_in_failures).where(mine, sign_in_failures.c.quarter == now // QUARTER, sign_in_failures.c.tried > 0)
        with asking(), self._engine.begin() as connection:
            connection.execute(less.values(tried=sign_in_failures.c.tried - 1))

    def challenge(self, now: int, officer: int | None = None) -> bytes:
        """Return what a passkey is asked to sign."""
        made = secrets.token_bytes(32)
        values = {"challenge": made, "officer_id": officer, "expires": now + CHALLENGED_FOR}
        with asking(), self._engine.begin() as connection:
            connection.execute(delete(passkey_challenges).where(passkey_challenges.c.expires <= now))
            connection.execute(insert(passkey_challenges), values)
        return made

    def answered(self, challenge: bytes, now: int, officer: int | None = None) -> bool:
        """Use a challenge up; says no if we asked none such of this officer, or of whoever signs in."""
        mine = passkey_challenges.c.officer_id.is_(None) if officer is None else passkey_challenges.c.officer_id == officer
        where = (passkey_challenges.c.challenge == challenge, passkey_challenges.c.expires > now, mine)
        with asking(), self._engine.begin() as connection:
            return bool(connection.execute(delete(passkey_challenges).where(*where)).rowcount)

    def demo_accounts(self) -> int:
        """Return how many accounts have secrets that everybody knows."""
        with asking(), self._engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(officers).where(officers.c.demo == 1)).scalar_one()


_SESSION: Final = (
    select(
        desk_sessions.c.id.label("session_id"),
        desk_sessions.c.created.label("begun"),
        *desk_sessions.c["seen", "second_factor", "browser"],
        officers,
        *OFFICE[1:],
    )
    .join(officers, officers.c.id == desk_sessions.c.officer_id)
    .join(offices, offices.c.id == officers.c.office_id)
    .where(officers.c.suspended.is_(None))
)


def _going_on(now: int) -> tuple[ColumnElement[bool], ...]:
    return (desk_sessions.c.created > now - LONGEST, desk_sessions.c.seen > now - IDLE)
