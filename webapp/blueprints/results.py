"""What the alliance published of closed cases, for everybody: a page, and the same figures for machines."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, Response, abort, g, jsonify, make_response, render_template, request, url_for

from registry.enforcement import results
from registry.enforcement.result_lines import safe
from registry.enforcement.results import FEWEST, MONTH
from registry.errors import StoreError
from registry.storage.results import standing
from webapp.facts import instant, moment
from webapp.pages import RETRY_AFTER
from webapp.presenter import results as words
from webapp.presenter.refusals import message
from webapp.publication import Publication, shown, years

if TYPE_CHECKING:
    from registry.storage.results import Published

COLUMNS: Final = (
    "first_month", "last_month", "revision", "region", "product_group", "outcome", "cases", "published_at", "sha256",
)  # fmt: skip


def blueprint(publication: Publication) -> Blueprint:
    """Return the page of results and its files."""
    views = Views(publication)
    pages = Blueprint("results", __name__)
    pages.add_url_rule("/results", "index", views.index)
    pages.add_url_rule("/results.json", "as_json", views.as_json)
    pages.add_url_rule("/results.csv", "as_csv", views.as_csv)
    pages.add_url_rule("/results/<month>.json", "report", views.report)
    pages.add_url_rule("/results/<month>/<int:revision>.json", "revision", views.report)
    pages.register_error_handler(StoreError, _away)
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The page and the files, over what they ask."""

    publication: Publication

    def index(self) -> Response:
        """Show what the reports of twelve months, or of a year, come to."""
        every = self.publication.results.all()
        known = years(every)
        asked = request.args.get("year", "")
        year = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) == len("2026") else None
        if asked and year not in known:
            abort(404)
        chosen = shown(every, year)
        reports = [one.report for one in chosen]
        g.headline = "results"
        return make_response(
            render_template(
                "results.html",
                years=known,
                year=year,
                cases=sum(one.cases for one in reports),
                span=words.months(reports[0].first, reports[-1].last) if reports else "",
                figures=words.figures(reports),
                width=words.WIDTH,
                fewest=FEWEST,
                reports=[self._told(one, every) for one in reversed(chosen)],
            )
        )

    def as_json(self) -> Response:
        """Return the newest revision of every report."""
        found = standing(self.publication.results.all())
        return jsonify(
            fewestCases=FEWEST,
            reports=[
                {
                    "sha256": one.sha256,
                    "url": url_for("results.revision", month=one.report.name, revision=one.report.revision, _external=True),
                    "report": one.report.json(),
                }
                for one in found
            ],
        )

    def as_csv(self) -> Response:
        """Return every line of the newest revisions."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, quoting=csv.QUOTE_ALL)
        writer.writerow(COLUMNS)
        for one in standing(self.publication.results.all()):
            report = one.report
            about = (str(report.first), str(report.last), str(report.revision))
            whole = (instant(report.published_at).iso, one.sha256)
            for line in report.lines:
                told = (line.region or "", line.product_group or "", line.outcome or "", str(line.cases))
                writer.writerow(map(safe, (*about, *told, *whole)))
            if not report.lines:
                writer.writerow((*about, "", "", "", f"fewer than {FEWEST}", *whole))
        answer = Response(out.getvalue().encode("utf-8-sig"), mimetype="text/csv")
        answer.headers["Content-Disposition"] = 'attachment; filename="touchstone-results.csv"'
        return answer

    def report(self, month: str, revision: int | None = None) -> Response:
        """Return a report byte for byte as it was published and anchored: its newest revision, or the one that is asked for."""
        kept = self.publication.results.revisions(month) if MONTH.fullmatch(month) else ()
        found = next((one for one in kept if revision in {None, one.report.revision}), None)
        if found is None:
            abort(404)
        answer = Response(found.document, mimetype="application/json")
        answer.set_etag(found.sha256)
        answer.make_conditional(request)
        return answer

    def _told(self, published: Published, every: tuple[Published, ...]) -> dict[str, Any]:
        """Return a report, its corrections and what the notary did, for the page."""
        report = published.report
        task = self.publication.task(published)
        done = task.result if task and task.done_at else None
        mine = [one for one in every if one.report.last == report.last]
        return {
            "name": report.name,
            "months": words.months(report.first, report.last),
            "cases": report.cases,
            "carried": results.is_carried(report, [one.report for one in every]),
            "revision": report.revision,
            "published": moment(report.published_at),
            "sha256": published.sha256,
            "lines": [(words.line(line), line.cases) for line in report.lines],
            "corrections": [_correction(before, after) for before, after in pairwise(mine)][::-1],
            "anchored": instant(int(done["time"])) if done else None,
            "transaction": (done or {}).get("transaction") or "",
        }


def _correction(before: Published, after: Published) -> dict[str, Any]:
    return {
        "at": moment(after.report.published_at),
        "reason": after.report.reason,
        "changes": [words.change(one) for one in results.changes(before.report, after.report)],
        "before": before.report.revision,
    }


def _away(_: StoreError) -> Response:
    """Say that the reports could not be asked for now."""
    answer = make_response(render_template("message.html", message=message(503)))
    answer.status_code = 503
    answer.headers["Retry-After"] = str(RETRY_AFTER)
    return answer
