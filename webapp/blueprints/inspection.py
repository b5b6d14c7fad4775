"""An inspector's list: many codes pasted at once, a verdict and a reason for each, the same unit twice flagged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, g, make_response, render_template, request

from webapp.consignment import check_lines, read_lines
from webapp.facts import instant
from webapp.limits import MAX_LINES, MAX_TEXT
from webapp.presenter import lists
from webapp.presenter.refusals import Complaint, words_about

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

    from webapp.consignment import Report
    from webapp.readers import Checks


def blueprint(checks: Checks, clock: Callable[[], float]) -> Blueprint:
    """Return the inspector's page."""
    pages = Blueprint("inspect", __name__)

    @pages.get("/inspect")
    def ask() -> Response:
        return _page("", "")

    @pages.post("/inspect")
    def inspect() -> Response:
        codes, gtin = request.form.get("codes", ""), request.form.get("gtin", "").strip()
        lines = read_lines(codes)
        if not lines:
            return _page(codes, gtin, complaint=Complaint.EMPTY_LIST)
        if len(lines) > MAX_LINES:
            return _page(codes, gtin, complaint=Complaint.LIST_TOO_LONG)
        if len(gtin) > MAX_TEXT or any(len(text) > MAX_TEXT for _, text in lines):
            return _page(codes, gtin, complaint=Complaint.TOO_LONG)
        report = check_lines(lines, lambda text: checks.typed(text, gtin or None))
        g.headline = f"{len(report.lines)} lines"
        return _page(codes, gtin, report=report, checked=int(clock()))

    return pages


def _page(
    codes: str, gtin: str, *, complaint: Complaint | None = None, report: Report | None = None, checked: int = 0
) -> Response:
    answer = make_response(
        render_template(
            "inspect.html",
            codes=codes,
            gtin=gtin,
            complaint=words_about(complaint) if complaint else None,
            report=report,
            rows=[lists.row(line) for line in report.lines] if report else [],
            summary=lists.summary(report.counts) if report else [],
            checked=instant(checked) if report else None,
            most=MAX_LINES,
        )
    )
    answer.status_code = 400 if complaint else 200
    return answer
