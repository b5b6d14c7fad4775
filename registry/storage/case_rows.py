"""What the desk's database holds of each case, as it is stored and held against nothing yet: for the audit.

All rows of a case are of one moment, so that whoever writes at the same time makes no difference. One case is held at once.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import String, func, select, type_coerce, union

from registry.enforcement.cases import Event, Kind
from registry.errors import StoreDamaged
from registry.storage.case_tables import case_events, case_files, case_units, cases
from registry.storage.journal import read
from registry.storage.outbox import Work
from registry.storage.schema import asking
from registry.storage.tables import journal, notary_work

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Engine

AT_ONCE: Final = 10_000
"""Names of cases that are held at once."""
HASH: Final = 32
"""Bytes of a SHA-256."""
ABOUT: Final = "case "
"""How the subject of an entry about a case begins."""
KINDS: Final = frozenset(f"case.{kind.value}" for kind in Kind)
"""Kinds of entries that note an event; others tell that a case was read."""
_SNAPSHOT: Final = {"sqlite": "BEGIN", "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as it is stored."""

    number: int
    sha256: bytes
    """The hash that stands beside it."""
    event: Event | None
    """None if it cannot be read."""
    computed: bytes | None
    """The hash of what is stored; none if that cannot be read."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What an entry of the journal says of an event."""

    entry: int
    """Its number in the journal."""
    number: int
    """The event's in its case."""
    sha256: bytes


@dataclass(frozen=True, slots=True)
class CaseRows:
    """All that is stored of a case."""

    case: str
    events: tuple[EventRow, ...] = ()
    noted: tuple[Noted, ...] = ()
    summary: Mapping[str, Any] | None = None
    """Its row of the table `cases`."""
    units: Mapping[tuple[str, str], tuple[int, int]] | None = None
    """By GTIN and serial: whether it stands that a unit was copied, and that it was stolen."""
    files: Mapping[str, bytes] | None = None
    """The SHA-256 of each file's bytes, by its id."""
    asked: frozenset[bytes] = frozenset()
    """Hashes that the notary was asked to anchor, as far as an event has them."""


def names(engine: Engine) -> Iterator[object]:
    """Yield the name of each case that is anywhere in the database: its events, files, summary or entries in the journal.

    What somebody put in need not be a name that a case can have, nor a text.
    """
    noted = select(func.substr(type_coerce(journal.c.subject, String()), len(ABOUT) + 1)).where(
        journal.c.kind.in_(sorted(KINDS)), type_coerce(journal.c.subject, String()).startswith(ABOUT)
    )
    places = (case_events.c.case_id, cases.c.id, case_files.c.case_id)
    found = union(*(select(type_coerce(place, String()).label("name")) for place in places), noted).subquery()
    name = found.c.name
    last: object = None
    while True:
        asked = select(name).order_by(name).limit(AT_ONCE)
        with asking(), engine.connect() as connection:
            some = connection.execute(asked if last is None else asked.where(name > last)).scalars().all()
        yield from some
        if len(some) < AT_ONCE:
            return
        last = some[-1]


def rows(engine: Engine, case: str) -> CaseRows:
    """Return all that is stored of a case. Raises `StoreUnavailable`, and `StoreDamaged` for what no column can hold."""
    with asking(), at_one_moment(engine) as connection:
        events = tuple(_events(connection, case))
        summary = connection.execute(select(cases).where(cases.c.id == case)).mappings().first()
        units = connection.execute(select(case_units).where(case_units.c.case_id == case)).all()
        manifests = [manifest for one in events if one.event and (manifest := manifest_of(one.event))]
        asked = select(notary_work.c.hash).where(notary_work.c.kind == Work.CASE.value, notary_work.c.hash.in_(manifests))
        return CaseRows(
            case,
            events,
            tuple(_noted(connection, case)),
            None if summary is None else dict(summary),
            {(one.gtin, one.serial): (one.copied, one.stolen) for one in units},
            dict(_files(connection, case)),
            frozenset(connection.execute(asked).scalars()) if manifests else frozenset(),
        )


def manifest_of(event: Event) -> bytes | None:
    """Return the hash of the manifest of an evidence bundle that was made; none for another event."""
    if event.kind is not Kind.BUNDLED:
        return None
    try:
        manifest = bytes.fromhex(event.values["manifest"])
    except (KeyError, TypeError, ValueError):
        return None
    return manifest if len(manifest) == HASH else None


@contextmanager
def at_one_moment(engine: Engine) -> Iterator[Connection]:
    """Give a connection to which the database looks as it does now, whatever is written meanwhile."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(_SNAPSHOT[engine.dialect.name])
        try:
            yield connection
        finally:
            connection.exec_driver_sql("ROLLBACK")


def _events(connection: Connection, case: str) -> Iterator[EventRow]:
    for row in connection.execute(select(case_events).where(case_events.c.case_id == case).order_by(case_events.c.number)):
        event = computed = None
        try:
            event = Event(row.number, row.time, row.who, Kind(row.kind), row.why or "", _values(row.body))
            computed = bytes.fromhex(event.sha256(case, row.body))
        except ValueError:
            event = None
        yield EventRow(row.number, row.sha256, event, computed)


def _values(body: bytes) -> Mapping[str, Any]:
    """Return the values in an event's body. Raises `ValueError`."""
    values = orjson.loads(body)
    if not isinstance(values, dict):
        raise ValueError(f"found {type(values).__name__}, expected an object")  # noqa: TRY004 -- as for a body that is no JSON
    return values


def _noted(connection: Connection, case: str) -> Iterator[Noted]:
    """Yield what the journal has of a case's events. An entry that does not read is left to the journal's own examination."""
    asked = select(journal.c.number, journal.c.canonical).where(journal.c.subject == f"{ABOUT}{case}")
    for row in connection.execute(asked.order_by(journal.c.number)):
        try:
            entry = read(row.number, row.canonical)
            if entry.kind in KINDS:
                yield Noted(row.number, int(entry.values["number"]), bytes.fromhex(entry.values["sha256"]))
        except (StoreDamaged, KeyError, TypeError, ValueError):
            continue


def _files(connection: Connection, case: str) -> Iterator[tuple[str, bytes]]:
    """Yield the SHA-256 of each file; one is held at once."""
    mine = case_files.c.case_id == case
    for id_ in connection.execute(select(case_files.c.id).where(mine)).scalars().all():
        content = connection.execute(select(case_files.c.content).where(mine, case_files.c.id == id_)).scalar_one()
        yield id_, hashlib.sha256(content).digest()
