"""The audit of cases on both engines: whatever somebody with rights on the database does to a case is named, and once."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from registry import case_auditing
from registry.enforcement.cases import Event, Kind
from registry.storage import case_rows
from registry.storage.append_only import permit_changes
from registry.storage.case_tables import case_events, case_files, case_units
from registry.storage.case_tables import cases as summaries
from registry.storage.cases import Act, Cases
from registry.storage.journal import Journal
from registry.storage.tables import journal as entries
from registry.storage.tables import notary_work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Executable

    from registry.enforcement.cases import Case

pytestmark = pytest.mark.xdist_group("postgresql")

NOW = 1_790_000_000
REGISTRY = bytes(range(32))
GTIN = "09506000134352"
UNITS: list[dict[str, Any]] = [{"gtin": GTIN, "serial": "A-1"}, {"gtin": GTIN, "serial": "A-2"}]
MANIFEST = "ab" * 32


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A database that holds nothing yet, on each engine."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def cases(url: str) -> Iterator[Cases]:
    """A desk's cases with their journal, in a database that refuses no change any more."""
    with (
        Journal.open(url, REGISTRY, clock=lambda: NOW) as journal,
        Cases.open(url, create=True, journal=journal.append_in, clock=lambda: NOW) as opened,
    ):
        with opened.engine.begin() as connection:
            for table in ("case_events", "case_files", "journal"):
                permit_changes(connection, table)
        yield opened


def kept(kind: Kind, file: str, **more: str) -> Act:
    """Return an act that brings a file."""
    content = file.encode()
    values = {"id": file, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), **more}
    return Act(kind, values, files={file: content})


@pytest.fixture
def case(cases: Cases) -> Case:
    """A case of seven events, with a photo, a bundle and a unit of which a copy was found; another one beside it."""
    cases.open_case(4, 6, {"region": "DE"}, UNITS[:1])
    opened = cases.open_case(3, 5, {"region": "CN-SH", "consignee": "Grün GmbH"}, UNITS)
    cases.append_all(opened.id, 5, [kept(Kind.PHOTO_ADDED, "P1", type="image/jpeg", name="1.jpg", shows="the seal")])
    cases.append(opened.id, Kind.CHANGED, 5, values={"quantity": 12})
    cases.append(opened.id, Kind.CLOSED, 6, "examined", {"outcome": "copied_label"})
    cases.append(opened.id, Kind.COPY_CONFIRMED, 6, "seen twice", {"gtin": GTIN, "serial": "A-2"})
    return cases.append_all(opened.id, 6, [kept(Kind.BUNDLED, "B1", manifest=MANIFEST)])


def do(cases: Cases, *statements: Executable) -> None:
    """Change the database as one who owns it can."""
    with cases.engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)


def audit(cases: Cases) -> list[tuple[str, str]]:
    """Return code and subject of each difference."""
    return [(one.code, one.subject) for one in case_auditing.of_cases(cases)]


def event(case: Case, number: int) -> tuple[Any, ...]:
    """Return what picks an event of a case."""
    return case_events.c.case_id == case.id, case_events.c.number == number


def forged(case: Case, number: int, **values: Any) -> dict[str, Any]:
    """Return the columns of an event that says something else, its hash made anew."""
    was = case.events[number - 1]
    made = Event(number, was.time, was.who, was.kind, was.why, {**was.values, **values})
    return {"body": made.body(), "sha256": bytes.fromhex(made.sha256(case.id))}


def test_what_the_desk_wrote_differs_in_nothing(cases: Cases, case: Case, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few names are read at once, and after somebody read a case; the database is asked and not changed."""
    cases.note("case.read", 5, f"case {case.id}", {})
    for number in range(5):
        cases.open_case(number + 1, 5, {})
    monkeypatch.setattr(case_rows, "AT_ONCE", 2)
    assert len(list(case_rows.names(cases.engine))) == 7
    assert audit(cases) == []
    with Cases.open(url) as reading:
        assert audit(reading) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_column_that_was_changed_is_named(cases: Cases, case: Case, seed: int) -> None:
    """Whichever of whichever event, with its hash left as it was, or the hash alone."""
    chosen = random.Random(seed)
    number = chosen.randrange(1, 8)
    column = ("time", "who", "kind", "why", "body", "body", "sha256", "kind")[seed]
    value: object = {"time": 5, "who": 99, "kind": "held", "why": "other", "sha256": bytes(32)}.get(column)
    if column == "body":
        raw = bytearray(case.events[number - 1].body())
        raw[chosen.randrange(len(raw))] ^= 1 << chosen.randrange(8)
        value = bytes(raw)
    value = "unheard of" if seed == 7 else value
    do(cases, update(case_events).where(*event(case, number)).values({column: value}))
    found = [one for one in audit(cases) if one[0].startswith("case_event")]
    assert found == [("case_event", f"event {number} of case {case.id}")]


def test_an_event_with_a_hash_of_its_own_is_named(cases: Cases, case: Case) -> None:
    """Written anew so that it fits itself, and lists follow it: the journal has another."""
    do(cases, update(case_events).where(*event(case, 4)).values(forged(case, 4, quantity=1)))
    cases.rebuild()
    assert audit(cases) == [("case_event_rewritten", f"event 4 of case {case.id}")]


@pytest.mark.parametrize("number", [1, 4, 7])
def test_an_event_that_was_removed_is_named(cases: Cases, case: Case, number: int) -> None:
    """The journal has it; of the last one, what lists say gives it away, too."""
    do(cases, delete(case_events).where(*event(case, number)))
    found = audit(cases)
    assert found[0] == ("case_event_removed", f"event {number} of case {case.id}")
    assert {code for code, _ in found[1:]} <= {"case_summary"}


def test_a_case_that_was_removed_is_named(cases: Cases, case: Case) -> None:
    """With everything that was kept of it: the journal has each of its events."""
    mine = (table.delete().where(table.c.case_id == case.id) for table in (case_events, case_units, case_files))
    do(cases, *mine, delete(summaries).where(summaries.c.id == case.id))
    removed = [("case_event_removed", f"event {number} of case {case.id}") for number in range(1, 8)]
    assert audit(cases) == removed


def test_what_the_journal_never_heard_of_is_named(cases: Cases, case: Case) -> None:
    """An event behind the others; a whole case; a case in lists that never was; another event in the place of one."""
    made = Event(8, NOW, 6, Kind.CUSTODY, "", {"action": "moved"})
    row = {"case_id": case.id, "number": 8, "time": NOW, "who": 6, "kind": "custody", "body": made.body()}
    do(cases, insert(case_events).values(**row, sha256=bytes.fromhex(made.sha256(case.id))))
    cases.rebuild()
    assert audit(cases) == [("case_event_put_in", f"event 8 of case {case.id}")]
    quiet = Cases(cases.engine, clock=lambda: NOW)
    alone = quiet.open_case(3, 5, {}).id
    assert ("case_event_put_in", f"event 1 of case {alone}") in audit(cases)
    do(cases, delete(case_events).where(case_events.c.case_id == alone))
    assert ("case_summary", f"what lists say of case {alone}") in audit(cases)


def test_an_event_in_the_place_of_another_is_named(cases: Cases, case: Case) -> None:
    """The last one taken out, and another added as the desk adds them: the journal has both."""
    do(cases, delete(case_events).where(*event(case, 7)))
    cases.append(case.id, Kind.HELD, 6, "why")
    found = audit(cases)
    assert ("case_event_removed", f"event 7 of case {case.id}") in found
    assert {code for code, _ in found} == {"case_event_removed"}


@pytest.mark.parametrize("name", ["P1", "B1"])
def test_files_that_are_not_those_of_their_events_are_named(cases: Cases, case: Case, name: str) -> None:
    """Other bytes, no bytes, and bytes of no event."""
    named = [("case_file", f"file {name} of case {case.id}")]
    this = case_files.c.id == name
    do(cases, update(case_files).where(this).values(content=b"another"))
    assert audit(cases) == named
    do(cases, delete(case_files).where(this))
    assert audit(cases) == named
    do(cases, insert(case_files).values(case_id=case.id, id=name, content=name.encode()))
    assert audit(cases) == []
    do(cases, insert(case_files).values(case_id=case.id, id="X1", content=b"put in"))
    assert audit(cases) == [("case_file", f"file X1 of case {case.id}")]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE cases SET state = 'draft' WHERE id = :case",
        "UPDATE cases SET outcome = NULL, closed_at = 0 WHERE id = :case",
        "UPDATE cases SET searched = 'nobody finds it' WHERE id = :case",
        "UPDATE cases SET office = 4 WHERE id = :case",
        "UPDATE case_units SET copied = 0 WHERE case_id = :case",
        "DELETE FROM case_units WHERE case_id = :case AND serial = 'A-1'",
        "INSERT INTO case_units VALUES (:case, '09506000134352', 'B-9', 0, 1)",
    ],
)
def test_lists_that_say_something_else_are_named(cases: Cases, case: Case, statement: str) -> None:
    """And made from the events again, they say the same; nothing that the case says is told."""
    do(cases, text(statement).bindparams(case=case.id))
    found = list(case_auditing.of_cases(cases))
    assert [(one.code, one.subject) for one in found] == [("case_summary", f"what lists say of case {case.id}")]
    assert "Grün" not in str(found).casefold()
    cases.rebuild()
    assert audit(cases) == []


def test_a_bundle_that_the_notary_never_heard_of_is_named(cases: Cases, case: Case) -> None:
    """Its hash would never be anchored, and nobody would miss it."""
    do(cases, delete(notary_work))
    assert audit(cases) == [("bundle_not_asked", f"evidence bundle of event 7 of case {case.id}")]


def test_events_that_cannot_have_happened_are_named(cases: Cases, case: Case) -> None:
    """Written anew together with the journal, as far as that is without the chain."""
    values = forged(case, 5, outcome="nonsense")
    do(cases, update(case_events).where(*event(case, 5)).values(values))
    with cases.engine.connect() as connection:
        was: bytes = connection.execute(select(entries.c.canonical).where(entries.c.kind == "case.closed")).scalar_one()
    now = was.replace(case.events[4].sha256(case.id).encode(), values["sha256"].hex().encode())
    do(cases, update(entries).where(entries.c.canonical == was).values(canonical=now))
    assert audit(cases) == [("case_impossible", f"case {case.id}")]


def test_rows_that_nothing_of_ours_writes_are_named(cases: Cases, case: Case) -> None:
    """A name that no case has, and (where the engine takes it) a value of another kind: the others are audited all the same."""
    do(cases, insert(case_files).values(case_id="no\x1bname", id="x", content=b"x"))
    if cases.engine.name == "sqlite":
        do(cases, text("UPDATE case_events SET body = 'text' WHERE number = 3"), delete(notary_work))
        assert audit(cases) == [("case_event", f"case {case.id}"), ("case_event", "case 'no\\x1bname'")]
    else:
        assert audit(cases) == [("case_event", "case 'no\\x1bname'")]


def test_whoever_writes_meanwhile_makes_no_difference(cases: Cases, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that is added between two looks at a case belongs to neither of them."""
    noted = case_rows._noted

    def write_then_look(*arguments: Any) -> Any:
        monkeypatch.undo()
        cases.append(case.id, Kind.CUSTODY, 5, values={"action": "moved"})
        return noted(*arguments)

    monkeypatch.setattr(case_rows, "_noted", write_then_look)
    assert list(case_auditing.of_case(case_rows.rows(cases.engine, case.id))) == []
    found = cases.get(case.id)
    assert found is not None
    assert len(found.events) == 8
