"""Publishing results: the alliance sees what a month comes to and publishes it; every figure leads to its cases.

The alliance sees the names of cases and nothing more of them. An inspector sees where the cases of his own office are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, redirect, request, url_for

from registry.enforcement import results
from registry.enforcement.officers import Role
from registry.enforcement.results import FEWEST, MONTH
from registry.errors import CaseError, StoreUnavailable
from registry.storage.results import LONGEST_REASON, standing
from webapp.desk.casework import officer
from webapp.desk.page import away, grouped, page_of
from webapp.desk.signed_in import only
from webapp.facts import instant
from webapp.presenter import desk_cases
from webapp.presenter import results as words
from webapp.report_form import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from registry.storage.results import Draft, Published
    from webapp.publication import Publication


def blueprint(publication: Publication) -> Blueprint:
    """Return the pages of publishing."""
    views = Views(publication)
    pages = Blueprint("publishing", __name__, url_prefix="/desk/results")
    pages.register_error_handler(StoreUnavailable, away)
    readers, publishers = only(Role.ALLIANCE, Role.INSPECTOR), only(Role.ALLIANCE)
    pages.add_url_rule("", "index", readers(views.index))
    pages.add_url_rule("", "publish", publishers(views.publish), methods=["POST"])
    pages.add_url_rule("/<month>", "report", readers(views.report))
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The pages, over what they ask."""

    publication: Publication

    def index(self) -> Response:
        """Show what can be published, and what was."""
        return self._index()

    def _index(self, complaint: str = "", month: str = "", reason: str = "") -> Response:
        kept = self.publication.results
        publishes = officer().role is Role.ALLIANCE
        draft = kept.next() if publishes else None
        corrections = kept.corrections() if publishes else ()
        return page_of(
            "results.html",
            status=400 if complaint else 200,
            publishes=publishes,
            next=self._drafted(draft) if draft else None,
            corrections=[self._drafted(one) for one in corrections],
            reports=[self._listed(one) for one in reversed(standing(kept.all()))],
            fewest=FEWEST,
            longest=LONGEST_REASON,
            complaint=complaint,
            month=month,
            reason=reason,
        )

    def publish(self) -> AnyResponse:
        """Publish what somebody saw, or show what stands in the way."""
        kept = self.publication.results
        month, mark = request.form.get("month", ""), request.form.get("mark", "")
        reason = clean(request.form.get("reason", ""), lines=True)
        offered = [*kept.corrections(), *filter(None, [kept.next()])]
        draft = next((one for one in offered if one.mark == mark), None)
        if draft is None:
            return self._index(desk_cases.fault("changed"), month, reason)
        try:
            kept.publish(draft, officer().id, reason)
        except CaseError as error:
            return self._index(desk_cases.fault_of(error), month, reason)
        return redirect(url_for("publishing.report", month=str(draft.last)), 303)

    def report(self, month: str) -> Response:
        """Show the cases behind each figure of a report, as far as the officer may know of them."""
        revisions = self.publication.results.revisions(month) if MONTH.fullmatch(month) else ()
        wanted = request.args.get("revision", revisions[0].report.revision if revisions else 0, int)
        published = next((one for one in revisions if one.report.revision == wanted), None)
        if published is None:
            abort(404)
        me, cases = officer(), self.publication.work.cases
        names = {name for line in published.cases for name in line}
        seen = names if me.role is Role.ALLIANCE else cases.names_of(me.office.id, names)
        if me.role is Role.ALLIANCE:
            cases.note("results.traced", me.id, published.subject, {})
        return page_of(
            "results_report.html",
            months=words.months(published.report.first, published.report.last),
            published=published,
            at=instant(published.report.published_at),
            by=self.publication.work.people.name(published.who),
            revisions=[(one.report.revision, one.report.revision == wanted) for one in revisions],
            lines=_traced(published.report.lines, published.cases, seen),
            opens=me.role is Role.INSPECTOR,
            fewest=FEWEST,
            task=self.publication.task(published),
        )

    def _drafted(self, draft: Draft) -> dict[str, Any]:
        """Return what can be published, with the names of its cases."""
        lines = [one.line for one in draft.figures]
        return {
            "name": str(draft.last),
            "months": words.months(draft.first, draft.last),
            "is_over": draft.is_over,
            "ends": instant(draft.last.ends),
            "mark": draft.mark,
            "cases": sum(line.cases for line in lines),
            "lines": _traced(
                lines, [one.cases for one in draft.figures], {name for one in draft.figures for name in one.cases}
            ),
            "changes": self._changes(draft),
        }

    def _changes(self, draft: Draft) -> list[str]:
        if draft.before is None:
            return []
        return [words.change(one) for one in results.compare(draft.before.report.lines, [one.line for one in draft.figures])]

    def _listed(self, published: Published) -> dict[str, Any]:
        report = published.report
        return {
            "name": report.name,
            "months": words.months(report.first, report.last),
            "cases": report.cases,
            "revision": report.revision,
            "at": instant(report.published_at),
        }


def _traced(
    lines: Sequence[results.Line], cases: Sequence[Sequence[str]], seen: set[str]
) -> list[tuple[str, int, list[tuple[str, str]]]]:
    """Return each line in words with its count, and the names of those of its cases that may be seen: whole, and as read."""
    return [
        (words.line(line), line.cases, [(name, grouped(name)) for name in names if name in seen])
        for line, names in zip(lines, cases, strict=True)
    ]
