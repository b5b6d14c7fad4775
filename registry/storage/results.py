"""What the alliance published, and what it can publish next: counted from the closed cases of the desk's database.

A report is written with its entry in the journal and with its hash in the notary's outbox, all or nothing, and never changed.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError

from registry.enforcement import results
from registry.enforcement.cases import State
from registry.enforcement.results import Closed, Month, Report
from registry.errors import CaseError, DocumentError, StoreDamaged
from registry.storage import case_summaries, schema
from registry.storage.case_rows import at_one_moment
from registry.storage.case_tables import cases
from registry.storage.journal import read as read_entry
from registry.storage.outbox import Work, ask_in
from registry.storage.result_tables import published_results
from registry.storage.schema import asking
from registry.storage.tables import journal, notary_work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from registry.enforcement.results import Figure
    from registry.storage.cases import Cases

LONGEST_REASON: Final = 1000
PUBLISHED: Final = "results.published"
"""The kind of the journal's entry."""


@dataclass(frozen=True, slots=True)
class Published:
    """A report as it was published."""

    report: Report
    document: bytes
    sha256: str
    """In hex."""
    who: int
    cases: tuple[tuple[str, ...], ...]
    """The names of the cases behind each of its lines: not for everybody."""

    @property
    def subject(self) -> str:
        """What the journal and the notary call it."""
        return _subject(self.report)


@dataclass(frozen=True, slots=True)
class Draft:
    """What can be published."""

    first: Month
    last: Month
    figures: tuple[Figure, ...]
    before: Published | None = None
    """What it corrects; none for the first of its months."""
    is_over: bool = True
    """Whether its months are over."""

    @property
    def mark(self) -> str:
        """A hash of all that it counts: of two that show the same, nobody sees which of them he publishes."""
        told = [str(self.first), str(self.last), self.before.sha256 if self.before else ""]
        told += [repr((one.line, one.cases)) for one in self.figures]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()


class Results:
    """The reports in the desk's database. Methods raise `StoreUnavailable` or `StoreDamaged`; threads may share it."""

    def __init__(self, kept: Cases, registry_id: str) -> None:
        """Keep reports beside cases: in their database, with their journal and clock. `registry_id` is `0x` and hex."""
        self._engine = kept.engine
        self._journal = kept.journal
        self._clock = kept.clock
        self._registry_id = registry_id

    def all(self) -> tuple[Published, ...]:
        """Return every report with all its revisions, by month."""
        asked = select(published_results).order_by(published_results.c.month, published_results.c.revision)
        with asking(), self._engine.connect() as connection:
            return tuple(map(_published, connection.execute(asked).all()))

    def revisions(self, month: str) -> tuple[Published, ...]:
        """Return the revisions of a month's report, the newest first."""
        return tuple(one for one in reversed(self.all()) if one.report.name == month)

    def next(self) -> Draft | None:
        """Return what is published next, of months that may not be over yet; none if no case was ever closed."""
        with asking(), self._engine.connect() as connection:
            closed = cases.c.state == State.CLOSED.value
            begins: int | None = connection.execute(select(func.min(cases.c.closed_at)).where(closed)).scalar()
        known = [one.report for one in self.all()]
        if begins is None and not known:
            return None
        first, last = results.next_months(known, Month.of(begins or 0))
        return Draft(first, last, self._count(first, last), is_over=last.ends <= self._clock())

    def corrections(self) -> tuple[Draft, ...]:
        """Return the reports whose cases came to another end since, as they would be now.

        What was carried over into another report is corrected there.
        """
        newest: dict[Month, Published] = {one.report.last: one for one in self.all()}
        reports = [one.report for one in newest.values()]
        found = []
        for one in newest.values():
            if results.is_carried(one.report, reports):
                continue
            figures = self._count(one.report.first, one.report.last)
            if [figure.line for figure in figures] != list(one.report.lines):
                found.append(Draft(one.report.first, one.report.last, figures, one))
        return tuple(found)

    def publish(self, draft: Draft, who: int, reason: str = "") -> Published:
        """Publish what somebody saw, if it still stands.

        Raises `CaseError`: with the reason `changed` if it is not what would be published now, `not_over` if a month of it is
        not over, `no_reason` if it corrects something and does not say why.
        """
        if not draft.is_over or draft.last.ends > self._clock():
            raise CaseError(f"{draft.last} is not over", reason="not_over", hint="publish it when it is")
        if bool(reason.strip()) != bool(draft.before) or len(reason) > LONGEST_REASON:
            raise CaseError(f"found {len(reason)} characters of a reason, expected some for a correction", reason="no_reason")
        now = [*self.corrections(), self.next()] if draft.before else [self.next()]
        if draft.mark not in {one.mark for one in now if one}:
            raise CaseError(f"the cases of {draft.last} changed meanwhile", reason="changed", hint="look at the figures again")
        before = draft.before
        report = Report(
            self._registry_id, draft.first, draft.last, before.report.revision + 1 if before else 1,
            before.sha256 if before else "", reason.strip(), int(self._clock()), tuple(one.line for one in draft.figures),
        )  # fmt: skip
        document, digest = report.document(), bytes.fromhex(report.sha256)
        traced = orjson.dumps([list(one.cases) for one in draft.figures])
        row = {
            "month": report.name, "revision": report.revision, "published_at": report.published_at, "who": who,
            "document": document, "sha256": digest, "cases": traced,
        }  # fmt: skip
        subject = _subject(report)
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(published_results), row)
                noted = {"sha256": report.sha256, "cases": hashlib.sha256(traced).hexdigest()}
                self._journal(connection, PUBLISHED, who, subject, noted)
                ask_in(connection, Work.CASE, digest, subject, report.published_at)
        except IntegrityError as error:
            raise CaseError(
                f"{draft.last} was published meanwhile", reason="changed", hint="look at it as it is now"
            ) from error
        except Exception as error:
            raise schema.meaning(error) from error
        return Published(report, document, report.sha256, who, tuple(one.cases for one in draft.figures))

    def _count(self, first: Month, last: Month) -> tuple[Figure, ...]:
        """Return the figures of the cases that are closed, and were closed in these months."""
        asked = select(cases).where(
            cases.c.state == State.CLOSED.value, cases.c.closed_at >= first.begins, cases.c.closed_at < last.ends
        )
        with asking(), self._engine.connect() as connection:
            found = [case_summaries.read(row) for row in connection.execute(asked)]
        return results.figures(
            Closed(one.id, one.region, one.product_group, one.outcome) for one in found if one.outcome is not None
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """A report as it is stored, or as the journal has it: what names it, and the SHA-256 of report and list of cases."""

    subject: str
    sha256: str
    """In hex, as `cases`."""
    cases: str
    reads: bool = True
    """Whether it is a report, the one that it is stored as."""


def rows(engine: Engine) -> tuple[tuple[Kept, ...], tuple[Kept, ...], frozenset[str]]:
    """Return what is stored of one moment, for the audit: reports, the journal's entries about them, hashes of notary's work.

    An entry of the journal that does not read is left to the journal's own examination.
    """
    with asking(), at_one_moment(engine) as connection:
        stored = tuple(map(_kept, connection.execute(select(published_results).order_by(published_results.c.id))))
        about = select(journal.c.number, journal.c.canonical).where(journal.c.kind == PUBLISHED).order_by(journal.c.number)
        noted = []
        for row in connection.execute(about):
            with suppress(StoreDamaged, KeyError):
                entry = read_entry(row.number, row.canonical)
                noted.append(Kept(entry.subject, entry.values["sha256"], entry.values["cases"]))
        asked = connection.execute(select(notary_work.c.hash).where(notary_work.c.kind == Work.CASE.value)).scalars()
        return stored, tuple(noted), frozenset(one.hex() for one in asked)


def _kept(row: Any) -> Kept:
    digest, cases_digest = (hashlib.sha256(raw).hexdigest() for raw in (row.document, row.cases))
    try:
        _published(row)
    except StoreDamaged:
        return Kept(f"results {row.month} {row.revision}", digest, cases_digest, reads=False)
    return Kept(f"results {row.month} {row.revision}", digest, cases_digest)


def standing(published: Sequence[Published]) -> tuple[Published, ...]:
    """Return the last revision of each report, by month."""
    return tuple({one.report.last: one for one in published}.values())


def _subject(report: Report) -> str:
    return f"results {report.name} {report.revision}"


def _published(row: Any) -> Published:
    try:
        report = results.read(row.document)
        traced = tuple(tuple(str(case) for case in line) for line in orjson.loads(row.cases))
        same = (report.name, report.revision, report.sha256) == (row.month, row.revision, row.sha256.hex())
        if not same or [len(line) for line in traced] != [line.cases for line in report.lines]:
            raise StoreDamaged(f"the report of {row.month} is not the one that was published", hint="run `touchstone audit`")
    except (DocumentError, ValueError, TypeError) as error:
        raise StoreDamaged(f"the report of {row.month} cannot be read: {error}", hint="run `touchstone audit`") from error
    return Published(report, row.document, report.sha256, row.who, traced)
