"""Reports are published once, with journal and outbox; corrections stand beside what they correct; on both engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from registry.enforcement.cases import Kind
from registry.enforcement.results import FEWEST, Month, read
from registry.errors import CaseError, StoreDamaged
from registry.results_auditing import of_results
from registry.storage.append_only import permit_changes
from registry.storage.cases import Act, Cases
from registry.storage.journal import Journal
from registry.storage.outbox import Outbox, Work
from registry.storage.results import Draft, Published, Results, standing
from tests.storage.test_cases import Notes

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("postgresql")

REGISTRY = "0x" + 64 * "a"
AUGUST, SEPTEMBER, OCTOBER = (Month(2026, number) for number in (8, 9, 10))
DAY = 86_400
PUBLISHER = 11


@dataclass
class Desk:
    """Cases of a database, the time at which they are dealt with, and what is published of them."""

    cases: Cases
    results: Results
    notes: Notes
    time: list[float]

    def close(self, month: Month, count: int, *, region: str = "CN-SH", outcome: str = "counterfeit") -> list[str]:
        """Open and close so many cases in the middle of a month."""
        self.time[0] = month.begins + 14 * DAY
        facts = {"region": region, "product_group": "light_vehicles"}
        names = [self.cases.open_case(3, 5, facts).id for _ in range(count)]
        for name in names:
            self.cases.append(name, Kind.CLOSED, 5, "examined", {"outcome": outcome})
        return names

    def next(self) -> Draft:
        """Return what is published next."""
        found = self.results.next()
        assert found is not None
        return found

    def publish(self) -> Published:
        """Publish what comes next, once it is over."""
        self.time[0] = max(self.time[0], self.next().last.ends + DAY)
        return self.results.publish(self.next(), PUBLISHER)

    def reopen(self, name: str) -> None:
        """Open a case again."""
        self.cases.append(name, Kind.REOPENED, 5, "a second look")


@pytest.fixture(params=["sqlite_url", "postgresql_url"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A desk with nothing at it, on each engine."""
    notes, time = Notes(), [float(AUGUST.begins)]
    with Cases.open(request.getfixturevalue(request.param), create=True, journal=notes, clock=lambda: time[0]) as cases:
        yield Desk(cases, Results(cases, REGISTRY), notes, time)


def test_months_are_published_one_after_another(desk: Desk) -> None:
    """Each with what is behind its figures, its entry in the journal, and its hash for the notary; never before it is over."""
    assert (desk.results.next(), desk.results.all(), desk.results.corrections()) == (None, (), ())
    august = desk.close(AUGUST, 6)
    desk.close(SEPTEMBER, 2)
    draft = desk.next()
    assert (draft.first, draft.last, draft.is_over) == (AUGUST, AUGUST, True)
    first = desk.publish()
    (line,) = first.report.lines
    assert (line.region, line.product_group, line.outcome, line.cases) == ("CN-SH", "light_vehicles", "counterfeit", 6)
    assert first.cases == (tuple(sorted(august)),)
    assert not any(name.encode() in first.document for name in august), "the names of cases are published"
    assert read(first.document) == first.report
    noted = {"sha256": first.sha256, "cases": sha256(orjson.dumps(first.cases)).hexdigest()}
    assert desk.notes.kept[-1] == ("results.published", PUBLISHER, "results 2026-08 1", noted)
    (task,) = Outbox(desk.cases.engine).all(Work.CASE)
    assert (task.hash.hex(), task.subject) == (first.sha256, "results 2026-08 1")

    desk.time[0] = SEPTEMBER.ends - 1
    assert not desk.next().is_over
    with pytest.raises(CaseError) as found:
        desk.results.publish(desk.next(), PUBLISHER)
    assert found.value.reason == "not_over"
    second = desk.publish()
    assert (second.report.name, second.report.lines) == ("2026-09", ())
    desk.close(OCTOBER, 3)
    assert (desk.next().first, desk.next().last) == (SEPTEMBER, OCTOBER)
    third = desk.publish()
    assert [line.cases for line in third.report.lines] == [5]
    assert desk.results.all() == (first, second, third)
    assert desk.results.corrections() == ()


def test_what_came_to_another_end_is_corrected_beside_it(desk: Desk) -> None:
    """With a reason, as a revision that names the hash of the one before; the first stays as it was."""
    august = desk.close(AUGUST, 7)
    first = desk.publish()
    desk.close(SEPTEMBER, FEWEST)
    desk.reopen(august[0])
    (draft,) = desk.results.corrections()
    assert (draft.before, [one.line.cases for one in draft.figures]) == (first, [6])
    for reason in ("", "  ", "x" * 1001):
        with pytest.raises(CaseError) as found:
            desk.results.publish(draft, PUBLISHER, reason)
        assert found.value.reason == "no_reason"
    second = desk.results.publish(draft, PUBLISHER, "A case was opened again.")
    assert (second.report.revision, second.report.replaces, second.report.reason) == (
        2, first.sha256, "A case was opened again.",
    )  # fmt: skip
    assert desk.results.corrections() == ()
    assert desk.results.revisions("2026-08") == (second, first)
    assert desk.results.revisions("2026-09") == ()
    desk.cases.append(august[0], Kind.CLOSED, 5, "it is genuine", {"outcome": "genuine"})
    assert desk.next().last == SEPTEMBER
    third = desk.publish()
    assert third.report.cases == FEWEST + 1, "a case that is closed again counts in the month in which that is done"
    assert standing(desk.results.all()) == (second, third)


def test_nobody_publishes_what_he_did_not_see(desk: Desk) -> None:
    """Figures that changed, or were published meanwhile, are refused, and nothing is written; even where they look the same."""
    august = desk.close(AUGUST, 6)
    desk.time[0] = AUGUST.ends + DAY
    seen = desk.next()
    desk.reopen(august[0])
    with pytest.raises(CaseError) as found:
        desk.results.publish(seen, PUBLISHER)
    assert found.value.reason == "changed"
    seen = desk.next()
    with ThreadPoolExecutor(4) as several:
        tries = [several.submit(desk.results.publish, seen, PUBLISHER) for _ in range(4)]
    refused = [one.exception() for one in tries if one.exception()]
    assert len(refused) == 3
    assert {one.reason for one in refused if isinstance(one, CaseError)} == {"changed"}
    assert all(isinstance(one, CaseError) for one in refused)
    assert len(desk.results.all()) == len(Outbox(desk.cases.engine).all(Work.CASE)) == 1
    assert [kind for kind, *_ in desk.notes.kept].count("results.published") == 1
    with pytest.raises(CaseError):
        desk.results.publish(replace(seen, last=SEPTEMBER), PUBLISHER)


def test_without_journal_nothing_is_published(desk: Desk) -> None:
    """All or nothing."""
    desk.close(AUGUST, 6)
    desk.time[0] = AUGUST.ends + DAY
    desk.notes.refuses = True
    with pytest.raises(StoreDamaged):
        desk.results.publish(desk.next(), PUBLISHER)
    assert desk.results.all() == ()
    assert Outbox(desk.cases.engine).all(Work.CASE) == ()


def test_what_is_published_is_never_changed(desk: Desk) -> None:
    """The database refuses it; where somebody takes that away, the report no longer reads."""
    desk.close(AUGUST, 6)
    desk.publish()
    for act in ("UPDATE published_results SET who = 1", "DELETE FROM published_results"):
        with pytest.raises(DBAPIError, match="only added"), desk.cases.engine.begin() as connection:
            connection.execute(text(act))
    with desk.cases.engine.begin() as connection:
        permit_changes(connection, "published_results")
        connection.execute(text("UPDATE published_results SET cases = :none"), {"none": b"[]"})
    with pytest.raises(StoreDamaged, match="2026-08"):
        desk.results.all()


def test_withdrawn_and_open_cases_count_nowhere(desk: Desk) -> None:
    """Only what is closed."""
    names = desk.close(AUGUST, 5)
    open_one = desk.cases.open_case(3, 5, {}).id
    withdrawn = desk.cases.open_case(3, 5, {}).id
    desk.cases.append_all(withdrawn, 5, [Act(Kind.WITHDRAWN, {}, "a mistake")])
    assert [one.cases for one in desk.next().figures] == [tuple(sorted(names))]
    assert open_one not in names


AUDITED = [
    ("UPDATE published_results SET document = :other WHERE revision = 1", "results_rewritten"),
    ("UPDATE published_results SET cases = :other WHERE revision = 1", "results_rewritten"),
    ("UPDATE published_results SET month = '2026-07' WHERE revision = 1", "results_put_in results_removed"),
    ("UPDATE published_results SET published_at = 7, who = 7 WHERE revision = 1", ""),
    ("DELETE FROM published_results WHERE revision = 1", "results_removed"),
    ("DELETE FROM journal WHERE kind = 'results.published'", "results_put_in"),
    ("DELETE FROM notary_work", "results_not_asked"),
    ("UPDATE notary_work SET hash = :hash", "results_not_asked"),
]


@pytest.mark.parametrize(("act", "codes"), AUDITED)
@pytest.mark.parametrize("url", ["sqlite_url", "postgresql_url"])
def test_the_audit_names_what_was_changed(request: pytest.FixtureRequest, url: str, act: str, codes: str) -> None:
    """Whoever can write to the database cannot change what was published, or what is behind it, without being seen."""
    place, time = request.getfixturevalue(url), [float(AUGUST.begins)]
    with (
        Journal.open(place, bytes.fromhex(REGISTRY[2:]), clock=lambda: time[0]) as journal,
        Cases.open(place, create=True, journal=journal.append_in, clock=lambda: time[0]) as cases,
    ):
        desk = Desk(cases, Results(cases, REGISTRY), Notes(), time)
        desk.close(AUGUST, 6)
        desk.publish()
        assert list(of_results(cases.engine)) == []
        with cases.engine.begin() as connection:
            for table in ("published_results", "journal"):
                permit_changes(connection, table)
            values = {name: value for name, value in {"other": b"[]", "hash": b"\1" * 32}.items() if f":{name}" in act}
            connection.execute(text(act), values)
        assert " ".join(sorted(one.code for one in of_results(cases.engine))) == codes
