"""The journal in the desk's database: entries are added, one after another, and the database refuses to change them.

Whoever adds one holds the head's row until his transaction ends, so that entries of several processes stand one behind the
other, and an act is stored with its entry or not at all (`append_in`).
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

import orjson
from sqlalchemy import func, insert, select, text, update

from registry.enforcement.journal import Entry, Head, Kept, beginning, follow
from registry.errors import DocumentError, StoreDamaged
from registry.storage import schema
from registry.storage.schema import asking
from registry.storage.tables import journal, journal_heads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Connection, Engine

AT_ONCE: Final = 1000
"""Entries that are read by one statement."""
_NEXT: Final = text("UPDATE journal_heads SET number = number + 1 WHERE id = 1 RETURNING number, hash")


class Journal:
    """The journal of a desk. Methods raise `StoreUnavailable` or `StoreDamaged`; threads and processes may share it."""

    def __init__(self, engine: Engine, *, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    @classmethod
    def open(cls, url: str, registry_id: bytes | None = None, *, clock: Callable[[], float] = time.time) -> Self:
        """Open the journal of a database: with a registry's id to write, its tables made if they are not there.

        Raises `StoreUnavailable` if it cannot be opened so, `DocumentError` for a URL of no engine of ours, or a journal that
        was begun for another registry.
        """
        engine = schema.open_engine(url, create=registry_id is not None)
        try:
            if registry_id is not None:
                schema.make_tables(engine)
            schema.check_schema(engine)
            opened = cls(engine, clock=clock)
            if registry_id is not None:
                opened._begin(registry_id)
        except BaseException:
            engine.dispose()
            raise
        return opened

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, kind: str, who: int | None, subject: str, values: Mapping[str, Any] | None = None) -> Entry:
        """Write down what was done, see `Entry`."""
        with asking(), self._engine.begin() as connection:
            return self.append_in(connection, kind, who, subject, values)

    def append_in(
        self, connection: Connection, kind: str, who: int | None, subject: str, values: Mapping[str, Any] | None = None
    ) -> Entry:
        """Write it down as a part of a transaction of the same database; other writers wait until it ends."""
        found = connection.execute(_NEXT).first()
        if found is None:
            raise StoreDamaged("the journal has no head", hint="bring the database back from a backup")
        entry = Entry(found.number, int(self._clock()), kind, who, subject, values or {})
        head = follow(Head(found.number - 1, bytes(found.hash)), entry.canonical)
        row = {
            "number": entry.number, "time": entry.time, "kind": kind, "subject": subject, "canonical": entry.canonical,
            "hash": head.hash,
        }  # fmt: skip
        connection.execute(insert(journal), row)
        connection.execute(update(journal_heads).values(hash=head.hash))
        return entry

    def head(self) -> Head:
        """Return how far the journal is."""
        with asking(), self._engine.connect() as connection:
            row = connection.execute(select(journal_heads)).first()
        if row is None:
            raise StoreDamaged("the journal has no head", hint="bring the database back from a backup")
        return Head(row.number, row.hash)

    def kept(self) -> Iterator[Kept]:
        """Yield the entries as they are stored, in their order; only some are held at once."""
        last: int | None = None
        while True:
            asked = select(journal).order_by(journal.c.number).limit(AT_ONCE)
            if last is not None:
                asked = asked.where(journal.c.number > last)
            with asking(), self._engine.connect() as connection:
                rows = connection.execute(asked).all()
            for row in rows:
                yield Kept(row.number, row.canonical, row.hash, reads=_reads(row))
            if len(rows) < AT_ONCE:
                return
            last = rows[-1].number

    def entries(self, *, subject: str | None = None, most: int = AT_ONCE) -> tuple[Entry, ...]:
        """Return the last entries, or the last about a subject, the newest first.

        Raises `StoreDamaged` for one that does not read; a change that was made with care is found by `touchstone audit`.
        """
        asked = select(journal).order_by(journal.c.number.desc()).limit(most)
        if subject is not None:
            asked = asked.where(journal.c.subject == subject)
        with asking(), self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        return tuple(read(row.number, row.canonical, row) for row in rows)

    def of_people_since(self, number: int) -> int | None:
        """Return when the first entry after that number was made by others than the notary; none if there is none."""
        asked = select(func.min(journal.c.time)).where(journal.c.number >= number + 1, journal.c.kind.not_like("notary.%"))
        with asking(), self._engine.connect() as connection:
            found: int | None = connection.execute(asked).scalar_one()
        return found

    def count(self) -> int:
        """Return how many entries there are."""
        with asking(), self._engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(journal)).scalar_one())

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a transaction of the journal's database, for an act that is stored with its entry."""
        with asking(), self._engine.begin() as connection:
            yield connection

    def _begin(self, registry_id: bytes) -> None:
        """Begin a journal that is not begun yet; several may try at once."""
        start = beginning(registry_id)
        put = text("INSERT INTO journal_heads (id, number, hash, registry_id) VALUES (1, 0, :hash, :id) ON CONFLICT DO NOTHING")
        with asking(), self._engine.begin() as connection:
            connection.execute(put, {"hash": start.hash, "id": registry_id})
            found: bytes = connection.execute(select(journal_heads.c.registry_id)).scalar_one()
        if found != registry_id:
            raise DocumentError(
                f"the journal is of registry 0x{found.hex()}, expected 0x{registry_id.hex()}",
                hint="give each registry a desk's database of its own",
            )


def _reads(row: Any) -> bool:
    try:
        read(row.number, row.canonical, row)
    except StoreDamaged:
        return False
    return True


def read(number: int, canonical: bytes, beside: Any = None) -> Entry:
    """Return an entry from its stored bytes. Raises `StoreDamaged` if they are none, or what stands beside them differs."""
    try:
        values = orjson.loads(canonical)
        entry = Entry(**values)
        same = entry.canonical == canonical and entry.number == number
        told = (entry.time, entry.kind, entry.subject)
        same = same and (beside is None or (beside.time, beside.kind, beside.subject) == told)
    except (ValueError, TypeError):
        same = False
    if not same:
        raise StoreDamaged(f"entry {number} of the journal is not one that was written", hint="run `touchstone audit`")
    return entry
