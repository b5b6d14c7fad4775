"""What the notary is asked to do: the site writes it down, and a process with a key of its own does it (`registry.notary`).

A hash is asked for once, however often; what could not be done yet is tried again later, and stays here with the reason.
"""

from __future__ import annotations

import enum
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import orjson
from sqlalchemy import case, select, text, update

from registry.errors import StoreDamaged
from registry.storage import schema
from registry.storage.schema import asking
from registry.storage.tables import LONGEST_TEXT, notary_work

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection, Engine, Update

FIRST_WAIT: Final = 15
"""Seconds until what failed is tried again; twice as many each time."""
LONGEST_WAIT: Final = 3600
_ASK: Final = text(
    "INSERT INTO notary_work (kind, hash, subject, state, asked_at, attempts, next_at, number) "
    "VALUES (:kind, :hash, :subject, 'queued', :now, 0, :now, :number) ON CONFLICT (kind, hash) DO NOTHING"
)


class Work(enum.StrEnum):
    """What is to be done with a hash."""

    CASE = "case"
    """Anchor it: it is that of an evidence bundle's manifest, or of what is published."""
    JOURNAL = "journal"
    """Anchor it: it is the journal's."""
    SHEET = "sheet"
    """Sign it: it is a result sheet's."""


@dataclass(frozen=True, slots=True)
class Task:
    """A hash, and what is or was to be done with it."""

    id: int
    kind: Work
    hash: bytes
    subject: str
    asked_at: int
    attempts: int
    done_at: int | None
    number: int | None
    """Of the journal's last entry, for its hash."""
    result: Mapping[str, Any] | None
    """What was done, as JSON values; none if it was not yet. A task that is not done may be done in part."""
    problem: str
    """Why the last attempt failed."""


class Outbox:
    """The notary's work in the desk's database. Methods raise `StoreUnavailable` or `StoreDamaged`."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    @classmethod
    def open(cls, url: str, *, create: bool = False, clock: Callable[[], float] = time.time) -> Self:
        """Open the outbox of a database, see `Leads.open`."""
        engine = schema.open_engine(url, create=create)
        try:
            if create:
                schema.make_tables(engine)
            schema.check_schema(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, clock=clock)

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, kind: Work, digest: bytes, subject: str, *, number: int | None = None) -> None:
        """Ask for something to be done with a hash; what was asked for before is not asked for again."""
        with asking(), self._engine.begin() as connection:
            ask_in(connection, kind, digest, subject, int(self._clock()), number=number)

    def due(self) -> tuple[Task, ...]:
        """Return what is to be done now, in the order in which it was asked for."""
        asked = (
            select(notary_work)
            .where(notary_work.c.state == "queued", notary_work.c.next_at <= int(self._clock()))
            .order_by(notary_work.c.id)
        )
        with asking(), self._engine.connect() as connection:
            return tuple(map(_task, connection.execute(asked)))

    def all(self, kind: Work) -> tuple[Task, ...]:
        """Return everything of a kind, the oldest first."""
        asked = select(notary_work).where(notary_work.c.kind == kind.value).order_by(notary_work.c.id)
        with asking(), self._engine.connect() as connection:
            return tuple(map(_task, connection.execute(asked)))

    def find(self, kind: Work, digest: bytes) -> Task | None:
        """Return what was asked for with a hash, or none."""
        asked = select(notary_work).where(notary_work.c.kind == kind.value, notary_work.c.hash == digest)
        with asking(), self._engine.connect() as connection:
            row = connection.execute(asked).first()
        return None if row is None else _task(row)

    def done_in(self, connection: Connection, task: int, result: Mapping[str, Any]) -> None:
        """Note that something was done, as a part of a transaction of the same database."""
        values = {"state": "done", "done_at": int(self._clock()), "result": orjson.dumps(result), "problem": None}
        connection.execute(_of(task).values(**values, attempts=notary_work.c.attempts + 1))

    def failed(self, task: int, problem: str, result: Mapping[str, Any] | None = None) -> None:
        """Note that it could not be done now, and when it is tried again: later and later, an hour at most.

        `result` is what was done of it already.
        """
        # Not a power: SQLite has none. More doublings than these are over the longest wait anyhow.
        steps = {attempt: FIRST_WAIT << attempt for attempt in range(8)}
        wait = case(*((notary_work.c.attempts == attempt, seconds) for attempt, seconds in steps.items()), else_=LONGEST_WAIT)
        attempts = notary_work.c.attempts + 1
        values = {"attempts": attempts, "problem": problem[:LONGEST_TEXT], "next_at": int(self._clock()) + wait}
        done = {} if result is None else {"result": orjson.dumps(result)}
        with asking(), self._engine.begin() as connection:
            connection.execute(_of(task).values(**values, **done))


def ask_in(connection: Connection, kind: Work, digest: bytes, subject: str, now: int, *, number: int | None = None) -> None:
    """Ask for something to be done with a hash as a part of a transaction of the desk's database; `now` in Unix seconds."""
    asked = {"kind": kind.value, "hash": digest, "subject": subject, "now": now, "number": number}
    connection.execute(_ASK, asked)


def _of(task: int) -> Update:
    return update(notary_work).where(notary_work.c.id == task, notary_work.c.state == "queued")


def _task(row: Any) -> Task:
    if row.kind not in set(Work):
        raise StoreDamaged(f"found work of the kind {row.kind!r}, expected one of {', '.join(Work)}")
    try:
        result = None if row.result is None else orjson.loads(row.result)
    except ValueError as error:
        raise StoreDamaged(f"what came of task {row.id} of the notary does not read") from error
    return Task(
        row.id, Work(row.kind), row.hash, row.subject, row.asked_at, row.attempts, row.done_at, row.number, result,
        row.problem or "",
    )  # fmt: skip
