"""Cases are kept as their events, once each, by one person at a time; on both engines."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, text

from registry.enforcement.cases import Kind, Outcome, State
from registry.errors import CaseError, StoreDamaged, StoreError
from registry.storage.case_tables import KEPT_FOR_GOOD, case_units
from registry.storage.case_tables import cases as summaries
from registry.storage.cases import Act, Cases
from registry.units.records import UnitId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection

pytestmark = pytest.mark.xdist_group("postgresql")

NOW = 1_790_000_000
GTIN = "09506000134352"
PHOTO = b"\xff\xd8\xff as it came"
UNITS: list[dict[str, Any]] = [
    {"gtin": GTIN, "serial": "K7M2P9QX4T3W8R5V"},
    {"gtin": GTIN, "serial": "A-2"},
    {"gtin": None, "serial": None},
]
UNIT = UnitId(GTIN, "A-2")


class Notes:
    """A journal that remembers, and may refuse."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, int, str, dict[str, Any]]] = []
        self.refuses = False

    def __call__(self, connection: Connection, kind: str, who: int, subject: str, values: Mapping[str, Any]) -> None:
        """Note an act in a transaction that is under way."""
        assert connection.in_transaction()
        if self.refuses:
            raise StoreDamaged("no more room")
        self.kept.append((kind, who, subject, dict(values)))


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A database that holds nothing yet, on each engine."""
    found: str = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def notes() -> Notes:
    """The journal."""
    return Notes()


@pytest.fixture
def cases(url: str, notes: Notes) -> Iterator[Cases]:
    """Its cases, to write."""
    with Cases.open(url, create=True, journal=notes, clock=lambda: NOW) as opened:
        yield opened


def photo(name: str, content: bytes) -> Act:
    """Return that a photo is added."""
    about = {"id": name, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "type": "image/jpeg"}
    return Act(Kind.PHOTO_ADDED, {**about, "name": "1.jpg", "shows": "the seal"}, files={name: content})


def rows(store: Cases) -> list[Any]:
    """Return all that follows from events."""
    with store.engine.connect() as connection:
        return [sorted(map(tuple, connection.execute(select(table)))) for table in (summaries, case_units)]


def test_the_whole_road(cases: Cases, notes: Notes) -> None:
    """What was written is read again, listed and found; every event's hash is in the journal; it is all made again the same."""
    case = cases.open_case(3, 5, {"reference": "SH-2026-0117", "region": "CN-SH", "consignee": "Grün GmbH"}, UNITS)
    assert (len(case.id), case.state, len(case.units)) == (12, State.DRAFT, 3)
    cases.append_all(case.id, 5, [photo("P1", PHOTO)], 2)
    cases.append(case.id, Kind.CLOSED, 6, "examined", {"outcome": "copied_label"}, expected_number=3)
    copied = {"gtin": GTIN, "serial": "A-2"}
    closed = cases.append_all(case.id, 6, [Act(Kind.COPY_CONFIRMED, copied, "a"), Act(Kind.STOLEN_CONFIRMED, copied, "b")], 4)
    assert cases.get(case.id) == closed
    assert cases.file(case.id, "P1") == PHOTO
    assert (cases.get("0" * 12), cases.file(case.id, "P2"), cases.file("Grün", "P1")) == (None, None, None)
    assert [(kind, who, subject) for kind, who, subject, _ in notes.kept] == [
        (f"case.{kind}", who, f"case {case.id}")
        for kind, who in (
            ("opened", 5), ("units_added", 5), ("photo_added", 5), ("closed", 6), ("copy_confirmed", 6), ("stolen_confirmed", 6)
        )
    ]  # fmt: skip
    assert [values["sha256"] for *_, values in notes.kept] == [event.sha256(case.id) for event in closed.events]
    (listed,), count = cases.of_office(3)
    assert (count, listed.id, listed.outcome, listed.lines, listed.photos) == (1, case.id, Outcome.COPIED_LABEL, 3, 1)
    assert cases.stands(UNIT, besides="0" * 12) == (True, True)
    assert cases.stands(UNIT, besides=case.id) == (False, False)
    before = rows(cases)
    assert cases.rebuild() == 1
    assert rows(cases) == before


def test_of_two_at_once_one_is_told(cases: Cases) -> None:
    """Both saw the same: one event is written, the other person reads that the case changed."""
    case = cases.open_case(3, 5, {})

    def change(number: int) -> str:
        try:
            cases.append(case.id, Kind.CHANGED, number, values={"quantity": number}, expected_number=1)
        except CaseError as error:
            return error.reason
        return "written"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(change, range(4))) == ["changed", "changed", "changed", "written"]
    with ThreadPoolExecutor(3) as pool:  # what no person does waits for its turn
        list(pool.map(lambda n: cases.append(case.id, Kind.CUSTODY, n, values={"action": "moved"}), range(3)))
    found = cases.get(case.id)
    assert found is not None
    assert [event.number for event in found.events] == [1, 2, 3, 4, 5]
    with pytest.raises(CaseError) as caught:
        cases.append("0" * 12, Kind.HELD, 5, "why")
    assert caught.value.reason == "unknown"


def test_all_or_nothing(cases: Cases, notes: Notes) -> None:
    """What cannot happen leaves nothing behind, and nor does an event that the journal does not take."""
    case = cases.open_case(3, 5, {}, UNITS)
    before = rows(cases)
    with pytest.raises(CaseError, match="needs a reason"):
        cases.append_all(case.id, 5, [photo("P1", PHOTO), Act(Kind.CLOSED, {"outcome": "genuine"})])
    notes.refuses = True
    with pytest.raises(StoreDamaged):
        cases.append_all(case.id, 5, [photo("P1", PHOTO)])
    assert (rows(cases), cases.get(case.id)) == (before, case)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, 3), ({"state": State.CLOSED}, 1), ({"outcome": Outcome.GENUINE}, 1), ({"outcome": Outcome.COUNTERFEIT}, 0),
        ({"region": "CN"}, 2), ({"region": "CN-SH"}, 1), ({"text": "grün"}, 1), ({"text": "GMBH grün"}, 1), ({"text": "%"}, 0),
        ({"text": "a-2"}, 0), ({"text": "A-2"}, 1), ({"text": "k7m2-p9qx-4t3w-8r5v"}, 1), ({"text": GTIN}, 1),
    ],
)  # fmt: skip
def test_an_office_finds_its_cases(cases: Cases, asked: dict[str, Any], found: int) -> None:
    """By state, outcome, region with its parts, words, serial as it is printed and product; never another office's."""
    cases.open_case(3, 5, {"region": "CN-SH", "consignee": "Grün GmbH"}, UNITS)
    other = cases.open_case(3, 5, {"region": "CN"})
    cases.append(other.id, Kind.CLOSED, 5, "why", {"outcome": "genuine"})
    cases.open_case(3, 5, {"region": "DE"})
    cases.open_case(4, 5, {"region": "CN-SH", "consignee": "Grün GmbH"}, UNITS)
    listed, count = cases.of_office(3, **asked)
    assert (len(listed), count) == (found, found)
    assert {one.office for one in listed} <= {3}


@pytest.mark.parametrize(
    ("ends", "seized"),
    [
        ([], 1),
        ([(Kind.CLOSED, "counterfeit")], 1),
        ([(Kind.CLOSED, "genuine")], 0),
        ([(Kind.WITHDRAWN, "")], 0),
        ([(Kind.CLOSED, "genuine"), (Kind.REOPENED, "")], 1),
    ],
)
def test_seized_elsewhere(cases: Cases, ends: list[tuple[Kind, str]], seized: int) -> None:
    """Open, or found to be a fake, in another office: then that office is named; one's own cases are not elsewhere."""
    case = cases.open_case(4, 5, {}, UNITS)
    for kind, outcome in ends:
        cases.append(case.id, kind, 5, "why", {"outcome": outcome} if outcome else {})
    asked = [UNIT, UnitId(GTIN, "never"), *(UnitId(GTIN, str(number)) for number in range(500))]
    assert cases.elsewhere(asked, 3) == ({UNIT: (4,)} if seized else {})
    assert cases.elsewhere(asked, 4) == {}
    assert [cases.is_elsewhere(UNIT, office) for office in (3, 4)] == [bool(seized), False]


@pytest.mark.parametrize("table", KEPT_FOR_GOOD)
def test_the_database_keeps_what_happened(cases: Cases, table: str) -> None:
    """Whoever holds the connection can change and remove no row."""
    case = cases.open_case(3, 5, {})
    cases.append_all(case.id, 5, [photo("P1", PHOTO)])
    with cases.engine.connect() as connection:
        if table.startswith("guide"):
            filled = "(manufacturer, id, content) VALUES (1, 'x', 'x')"
            if table == "guides":
                filled = "(manufacturer, gtin, version, time, who, body) VALUES (1, 'x', 1, 1, 1, 'x')"
            connection.execute(text(f"INSERT INTO {table} {filled}"))
            connection.commit()
        for statement in (
            f"UPDATE {table} SET id = id" if "event" not in table else f"UPDATE {table} SET who = 9",
            f"DELETE FROM {table}",
        ):
            with pytest.raises(Exception, match="are only added"):
                connection.execute(text(statement))
            connection.rollback()


def test_what_was_edited_is_damage(cases: Cases) -> None:
    """With the guards taken away, a changed event or photo is named, not shown."""
    case = cases.open_case(3, 5, {})
    cases.append_all(case.id, 5, [photo("P1", PHOTO)])
    with cases.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            for table in ("case_events", "case_files"):
                connection.execute(text(f"DROP TRIGGER {table}_no_update"))
        else:
            for table in ("case_events", "case_files"):
                connection.execute(text(f"DROP TRIGGER {table}_no_change ON {table}"))
        connection.execute(text("UPDATE case_files SET content = :other"), {"other": b"another"})
    with pytest.raises(StoreDamaged, match="P1"):
        cases.file(case.id, "P1")
    with cases.engine.begin() as connection:
        connection.execute(text("UPDATE case_events SET who = 9 WHERE number = 2"))
    with pytest.raises(StoreError, match="event 2"):
        cases.get(case.id)
