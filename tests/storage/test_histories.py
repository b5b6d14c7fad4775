"""A unit's past is read by one bounded question, and forgotten in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, text

from registry.checking.history import DAY, MOST, Folded, Past, Sighting
from registry.errors import StoreDamaged, StoreUnavailable
from registry.storage.histories import AT_ONCE, HOUR, MOST_MARKS, Histories, Kind
from registry.storage.scans import Channel, Scan, Scans
from registry.storage.tables import unit_marks

if TYPE_CHECKING:
    from collections.abc import Iterator

GTIN = "09521002000016"
SLOT = "ab" * 16
NOW = 480_000 * HOUR


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def scans(request: pytest.FixtureRequest) -> Iterator[Scans]:
    """A database of scans on each engine."""
    with Scans.open(request.getfixturevalue(request.param)) as opened:
        opened.settle(SLOT, 0, NOW)
        yield opened


@pytest.fixture
def histories(scans: Scans) -> Iterator[Histories]:
    """Its histories, to write."""
    with Histories(scans._engine) as opened:
        yield opened


def scan(hours: int = 0, device: str = "a", region: str = "CN-33", serial: str = "S1", **more: Any) -> Scan:
    """Return a scan that is weighed."""
    return Scan(GTIN, serial, NOW + hours * HOUR, "registered", more.get("channel", Channel.PAGE), region, device)


def sighting(hours: int = 0, device: str = "a", region: str = "CN-33") -> Sighting:
    """Return the same as a sighting."""
    return Sighting(NOW // HOUR + hours, region, device)


def test_a_past_is_what_people_did_with_the_label(scans: Scans, histories: Histories) -> None:
    """Scans without a device are counted elsewhere, and other units have pasts of their own."""
    scans.add(SLOT, [scan(), scan(5, "b", ""), scan(6, ""), scan(7, serial="S2")])
    assert set(histories.past(GTIN, "S1").sightings) == {sighting(), sighting(5, "b", "")}
    assert histories.past(GTIN, "S9") == Past()


def test_what_people_said_is_a_part_of_it(histories: Histories) -> None:
    """Each with its time; the first opening and the last clearing count."""
    histories.mark(GTIN, "S1", Kind.NOT_ME, NOW, region="TH", device="b")
    histories.mark(GTIN, "S1", Kind.OPENED, NOW + 3 * DAY * HOUR)
    histories.mark(GTIN, "S1", Kind.OPENED, NOW + 2 * DAY * HOUR)
    histories.mark(GTIN, "S1", Kind.CLEARED, NOW, actor="An inspector", reason="shop shelf")
    histories.mark(GTIN, "S1", Kind.COPY, NOW + 1, actor="An inspector", reason="seen beside the original")
    past = histories.past(GTIN, "S1")
    assert past.denials == (sighting(0, "b", "TH"),)
    assert (past.opened_day, past.cleared_hour, past.copy_confirmed) == (NOW // HOUR // DAY + 2, NOW // HOUR, True)
    assert [kind for kind, *_ in histories.marks(GTIN, "S1")][-2:] == [Kind.CLEARED, Kind.COPY]


def test_what_a_person_said_holds_until_it_is_taken_back(histories: Histories) -> None:
    """The last word counts, whatever the clock said, and all of it stays on record."""

    def say(*kinds: Kind) -> tuple[bool, int]:
        for kind in kinds:
            histories.mark(GTIN, "S1", kind, NOW, actor="An inspector", reason="examined")
        past = histories.past(GTIN, "S1")
        return past.copy_confirmed, past.cleared_hour

    assert say(Kind.COPY, Kind.CLEARED) == (True, NOW // HOUR)
    assert say(Kind.UNCOPY) == (False, NOW // HOUR)
    assert say(Kind.UNCLEAR, Kind.COPY) == (True, 0)
    assert say(Kind.CLEARED) == (True, NOW // HOUR)
    assert len(histories.marks(GTIN, "S1")) == 6


def test_what_an_inspector_found_stolen_is_said_beside_the_copy(histories: Histories) -> None:
    """Each is taken back by itself."""
    for kind in (Kind.COPY, Kind.STOLEN):
        histories.mark(GTIN, "S1", kind, NOW, actor="case 7 event 3", reason="examined")
    assert (histories.past(GTIN, "S1").copy_confirmed, histories.past(GTIN, "S1").reported_stolen) == (True, True)
    histories.mark(GTIN, "S1", Kind.UNSTOLEN, NOW, actor="case 7 event 4", reason="returned")
    assert (histories.past(GTIN, "S1").copy_confirmed, histories.past(GTIN, "S1").reported_stolen) == (True, False)


def test_no_crowd_hides_what_a_person_said(histories: Histories) -> None:
    """However many answer "that was not I" or "opened" afterwards."""
    histories.mark(GTIN, "S1", Kind.COPY, NOW, actor="An inspector", reason="examined")
    rows = [
        {"gtin": GTIN, "serial": "S1", "time": NOW + n, "kind": kind.value}
        for n in range(MOST_MARKS + 50)
        for kind in (Kind.NOT_ME, Kind.OPENED)
    ]
    with histories._engine.begin() as connection:
        connection.execute(insert(unit_marks), rows)
    past = histories.past(GTIN, "S1")
    assert (past.copy_confirmed, len(past.denials), past.opened_day) == (True, MOST_MARKS, NOW // HOUR // DAY)


def test_a_past_is_read_by_one_statement_and_bounded(
    scans: Scans, histories: Histories, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest are given, however many there are."""
    scans.add(SLOT, [scan(n) for n in range(MOST + 50)])
    asked: list[object] = []
    ask = histories._index.ask

    def asking(*said: Any) -> Any:
        asked.append(said)
        return ask(*said)

    monkeypatch.setattr(histories._index, "ask", asking)
    past = histories.past(GTIN, "S1")
    assert len(asked) == 1
    assert min(past.sightings) == sighting(50)
    assert len(past.sightings) == MOST


def test_the_question_is_answered_from_indexes(scans: Scans, histories: Histories) -> None:
    """SQLite says how it would look: nothing is scanned."""
    if histories._engine.dialect.name != "sqlite":
        pytest.skip("SQLite's plan")
    with scans._engine.connect() as connection:
        plan = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + histories._ask, (GTIN, "S1") * 5).all()
    steps = [row[-1] for row in plan]
    assert any("ix_scans_weighed" in step for step in steps)
    assert not [step for step in steps if step.startswith("SCAN") and step.split()[1] in {"scans", "unit_marks", "unit_pasts"}]


def test_old_scans_are_folded_and_gone(scans: Scans, histories: Histories) -> None:
    """Day and region of the first, how many; a phone's reload is no check of its own. Twice folded is once told."""
    scans.add(SLOT, [scan(0, "a", "TH"), scan(1, "a", "TH"), scan(9, "b"), scan(2, ""), scan(50, "c")])
    histories.mark(GTIN, "S1", Kind.NOT_ME, NOW, region="TH", device="b")
    assert histories.forget(NOW + 10 * HOUR) == 4
    past = histories.past(GTIN, "S1")
    assert past.folded == Folded(NOW // HOUR // DAY, "TH", 2)
    assert (past.sightings, past.denials) == ((sighting(50, "c"),), ())
    assert histories.forget(NOW + 60 * HOUR) == 1
    assert histories.past(GTIN, "S1") == Past(folded=Folded(NOW // HOUR // DAY, "TH", 3))
    assert scans.count() == 0


def test_forgetting_goes_on_until_all_is_done(scans: Scans, histories: Histories) -> None:
    """More than one transaction holds, of several units."""
    scans.add(SLOT, [scan(n // 2 * 2, str(n % 2), serial=f"S{n % 7}") for n in range(AT_ONCE + 10)])
    assert histories.forget(NOW + AT_ONCE * 2 * HOUR) == AT_ONCE + 10
    folded = [histories.past(GTIN, f"S{n}").folded for n in range(7)]
    assert sum(one.checks for one in folded if one) == AT_ONCE + 10


def test_a_past_that_was_edited_is_damaged(scans: Scans, histories: Histories) -> None:
    """It becomes no region and no finding."""
    scans.add(SLOT, [scan()])
    with scans._engine.begin() as connection:
        connection.execute(text("UPDATE scans SET region = '<b>'"))
    with pytest.raises(StoreDamaged):
        histories.past(GTIN, "S1")


def test_histories_are_opened_where_scans_are(sqlite_url: str) -> None:
    """To read only, and not before the scans are there."""
    with pytest.raises(StoreUnavailable):
        Histories.open(sqlite_url)
    Scans.open(sqlite_url).close()
    with Histories.open(sqlite_url) as histories:
        assert histories.past(GTIN, "S1") == Past()
