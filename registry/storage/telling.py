"""Notices to rights holders in the desk's database, beside the queue of what is on its way and what manufacturers set.

A notice is written first, as a draft that nobody is told of; then the case notes it; then it is released: shown to its
manufacturer and queued, in one transaction. Whoever is killed in between leaves a draft that can be released still, and never a
manufacturer that was told without the case's knowing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import orjson
from sqlalchemy import insert, select, update

from registry.enforcement.notices import Notice
from registry.errors import StoreDamaged
from registry.storage import schema
from registry.storage.deliveries import Deliveries, enqueue
from registry.storage.rights_holders import RightsHolders
from registry.storage.schema import asking
from registry.storage.telling_tables import notices

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Engine

    from registry.enforcement.deliveries import Delivery


@dataclass(frozen=True, slots=True)
class Told:
    """A notice, and how far it came. Times are Unix seconds, 0 for not yet."""

    notice: Notice
    payload: bytes
    """Exactly what is sent."""
    released_at: int
    acknowledged_at: int
    answered_at: int
    answer: bytes | None
    """The identification statement, as it is written."""


class Telling:
    """All that the desk's database knows of telling. Methods raise as `asking` does; threads may share it."""

    def __init__(self, engine: Engine) -> None:
        """Work through an engine that others may use too."""
        self.engine = engine
        self.deliveries = Deliveries(engine)
        self.rights_holders = RightsHolders(engine)

    @classmethod
    def open(cls, url: str, *, create: bool = False) -> Self:
        """Open a database: with `create` to write, its tables made if they are not there.

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

    def draft(self, notice: Notice) -> None:
        """Write a notice that nobody is told of yet; one of the same name stays as it is."""
        row = {
            "id": notice.id, "case_id": notice.case, "manufacturer": notice.manufacturer, "language": notice.language,
            "time": notice.time, "who": notice.who, "payload": notice.canonical(),
        }  # fmt: skip
        with asking(), self.engine.begin() as connection:
            if connection.execute(select(notices.c.id).where(notices.c.id == notice.id)).first() is None:
                connection.execute(insert(notices), row)

    def release(self, notice: str, deliveries: Iterable[Delivery], now: int) -> bool:
        """Show a notice to its manufacturer and queue its deliveries, once; says whether that was now."""
        change = update(notices).where(notices.c.id == notice, notices.c.released_at.is_(None)).values(released_at=now)
        with asking(), self.engine.begin() as connection:
            if not connection.execute(change).rowcount:
                return False
            enqueue(connection, deliveries)
        return True

    def get(self, notice: str) -> Told | None:
        """Return a notice, draft or not; none if there is none of this name."""
        found = self._list(notices.c.id == notice)
        return found[0] if found else None

    def of_case(self, case: str) -> list[Told]:
        """Return the notices of a case, drafts included, the oldest first."""
        return self._list(notices.c.case_id == case)

    def of_manufacturer(self, manufacturer: int) -> list[Told]:
        """Return what a manufacturer was told, the newest first."""
        return self._list(notices.c.manufacturer == manufacturer, notices.c.released_at.is_not(None))[::-1]

    def acknowledged(self, notice: str, who: int, now: int) -> bool:
        """Note that a manufacturer confirmed to have received a notice; says whether it was the first time."""
        change = update(notices).where(notices.c.id == notice, notices.c.acknowledged_at.is_(None))
        with asking(), self.engine.begin() as connection:
            return bool(connection.execute(change.values(acknowledged_at=now, acknowledged_by=who)).rowcount)

    def answered(self, notice: str, answer: bytes, now: int) -> None:
        """Keep the answer to a notice, in the place of an earlier one, which stays in the case."""
        change = update(notices).where(notices.c.id == notice).values(answered_at=now, answer=answer)
        with asking(), self.engine.begin() as connection:
            connection.execute(change)

    def _list(self, *where: ColumnElement[bool]) -> list[Told]:
        asked = select(notices).where(*where).order_by(notices.c.time, notices.c.id)
        with asking(), self.engine.connect() as connection:
            rows = connection.execute(asked).all()
        return [_told(row) for row in rows]


def _told(row: Any) -> Told:
    """Return a row as a notice. Raises `StoreDamaged` if the payload is not that of its row."""
    try:
        values = orjson.loads(row.payload)["fields"]
        notice = Notice(row.id, row.case_id, row.manufacturer, row.language, row.time, row.who, values)
        is_whole = notice.canonical() == row.payload
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise StoreDamaged(f"notice {row.id} is not the one that was made", hint="bring it back from a backup")
    return Told(notice, row.payload, row.released_at or 0, row.acknowledged_at or 0, row.answered_at or 0, row.answer)
