"""Cases in the desk's database: their events, which nobody changes, what follows from these, and the files that belong to them.

An event is written with what it makes of the case, with its files and with its hash in the journal, all or nothing. Whoever
writes says which event was the last one he saw: of two people at once, the second is told that the case changed meanwhile. The
table of summaries serves lists and searches alone, and can be made from the events again (`rebuild`).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import orjson
from sqlalchemy import bindparam, delete, func, insert, or_, select, tuple_
from sqlalchemy.exc import IntegrityError

from registry.enforcement.cases import Case, Event, Kind, Outcome, State, apply, fold
from registry.errors import CaseError, StoreDamaged
from registry.storage import case_summaries, schema
from registry.storage.case_tables import case_events, case_files, case_units, cases
from registry.storage.outbox import Work, ask_in
from registry.storage.schema import asking
from registry.units.records import UnitId
from registry.units.serials import ALPHABET

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from sqlalchemy import Connection, Engine

    from registry.storage.case_summaries import Summary

    Journal: TypeAlias = Callable[[Connection, str, int, str, Mapping[str, Any]], object]
    """Notes an act in the transaction of a connection: its kind, the officer's account, what it was done to, plain values."""

LENGTH: Final = 12
"""Characters of a case's name: 60 bits from the system's random source."""
NAME: Final = re.compile(f"[{ALPHABET}]{{{LENGTH}}}")
ATTEMPTS: Final = 5
SHORT: Final = 16
"""Hex digits of a sheet's hash that name it in the journal; the entry has all of them beside."""
AT_ONCE: Final = 400
"""Units that one statement asks for: engines bound how many values a statement has."""
CULPABLE: Final = frozenset({Outcome.COUNTERFEIT, Outcome.COPIED_LABEL})
"""Outcomes after which other offices go on to be told that a unit was seized."""


_HOLDERS: Final = (
    select(case_units.c.gtin, case_units.c.serial, cases.c.office)
    .join(cases, cases.c.id == case_units.c.case_id)
    .where(cases.c.state != State.WITHDRAWN.value)
    .where(or_(cases.c.outcome.is_(None), cases.c.outcome.in_([one.value for one in CULPABLE])))
)
_ELSEWHERE: Final = _HOLDERS.where(
    case_units.c.gtin == bindparam("gtin"), case_units.c.serial == bindparam("serial"), cases.c.office != bindparam("office")
).limit(1)


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is to be done to a case, and the files that it brings, by their ids."""

    kind: Kind
    values: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)


def unkept(connection: Connection, kind: str, who: int, subject: str, values: Mapping[str, Any]) -> None:
    """Keep no journal."""


class Cases:
    """The cases in a database. Methods raise `StoreUnavailable` or `StoreDamaged`; threads may share it."""

    def __init__(self, engine: Engine, *, journal: Journal = unkept, clock: Callable[[], float] = time.time) -> None:
        """Write and read through an engine; `clock` gives Unix seconds."""
        self.engine = engine
        self.journal = journal
        self.clock = clock

    @classmethod
    def open(cls, url: str, *, create: bool = False, journal: Journal = unkept, clock: Callable[[], float] = time.time) -> Self:
        """Open the cases of a database: with `create` to write, its tables made if they are not there.

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
        return cls(engine, journal=journal, clock=clock)

    def close(self) -> None:
        """Give back every connection."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------------------------ writing

    def open_case(
        self, office: int, who: int, details: Mapping[str, Any], units: Sequence[Mapping[str, Any]] = (), *, why: str = ""
    ) -> Case:
        """Open a case of an office and return it. `units` are lines as `result_lines.record` writes them.

        Raises `CaseError` for a field that no case has.
        """
        acts = [Act(Kind.OPENED, {"office": office, **details}, why)]
        acts += [Act(Kind.UNITS_ADDED, {"units": list(units)})] if units else []
        for attempt in range(ATTEMPTS):
            try:
                return self._write(new_id(), None, who, acts)
            except _Taken as error:  # a name that is taken
                if attempt == ATTEMPTS - 1:
                    raise schema.meaning(error.cause) from error
        raise AssertionError

    def append(
        self,
        case: str,
        kind: Kind,
        who: int,
        why: str = "",
        values: Mapping[str, Any] | None = None,
        *,
        expected_number: int | None = None,
    ) -> Case:
        """Add one event to a case and return the case as it is then; see `append_all`."""
        return self.append_all(case, who, [Act(kind, values or {}, why)], expected_number)

    def append_all(self, case: str, who: int, acts: Sequence[Act], expected_number: int | None = None) -> Case:
        """Add events to a case, all or none, and return the case as it is then.

        `expected_number` is that of the last event which whoever acts has seen; without one (for what no person does), the
        events follow whatever there is. Raises `CaseError`: with the reason `changed` if the case changed meanwhile, `unknown`
        if there is none, and as `cases.apply` does.
        """
        for attempt in range(ATTEMPTS):
            standing = self.get(case)
            if standing is None:
                raise CaseError(f"there is no case {case}", reason="unknown")
            if expected_number is not None and expected_number != len(standing.events):
                raise _changed(case)
            try:
                return self._write(case, standing, who, acts)
            except _Taken as error:  # somebody else was first
                if expected_number is not None or attempt == ATTEMPTS - 1:
                    raise _changed(case) from error
        raise AssertionError

    def _write(self, case: str, standing: Case | None, who: int, acts: Sequence[Act]) -> Case:
        """Write events behind those of a case. Raises `CaseError`, and `_Taken` if their place is taken."""
        now = max(int(self.clock()), standing.events[-1].time if standing else 0)
        events: list[Event] = []
        for number, act in enumerate(acts, 1 + (len(standing.events) if standing else 0)):
            event = Event(number, now, who, act.kind, act.why, act.values)
            standing = apply(standing, event) if standing else fold(case, [event])
            events.append(event)
        if standing is None:
            raise CaseError(f"found nothing to do to case {case}", reason="no_act")
        rows = [_event_row(case, event, event.body()) for event in events]
        files = [{"case_id": case, "id": id_, "content": content} for act in acts for id_, content in act.files.items()]
        with self._transaction() as connection:
            try:
                connection.execute(insert(case_events), rows)
            except IntegrityError as error:
                raise _Taken(error) from error
            if files:
                connection.execute(insert(case_files), files)
            case_summaries.write(connection, standing, events)
            for event, row in zip(events, rows, strict=True):
                noted = {"number": event.number, "sha256": row["sha256"].hex()}
                self.journal(connection, f"case.{event.kind.value}", who, f"case {case}", noted)
                if event.kind is Kind.BUNDLED:
                    ask_in(connection, Work.CASE, bytes.fromhex(event.values["manifest"]), f"case {case}", int(self.clock()))
        return standing

    def note(self, kind: str, who: int, subject: str, values: Mapping[str, Any]) -> None:
        """Note in the journal what changes no case: that somebody read what not everybody may read."""
        with self._transaction() as connection:
            self.journal(connection, kind, who, subject, values)

    def have_signed(self, digest: bytes, who: int) -> None:
        """Ask the notary to sign a result sheet by its hash, and note who asked; a second time, nothing more is signed."""
        subject = f"sheet {digest.hex()[:SHORT]}"
        with self._transaction() as connection:
            ask_in(connection, Work.SHEET, digest, subject, int(self.clock()))
            self.journal(connection, "sheet.asked", who, subject, {"sha256": digest.hex()})

    def rebuild(self) -> int:
        """Make all that follows from the events again; returns how many cases there are."""
        with self._transaction() as connection:
            connection.execute(delete(case_units))
            connection.execute(delete(cases))
            names = connection.execute(select(case_events.c.case_id).distinct()).scalars().all()
            for name in names:
                standing = fold(name, _events(connection, name))
                case_summaries.write(connection, standing, standing.events)
        return len(names)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self.engine.begin() as connection:
                yield connection
        except (CaseError, _Taken):
            raise
        except Exception as error:
            raise schema.meaning(error) from error

    # ------------------------------------------------------------------------------------------------------------ reading

    def get(self, case: str) -> Case | None:
        """Return a case, made from its events; none if there is none of this name."""
        if not NAME.fullmatch(case):
            return None
        with asking(), self.engine.connect() as connection:
            events = _events(connection, case)
        return fold(case, events) if events else None

    def file(self, case: str, file: str) -> bytes | None:
        """Return a photo, a copy, an absence file or a bundle's own parts, exactly as they were kept."""
        standing = self.get(case)
        known = {values["id"]: values for values in ((*standing.files, *standing.bundles) if standing else ())}
        if file not in known:
            return None
        asked = select(case_files.c.content).where(case_files.c.case_id == case, case_files.c.id == file)
        with asking(), self.engine.connect() as connection:
            content: bytes | None = connection.execute(asked).scalar()
        if content is None or hashlib.sha256(content).hexdigest() != known[file]["sha256"]:
            raise StoreDamaged(f"file {file} of case {case} is not the one that was added", hint="bring it back from a backup")
        return content

    def of_office(
        self,
        office: int,
        *,
        state: State | None = None,
        outcome: Outcome | None = None,
        region: str = "",
        text: str = "",
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[tuple[Summary, ...], int]:
        """Return an office's cases, those that changed last first, and how many there are in all.

        `region` is ISO 3166, with all its parts; `text` is looked for in names and numbers, and is a case, a serial or a GTIN.
        """
        where = [cases.c.office == office]
        where += [cases.c.state == state.value] if state else []
        where += [cases.c.outcome == outcome.value] if outcome else []
        where += [case_summaries.lies_in(region)] if region else []
        where += [case_summaries.matches(text)] if text.strip() else []
        asked = select(cases).where(*where).order_by(cases.c.changed_at.desc(), cases.c.id).limit(limit).offset(offset)
        with asking(), self.engine.connect() as connection:
            count = connection.execute(select(func.count()).select_from(cases).where(*where)).scalar_one()
            rows = connection.execute(asked).all()
        return tuple(map(case_summaries.read, rows)), count

    def all(self, *, state: State | None = None, since: int = 0) -> tuple[Summary, ...]:
        """Return the cases of every office that changed since a time, the oldest first: for what counts them."""
        asked = select(cases).where(cases.c.changed_at >= since).order_by(cases.c.opened_at, cases.c.id)
        asked = asked.where(cases.c.state == state.value) if state else asked
        with asking(), self.engine.connect() as connection:
            return tuple(map(case_summaries.read, connection.execute(asked).all()))

    def names_of(self, office: int, names: Iterable[str]) -> set[str]:
        """Return which of these cases are an office's."""
        wanted, found = sorted(names), set()
        with asking(), self.engine.connect() as connection:
            for start in range(0, len(wanted), AT_ONCE):
                mine = select(cases.c.id).where(cases.c.office == office, cases.c.id.in_(wanted[start : start + AT_ONCE]))
                found |= set(connection.execute(mine).scalars())
        return found

    def elsewhere(self, units: Iterable[UnitId], office: int) -> dict[UnitId, tuple[int, ...]]:
        """Return which of these units a case of another office holds, and whose: never which case, or why.

        Cases that were withdrawn hold none, nor do those that ended in the goods' favour.
        """
        wanted = sorted(set(units))
        found: dict[UnitId, dict[int, None]] = {}
        asked = _HOLDERS.where(cases.c.office != office)
        with asking(), self.engine.connect() as connection:
            for start in range(0, len(wanted), AT_ONCE):
                keys = [(unit.gtin, unit.serial) for unit in wanted[start : start + AT_ONCE]]
                rows = connection.execute(asked.where(tuple_(case_units.c.gtin, case_units.c.serial).in_(keys)))
                for gtin, serial, whose in rows:
                    found.setdefault(UnitId(gtin, serial), {})[whose] = None
        return {unit: tuple(sorted(offices)) for unit, offices in found.items()}

    def is_elsewhere(self, unit: UnitId, office: int) -> bool:
        """Say whether a case of another office holds a unit: asked of each line of a long list."""
        with asking(), self.engine.connect() as connection:
            return (
                connection.execute(_ELSEWHERE, {"gtin": unit.gtin, "serial": unit.serial, "office": office}).first() is not None
            )

    def stands(self, unit: UnitId, *, besides: str) -> tuple[bool, bool]:
        """Say whether another case stands by it that a copy of a unit was found, and that it is stolen."""
        asked = select(func.max(case_units.c.copied), func.max(case_units.c.stolen)).where(
            case_units.c.gtin == unit.gtin, case_units.c.serial == unit.serial, case_units.c.case_id != besides
        )
        with asking(), self.engine.connect() as connection:
            copied, stolen = connection.execute(asked).one()
        return bool(copied), bool(stolen)


class _Taken(Exception):
    """An event of this number is there. It never leaves this module."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


def new_id() -> str:
    """Return a new name of a case or a file, which says nothing and cannot be guessed."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def _changed(case: str) -> CaseError:
    return CaseError(f"case {case} changed meanwhile", reason="changed", hint="look at the case as it is now, then try again")


def _event_row(case: str, event: Event, body: bytes) -> dict[str, Any]:
    return {
        "case_id": case, "number": event.number, "time": event.time, "who": event.who, "kind": event.kind.value,
        "why": event.why or None, "body": body, "sha256": bytes.fromhex(event.sha256(case, body)),
    }  # fmt: skip


def _events(connection: Connection, case: str) -> list[Event]:
    """Return a case's events. Raises `StoreDamaged` if one is not what was written."""
    asked = select(case_events).where(case_events.c.case_id == case).order_by(case_events.c.number)
    found = []
    for row in connection.execute(asked):
        try:
            event = Event(row.number, row.time, row.who, Kind(row.kind), row.why or "", orjson.loads(row.body))
            same = bytes.fromhex(event.sha256(case, row.body)) == row.sha256
        except ValueError as error:
            raise StoreDamaged(f"event {row.number} of case {case} cannot be read: {error}") from error
        if not same:
            raise StoreDamaged(f"event {row.number} of case {case} is not the one that was written")
        found.append(event)
    return found
