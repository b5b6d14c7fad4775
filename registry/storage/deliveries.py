"""What is on its way to rights holders: a queue in the desk's database, from which several processes take work.

Work is taken by one statement that passes over what another has taken, and belongs to who took it until its lease ends: one who
is killed in between gives it back so, and it is sent again under the same id. Nothing that was sent or given up is removed.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, insert, select, text, update

from registry.enforcement.deliveries import ATTEMPTS, LEASE, Channel, Delivery, State, next_attempt
from registry.errors import StoreDamaged
from registry.storage.schema import asking
from registry.storage.telling_tables import deliveries, senders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection, Engine, Update

LONGEST_ERROR: Final = 500
_SEEN: Final = text(
    "INSERT INTO senders (channel, seen_at) VALUES (:channel, :now) ON CONFLICT (channel) DO UPDATE SET seen_at = :now"
)
WAITING: Final = (State.QUEUED.value, State.FAILED.value)


class Deliveries:
    """The deliveries in a database. Methods raise `StoreUnavailable` or `StoreDamaged`; threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def take(self, channels: Iterable[Channel], now: int, most: int = 1) -> list[Delivery]:
        """Return deliveries that are due, for the caller alone until their lease ends; each counts as an attempt.

        Notes that somebody sends by these channels.
        """
        names = sorted(channel.value for channel in channels)
        due = (
            select(deliveries.c.id)
            .where(deliveries.c.state.in_(WAITING), deliveries.c.channel.in_(names))
            .where(deliveries.c.due_at <= now, deliveries.c.leased_until <= now)
            .order_by(deliveries.c.due_at, deliveries.c.id)
            .limit(most)
            # PostgreSQL; SQLite has one writer at a time, and this statement is one from its beginning.
            .with_for_update(skip_locked=True)
        )
        taken = (
            update(deliveries)
            .where(deliveries.c.id.in_(due.scalar_subquery()))
            .values(leased_until=now + LEASE, attempts=deliveries.c.attempts + 1)
            .returning(deliveries)
        )
        with asking(), self._engine.begin() as connection:
            for name in names:
                connection.execute(_SEEN, {"channel": name, "now": now})
            connection.execute(_lost(now))
        with asking(), self._engine.begin() as connection:
            return [_delivery(row) for row in connection.execute(taken).all()]

    def sent(self, delivery: Delivery, now: int) -> None:
        """Note that a delivery arrived."""
        self._mark(delivery.id, state=State.SENT.value, sent_at=now, leased_until=0, last_error=None)

    def failed(self, delivery: Delivery, error: str, now: int, *, is_final: bool = False) -> State:
        """Note that a delivery that was taken did not arrive; returns whether it is tried again, or dead."""
        again = None if is_final else next_attempt(delivery.attempts, now)
        state = State.DEAD if again is None else State.FAILED
        self._mark(
            delivery.id, state=state.value, due_at=again or now, leased_until=0, last_error=error[:LONGEST_ERROR] or None
        )
        return state

    def send_again(self, delivery: str, manufacturer: int, now: int) -> bool:
        """Put a dead delivery back into the queue, with all its attempts; says whether there was one."""
        change = (
            update(deliveries)
            .where(deliveries.c.id == delivery, deliveries.c.manufacturer == manufacturer)
            .where(deliveries.c.state == State.DEAD.value)
            .values(state=State.QUEUED.value, attempts=0, due_at=now, leased_until=0)
        )
        with asking(), self._engine.begin() as connection:
            return bool(connection.execute(change).rowcount)

    def of_notice(self, notice: str) -> list[Delivery]:
        """Return the deliveries of a notice, the oldest first."""
        asked = select(deliveries).where(deliveries.c.notice == notice).order_by(deliveries.c.created_at, deliveries.c.id)
        with asking(), self._engine.connect() as connection:
            return [_delivery(row) for row in connection.execute(asked).all()]

    def dead(self, most: int = 100) -> list[Delivery]:
        """Return deliveries that were given up, the newest first."""
        asked = select(deliveries).where(deliveries.c.state == State.DEAD.value).order_by(deliveries.c.due_at.desc())
        with asking(), self._engine.connect() as connection:
            return [_delivery(row) for row in connection.execute(asked.limit(most)).all()]

    def counts(self) -> dict[State, int]:
        """Return how many deliveries are in each state."""
        asked = select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        with asking(), self._engine.connect() as connection:
            found = {State(state): count for state, count in connection.execute(asked).all()}
        return {state: found.get(state, 0) for state in State}

    def seen(self) -> Mapping[Channel, int]:
        """Return when (Unix seconds) somebody who sends by each channel last asked for work."""
        with asking(), self._engine.connect() as connection:
            rows = connection.execute(select(senders)).all()
        return {Channel(row.channel): row.seen_at for row in rows if row.channel in set(Channel)}

    def _mark(self, delivery: str, **values: Any) -> None:
        change = update(deliveries).where(deliveries.c.id == delivery, deliveries.c.state.in_(WAITING)).values(**values)
        with asking(), self._engine.begin() as connection:
            connection.execute(change)


def _lost(now: int) -> Update:
    """Return what gives up deliveries whose last attempt ended the process that made it, so that none ends it for ever."""
    return (
        update(deliveries)
        .where(deliveries.c.state.in_(WAITING), deliveries.c.attempts >= ATTEMPTS, deliveries.c.leased_until <= now)
        .values(state=State.DEAD.value, last_error="the process that sent it ended before it could say how it went")
    )


def new_id() -> str:
    """Return the name of a notice or a delivery."""
    return secrets.token_hex(16)


def enqueue(connection: Connection, found: Iterable[Delivery]) -> None:
    """Write deliveries into the queue, in the caller's transaction."""
    rows = [
        {
            "id": one.id, "notice": one.notice, "manufacturer": one.manufacturer, "channel": one.channel.value,
            "address": one.address, "subject": one.subject or None, "body": one.body, "state": State.QUEUED.value,
            "attempts": 0, "created_at": one.created_at, "due_at": one.created_at, "leased_until": 0,
        }
        for one in found
    ]  # fmt: skip
    if rows:
        connection.execute(insert(deliveries), rows)


def _delivery(row: Any) -> Delivery:
    if row.channel not in set(Channel) or row.state not in set(State):
        raise StoreDamaged(f"a delivery is {row.state!r} by {row.channel!r}, expected a state and a channel that there are")
    return Delivery(
        row.id, row.notice, row.manufacturer, Channel(row.channel), row.address, row.subject or "", row.body, row.created_at,
        State(row.state), row.attempts, row.due_at, row.sent_at or 0, row.last_error or "",
    )  # fmt: skip
