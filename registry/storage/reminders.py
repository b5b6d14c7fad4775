"""Reminders on their way to people of the desk: each is made once, and sent until it arrives or is given up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, text, update

from registry.enforcement import reminders as due
from registry.enforcement.cases import OPEN
from registry.enforcement.deliveries import ATTEMPTS, LEASE, Channel, Delivery, State, next_attempt
from registry.enforcement.officers import Role
from registry.storage.accounts import Accounts
from registry.storage.cases import Cases
from registry.storage.deliveries import LONGEST_ERROR, new_id
from registry.storage.rights_holders import RightsHolders
from registry.storage.schema import asking
from registry.storage.telling_tables import reminders

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from sqlalchemy import Engine

    from registry.enforcement.reminders import Reminder

_MAKE: Final = text(
    "INSERT INTO reminders (id, about, address, subject, body, state, made_at, attempts, due_at, leased_until) "
    "VALUES (:id, :about, :address, :subject, :body, 'queued', :now, 0, :now, 0) ON CONFLICT (about, address) DO NOTHING"
)
WAITING: Final = (State.QUEUED.value, State.FAILED.value)


class Reminders:
    """The reminders in the desk's database. Methods raise `StoreUnavailable` or `StoreDamaged`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def make(self, now: int, root: str) -> int:
        """Make what is due and was not made before; returns how much. `root` is the site's address without a last slash."""
        made = 0
        for address, reminder in self._due(datetime.fromtimestamp(now, UTC), root):
            row = {
                "id": new_id(), "about": reminder.about, "address": address, "subject": reminder.subject,
                "body": reminder.body.encode(), "now": now,
            }  # fmt: skip
            with asking(), self._engine.begin() as connection:
                made += connection.execute(_MAKE, row).rowcount
        return made

    def _due(self, now: datetime, root: str) -> Iterator[tuple[str, Reminder]]:
        """Yield each reminder that is due with each address that it goes to."""
        inspectors: dict[int, list[str]] = {}
        brands: dict[int, list[str]] = {}
        for account in Accounts(self._engine).all():
            office = account.officer.office
            if not account.suspended and account.officer.role is Role.INSPECTOR:
                inspectors.setdefault(office.id, []).append(account.officer.email)
            elif not account.suspended and office.manufacturer is not None:
                brands.setdefault(office.manufacturer, []).append(account.officer.email)
        for office_id, reminder in self._of_cases(now, root, inspectors.keys()):
            yield from ((email, reminder) for email in inspectors[office_id])
        kept = RightsHolders(self._engine)
        for manufacturer, emails in brands.items():
            for _, recordal in kept.recordals(manufacturer):
                for reminder in due.of_recordal(manufacturer, recordal, now.date(), root):
                    yield from ((email, reminder) for email in emails)

    def _of_cases(self, now: datetime, root: str, offices: Container[int]) -> Iterator[tuple[int, Reminder]]:
        """Yield what is due about open cases, each with its office."""
        cases = Cases(self._engine)
        for summary in cases.all():
            case = cases.get(summary.id) if summary.state in OPEN and summary.office in offices else None
            if case is not None:
                yield from ((case.office, reminder) for reminder in due.of_case(case, now, root))

    # What `registry.telling.runner.Runner` asks of a queue.

    def take(self, channels: Iterable[Channel], now: int, most: int = 1) -> list[Delivery]:
        """Return reminders that are to be sent, for the caller alone until their lease ends; each counts as an attempt."""
        if Channel.MAIL not in set(channels):
            return []
        lost = update(reminders).where(
            reminders.c.state.in_(WAITING), reminders.c.attempts >= ATTEMPTS, reminders.c.leased_until <= now
        )
        waiting = (
            select(reminders.c.id)
            .where(reminders.c.state.in_(WAITING), reminders.c.due_at <= now, reminders.c.leased_until <= now)
            .order_by(reminders.c.due_at, reminders.c.id)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        taken = (
            update(reminders)
            .where(reminders.c.id.in_(waiting.scalar_subquery()))
            .values(leased_until=now + LEASE, attempts=reminders.c.attempts + 1)
            .returning(reminders)
        )
        with asking(), self._engine.begin() as connection:
            connection.execute(lost.values(state=State.DEAD.value))
        with asking(), self._engine.begin() as connection:
            return [_delivery(row) for row in connection.execute(taken).all()]

    def sent(self, delivery: Delivery, now: int) -> None:
        """Note that a reminder arrived."""
        self._mark(delivery.id, state=State.SENT.value, sent_at=now, leased_until=0, last_error=None)

    def failed(self, delivery: Delivery, error: str, now: int, *, is_final: bool = False) -> State:
        """Note that a reminder that was taken did not arrive; returns whether it is tried again, or dead."""
        again = None if is_final else next_attempt(delivery.attempts, now)
        state = State.DEAD if again is None else State.FAILED
        self._mark(delivery.id, state=state.value, due_at=again or now, leased_until=0, last_error=error[:LONGEST_ERROR])
        return state

    def _mark(self, reminder: str, **values: Any) -> None:
        change = update(reminders).where(reminders.c.id == reminder, reminders.c.state.in_(WAITING)).values(**values)
        with asking(), self._engine.begin() as connection:
            connection.execute(change)


def _delivery(row: Any) -> Delivery:
    return Delivery(
        row.id, "", 0, Channel.MAIL, row.address, row.subject, row.body, row.made_at, State(row.state), row.attempts,
        row.due_at,
    )  # fmt: skip
