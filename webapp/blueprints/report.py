"""A person reports a problem: a form without a script or an account, and a summary that only who sent it can open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flask import Blueprint, abort, g, make_response, redirect, render_template, request, url_for

from registry.errors import LinkError, TouchstoneError
from registry.storage.leads import group
from registry.units import links
from registry.units.serials import printed
from webapp import facts
from webapp.languages import WISH, gettext
from webapp.limits import MAX_TEXT
from webapp.origin import is_ours
from webapp.presenter import reports as words
from webapp.presenter.refusals import Message
from webapp.report_form import LONGEST, SHORTEST, Fault, Filled, clean, faults_of, read, read_photo
from webapp.report_limits import wait
from webapp.reports import NotTaken

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from webapp.report_tickets import Form
    from webapp.reports import Reports

SEND = "/report/send"
"""Not the form's own address: what is sent there would drop the form from the browser's cache, and with it its ticket."""
TRAP = "website"
"""A field that people do not see. What fills in every field fills it in too."""
IN_ORDER = ("link", "wrong", "note", "photo", "place", "seller", "bought", "contact", "send")
"""The fields as they stand on the page, and in the summary of what is wrong; the last is the form as a whole."""
OURS = frozenset({Fault.LIMITED, Fault.AWAY})
"""Faults that are none of the reader's."""
LOOK = "look"
"""Sent by the switch of languages: the form comes back as it is, in another language."""


def blueprint(reports: Reports | None) -> Blueprint:
    """Return the pages of a report; without `reports` they say what to do instead."""
    pages = Blueprint("report", __name__)
    if reports is None:
        pages.add_url_rule("/report", "ask", _closed)
        pages.add_url_rule(SEND, "send", lambda: _closed(503), methods=["POST"])
        return pages
    views = Views(reports)
    pages.add_url_rule("/report", "ask", views.ask)
    pages.add_url_rule(SEND, "send", views.send, methods=["POST"])
    pages.add_url_rule(SEND, "ask_again", lambda: redirect(url_for("report.ask"), 303))
    pages.add_url_rule("/report/sent/<receipt>", "sent", views.sent)
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The pages, over where reports are taken."""

    reports: Reports

    def ask(self) -> Response:
        """Show the form, about the code that was checked or about none."""
        link, gtin = request.args.get("link", ""), request.args.get("gtin", "")
        filled = Filled(clean(link), gtin[:14] if gtin.isdecimal() else "") if len(link) <= MAX_TEXT else Filled()
        answer = self._form(filled, self.reports.tickets.form(self.reports.now()))
        # A browser's way back shows the same form again, with its ticket: sent once more, it is not a second report.
        answer.headers["Cache-Control"] = "private, no-cache"
        answer.headers["Vary"] = "Accept-Language, Cookie"
        return answer

    def send(self) -> AnyResponse:
        """Take a report once, or show what is wrong with it."""
        if not is_ours():
            abort(403)
        now, filled = self.reports.now(), read(request.form)
        ticket = request.form.get("ticket", "")
        form = self.reports.tickets.read_form(ticket)
        if LOOK in request.form:
            return self._form(filled, ticket)
        if form and (reference := self.reports.taken(form)):
            return self._receipt(reference, now)
        upload = request.files.get("photo")
        content, photo, bad_photo = read_photo(upload)
        faults = dict(faults_of(filled, datetime.fromtimestamp(now, UTC).date()))
        if bad_photo:
            faults["photo"] = bad_photo
        if bad_form := _fault_of(form, now):
            faults["send"] = bad_form
        if form is None or bad_form is Fault.TOO_OLD:
            ticket = self.reports.tickets.form(now - SHORTEST)
        if faults or form is None:
            return self._form(filled, ticket, faults, lost_photo=bool(photo))
        taken = self.reports.take(filled, form, (content, photo), request.environ, words.language_tag())
        if isinstance(taken, str):
            return self._receipt(taken, now)
        faults = {"send": Fault.LIMITED if taken is NotTaken.LIMITED else Fault.AWAY}
        answer = self._form(filled, ticket, faults, lost_photo=bool(photo))
        answer.status_code = 429 if taken is NotTaken.LIMITED else 503
        answer.headers["Retry-After"] = str(wait(now) if taken is NotTaken.LIMITED else 60)
        return answer

    def sent(self, receipt: str) -> Response:
        """Show what was told, to whoever sent it."""
        now = self.reports.now()
        found = self.reports.tickets.read_receipt(receipt, now)
        try:
            lead = self.reports.lead(found[0]) if found else None
        except TouchstoneError:
            abort(503)
        if found is None or lead is None:
            headline, meaning = words.GONE
            answer = make_response(render_template("message.html", message=Message(gettext(headline), gettext(meaning))))
            answer.status_code = 404
            return answer
        return make_response(
            render_template(
                "reported.html",
                reference=group(lead.reference),
                at=facts.instant(lead.time),
                until=facts.instant(found[1]),
                told=words.told(lead),
                steps=words.next_steps(lead.region, lead),
            )
        )

    def _receipt(self, reference: str, now: int) -> AnyResponse:
        g.headline = "report"
        receipt = self.reports.tickets.receipt(reference, now)
        return redirect(url_for("report.sent", receipt=receipt, lang=request.args.get(WISH)), 303)

    def _form(
        self, filled: Filled, ticket: str, faults: Mapping[str, Fault] | None = None, *, lost_photo: bool = False
    ) -> Response:
        found = {field: faults[field] for field in IN_ORDER if field in faults} if faults else {}
        seconds = wait(self.reports.now())
        answer = make_response(
            render_template(
                "report.html",
                filled=filled,
                day=filled.day.isoformat() if filled.day else filled.bought,
                number=_number(filled),
                ticket=ticket,
                trap=TRAP,
                look=LOOK,
                errors={field: words.fault(fault, wait=seconds) for field, fault in found.items()},
                lost_photo=lost_photo,
                places=words.places(),
                wrongs=words.wrongs(),
                kept=words.kept(),
                wish=request.args.get(WISH),
                steps=words.next_steps(self.reports.region(request.environ)) if OURS & set(found.values()) else (),
            )
        )
        answer.status_code = 400 if found else 200
        return answer


def _closed(status: int = 200) -> Response:
    """Say that this site takes no reports, and what helps instead."""
    return make_response(render_template("unreported.html", steps=words.next_steps("")), status)


def _fault_of(form: Form | None, now: int) -> Fault | None:
    """Return what is wrong with how a form was sent."""
    if form is None or now - form.made > LONGEST:
        return Fault.TOO_OLD
    if now - form.made < SHORTEST:
        return Fault.TOO_FAST
    return Fault.TRAPPED if request.form.get(TRAP) else None


def _number(filled: Filled) -> facts.Number | None:
    """Return the number that a report is about, as it is printed; none if the code has to be shown as it is."""
    if not filled.link:
        return None
    try:
        return facts.number_of_link(links.parse(filled.link))
    except LinkError:
        if not filled.gtin:
            return None
    capitals = "".join(filled.link.split()).upper()
    ours = printed(capitals)
    return facts.Number(filled.gtin, ours if ours != capitals else filled.link)
