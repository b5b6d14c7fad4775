"""Where manufacturers want to be told, the secrets of their webhooks, and their recordals: the desk's database holds them.

A webhook's secret is kept as it is, because a message is signed with it. After a change the one before is valid beside it for a
week, so that a receiver can be changed without losing a message.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from registry.enforcement.deliveries import Channel
from registry.enforcement.recordals import Recordal, Right
from registry.errors import DocumentError, StoreDamaged
from registry.storage import schema
from registry.storage.schema import asking
from registry.storage.telling_tables import SECRET, contacts, recordals, webhook_secrets

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Engine, Table

OVERLAP: Final = 7 * 86_400
"""Seconds for which a secret is valid after the next one was made."""
MOST: Final = 20
"""Addresses of one channel, and recordals, that a manufacturer has at most: each notice goes to all of them."""
MOST_RECORDALS: Final = 200


@dataclass(frozen=True, slots=True)
class Contact:
    """One place where a manufacturer wants to be told."""

    id: int
    channel: Channel
    address: str


@dataclass(frozen=True, slots=True)
class Secrets:
    """With what a manufacturer's webhooks are signed, the newest first."""

    valid: tuple[bytes, ...] = field(default=(), repr=False)
    made_at: int = 0
    previous_until: int = 0


class RightsHolders:
    """What manufacturers set. Methods raise `StoreUnavailable` or `StoreDamaged`; threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def contacts(self, manufacturer: int) -> list[Contact]:
        """Return where a manufacturer wants to be told."""
        asked = select(contacts).where(contacts.c.manufacturer == manufacturer).order_by(contacts.c.channel, contacts.c.id)
        with asking(), self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        if any(row.channel not in set(Channel) for row in rows):
            raise StoreDamaged(f"manufacturer {manufacturer} is told by a channel that there is not")
        return [Contact(row.id, Channel(row.channel), row.address) for row in rows]

    def add_contact(self, manufacturer: int, channel: Channel, address: str) -> None:
        """Tell a manufacturer there too; does nothing if it is told there already. Raises `DocumentError` if there are many."""
        where = (contacts.c.manufacturer == manufacturer, contacts.c.channel == channel.value)
        self._insert(contacts, where, MOST, {"manufacturer": manufacturer, "channel": channel.value, "address": address})

    def remove_contact(self, manufacturer: int, contact: int) -> bool:
        """Tell a manufacturer there no more; says whether there was such a contact of its own."""
        return self._delete(contacts, manufacturer, contact)

    def secrets(self, manufacturer: int, now: int) -> Secrets:
        """Return the secrets of a manufacturer's webhooks that are valid; none if it has none."""
        asked = select(webhook_secrets).where(webhook_secrets.c.manufacturer == manufacturer)
        with asking(), self._engine.connect() as connection:
            row = connection.execute(asked).first()
        if row is None:
            return Secrets()
        both = row.previous is not None and (row.previous_until or 0) > now
        valid = (row.secret, row.previous) if both else (row.secret,)
        return Secrets(valid, row.made_at, row.previous_until if both else 0)

    def new_secret(self, manufacturer: int, now: int) -> bytes:
        """Make a secret, with which webhooks are signed from now on, and return it; the one before is valid for a week more."""
        made = secrets.token_bytes(SECRET)
        change = (
            update(webhook_secrets)
            .where(webhook_secrets.c.manufacturer == manufacturer)
            .values(previous=webhook_secrets.c.secret, previous_until=now + OVERLAP, secret=made, made_at=now)
        )
        with asking(), self._engine.begin() as connection:
            if not connection.execute(change).rowcount:
                connection.execute(insert(webhook_secrets), {"manufacturer": manufacturer, "secret": made, "made_at": now})
        return made

    def recordals(self, manufacturer: int) -> list[tuple[int, Recordal]]:
        """Return a manufacturer's recordals with their row numbers, those that end first before the others."""
        asked = select(recordals).where(recordals.c.manufacturer == manufacturer).order_by(recordals.c.last_day, recordals.c.id)
        with asking(), self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        return [(row.id, _recordal(row)) for row in rows]

    def add_recordal(self, manufacturer: int, recordal: Recordal) -> None:
        """Keep a recordal, in the place of one of the same number. Raises `DocumentError` if there are many."""
        where = (recordals.c.manufacturer == manufacturer,)
        values = {
            "manufacturer": manufacturer, "jurisdiction": recordal.jurisdiction, "number": recordal.number,
            "kind": recordal.right.value, "first_day": recordal.first.isoformat(), "last_day": recordal.last.isoformat(),
        }  # fmt: skip
        same = (*where, recordals.c.jurisdiction == recordal.jurisdiction, recordals.c.number == recordal.number)
        with asking(), self._engine.begin() as connection:
            connection.execute(delete(recordals).where(*same))
        self._insert(recordals, where, MOST_RECORDALS, values)

    def remove_recordal(self, manufacturer: int, recordal: int) -> bool:
        """Remove a recordal; says whether there was such a one of this manufacturer's."""
        return self._delete(recordals, manufacturer, recordal)

    def _insert(self, table: Table, where: tuple[Any, ...], most: int, values: dict[str, Any]) -> None:
        try:
            with self._engine.begin() as connection:
                count = connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one()
                if count < most:
                    connection.execute(insert(table), values)
        except IntegrityError:
            return  # it is there already
        except Exception as error:
            raise schema.meaning(error) from error
        if count >= most:
            raise DocumentError(f"there are {most} already, expected fewer", hint="remove one that is not used")

    def _delete(self, table: Table, manufacturer: int, row: int) -> bool:
        with asking(), self._engine.begin() as connection:
            gone = connection.execute(delete(table).where(table.c.id == row, table.c.manufacturer == manufacturer))
        return bool(gone.rowcount)


def _recordal(row: Any) -> Recordal:
    try:
        days = date.fromisoformat(row.first_day), date.fromisoformat(row.last_day)
        return Recordal(row.jurisdiction, row.number, Right(row.kind), *days)
    except ValueError as error:
        raise StoreDamaged(f"a recordal is of {row.kind!r} from {row.first_day!r} to {row.last_day!r}") from error
