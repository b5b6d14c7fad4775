"""An inspector tells a rights holder: chooses fields, sees exactly what would be sent, sends it, and sees what became of it.

What is sent is what was shown: the form that sends carries the hash of the preview, and if the case gives another notice by
then, it is shown again instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flask import Blueprint, abort, redirect, request, url_for

from registry.enforcement import notices
from registry.enforcement.answers import records
from registry.enforcement.cases import WHEN, Kind, State
from registry.enforcement.deliveries import Channel
from registry.enforcement.officers import Role
from registry.errors import CaseError, StoreUnavailable
from registry.storage.deliveries import new_id
from registry.storage.tables import MAX_MANUFACTURER
from webapp.desk.casework import officer
from webapp.desk.page import away, grouped, page_of
from webapp.desk.signed_in import only
from webapp.facts import instant
from webapp.languages import LANGUAGES, current
from webapp.presenter import desk_notices as words

if TYPE_CHECKING:
    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from registry.enforcement.cases import Case
    from registry.enforcement.notices import Notice
    from webapp.desk.notifying import Notifying

FRESH = 86_400
"""Seconds for which a preview can be sent."""


def blueprint(telling: Notifying) -> Blueprint:
    """Return the pages."""
    views = Views(telling)
    pages = Blueprint("telling", __name__, url_prefix="/desk")
    pages.register_error_handler(StoreUnavailable, away)
    pages.app_context_processor(lambda: {"can_tell": True})
    inspector = only(Role.INSPECTOR)
    pages.add_url_rule("/telling/<name>", "case", inspector(views.case))
    pages.add_url_rule("/telling/<name>/preview", "preview", inspector(views.preview), methods=["POST"])
    pages.add_url_rule("/telling/<name>/send", "send", inspector(views.send), methods=["POST"])
    pages.add_url_rule("/telling/<name>/finish", "finish", inspector(views.finish), methods=["POST"])
    pages.add_url_rule("/telling/<name>/again", "again", inspector(views.again), methods=["POST"])
    pages.add_url_rule("/telling/<name>/notices/<notice>", "notice", inspector(views.notice))
    pages.add_url_rule("/brands", "brands", only(Role.ALLIANCE)(views.brands))
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The pages, over what they ask."""

    telling: Notifying

    def case(self, name: str) -> Response:
        """Show who was told of a case, and offer to tell somebody."""
        return self._page(self._mine(name))

    def preview(self, name: str) -> Response:
        """Show exactly what would be sent."""
        case = self._mine(name)
        try:
            notice = self._notice(case, new_id(), self.telling.now)
        except CaseError as error:
            return self._page(case, error.reason)
        return self._preview(case, notice)

    def send(self, name: str) -> AnyResponse:
        """Send what was shown; if the case gives another notice by now, show that."""
        case, now = self._mine(name), self.telling.now
        id_, made = request.form.get("notice", ""), request.form.get("time", "")
        if not notices.ID.fullmatch(id_) or not made.isdecimal() or not now - FRESH <= int(made[:12]) <= now:
            return self._page(case, "changed")
        known = self.telling.telling.get(id_)
        if known and (known.notice.case, known.notice.who) != (name, officer().id):
            abort(404)
        try:
            notice = self._notice(case, id_, int(made))
            if notice.sha256() != request.form.get("sha256"):
                return self._preview(case, self._notice(case, new_id(), now), "changed")
            self.telling.send(case, notice, self._link(notice))
        except CaseError as error:
            return self._page(case, error.reason)
        return redirect(url_for("telling.case", name=name, _anchor="told"), 303)

    def finish(self, name: str) -> AnyResponse:
        """Send a notice that the case knows, and that was left a draft."""
        case = self._mine(name)
        found = self.telling.telling.get(request.form.get("notice", ""))
        if found is None or found.notice.case != name or not self.telling.is_noted(case, found.notice.id):
            abort(404)
        self.telling.release(found.notice, self._link(found.notice))
        return redirect(url_for("telling.case", name=name, _anchor="told"), 303)

    def again(self, name: str) -> AnyResponse:
        """Put a delivery that was given up back into the queue."""
        self._mine(name)
        found = request.form.get("delivery", "")
        deliveries = self.telling.telling.deliveries
        told = [one for notice in self.telling.telling.of_case(name) for one in deliveries.of_notice(notice.notice.id)]
        manufacturer = next((one.manufacturer for one in told if one.id == found), None)
        if manufacturer is None:
            abort(404)
        deliveries.send_again(found, manufacturer, self.telling.now)
        return redirect(url_for("telling.case", name=name, _anchor="told"), 303)

    def notice(self, name: str, notice: str) -> Response:
        """Show what was sent."""
        case = self._mine(name)
        found = self.telling.telling.get(notice)
        if found is None or found.notice.case != name:
            abort(404)
        return page_of(
            "notice_sent.html", case=case, title=_title(case), notice=found.notice, letter=words.letter(found.notice),
            payload=found.payload.decode(), answer=found.answer.decode() if found.answer else "",
        )  # fmt: skip

    def brands(self) -> Response:
        """Show the alliance what brands' answers were worth."""
        cases = self.telling.work.cases
        closed = [case for one in cases.all(state=State.CLOSED) if (case := cases.get(one.id))]
        return page_of("brands.html", records=records(closed))

    def _link(self, notice: Notice) -> str:
        """Return the address of a notice, which needs sign-in."""
        if self.telling.root:
            return self.telling.root + url_for("inbox.notice", name=notice.id)
        return url_for("inbox.notice", name=notice.id, _external=True)

    def _mine(self, name: str) -> Case:
        case = self.telling.mine(name)
        if case is None:
            abort(404)
        return case

    def _notice(self, case: Case, id_: str, made: int) -> Notice:
        """Return the notice that the form asks for. Raises `CaseError`."""
        typed = request.form.get("manufacturer", "").strip()
        if not (typed.isascii() and typed.isdecimal() and 0 < int(typed[:12]) <= MAX_MANUFACTURER):
            raise CaseError("found no number of a manufacturer", reason="manufacturer")
        return notices.compose(
            case, self.telling.office(case.id), request.form.getlist("field"), request.form.getlist("photo"), id=id_,
            manufacturer=int(typed), language=request.form.get("language", ""), time=made, who=officer().id,
        )  # fmt: skip

    def _preview(self, case: Case, notice: Notice, reason: str = "") -> Response:
        subject, body = words.mail(notice, notice.id[:8].upper(), self.telling.office(case.id), self._link(notice))
        contacts = self.telling.telling.rights_holders.contacts(notice.manufacturer)
        return page_of(
            "tell_preview.html",
            status=400 if reason else 200,
            case=case,
            title=_title(case),
            notice=notice,
            fields=[name for name in notice.fields if name != notices.PHOTOS],
            letter=words.letter(notice),
            payload=notice.canonical().decode(),
            subject=subject,
            body=body,
            mails=[one.address for one in contacts if one.channel is Channel.MAIL],
            webhooks=[one.address for one in contacts if one.channel is Channel.WEBHOOK],
            complaint=words.not_told(reason),
        )

    def _page(self, case: Case, reason: str = "") -> Response:
        typed = request.form.get("manufacturer", "")
        found = sorted({line["manufacturer"] for line in case.units if line.get("manufacturer")})
        manufacturer = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < len(str(MAX_MANUFACTURER)) else 0
        values = notices.available(case, self.telling.office(case.id), manufacturer or next(iter(found), 0))
        mail_waits, hook_waits = (not self.telling.sends(channel) for channel in (Channel.MAIL, Channel.WEBHOOK))
        told = [self._told(case, one) for one in self.telling.telling.of_case(case.id)]
        waiting = {one["channel_id"] for notice in told for one in notice["deliveries"] if one["state"] in {"queued", "failed"}}
        return page_of(
            "tell.html",
            status=400 if reason else 200,
            case=case,
            title=_title(case),
            can=case.state in WHEN[Kind.NOTIFIED],
            fields=[(name, label, lines[:MOST_LINES], len(lines)) for name, label, lines in words.told(values)],
            photos=notices.showable(case),
            chosen=set(request.form.getlist("field")),
            pictures=set(request.form.getlist("photo")),
            manufacturer=typed or (found[0] if found else ""),
            manufacturers=found,
            spoken=[(one.tag, one.name) for one in LANGUAGES],
            language_tag=request.form.get("language") or current().tag,
            told=told,
            mail_waits=mail_waits and Channel.MAIL in waiting,
            hook_waits=hook_waits and Channel.WEBHOOK in waiting,
            complaint=(words.not_told(reason) or words.not_told("changed")) if reason else "",
            field_of="manufacturer" if reason == "manufacturer" else "fields",
        )

    def _told(self, case: Case, found: Any) -> dict[str, Any]:
        deliveries = self.telling.telling.deliveries.of_notice(found.notice.id)
        return {
            "id": found.notice.id,
            "reference": found.notice.id[:8].upper(),
            "manufacturer": found.notice.manufacturer,
            "at": instant(found.notice.time),
            "fields": [words.field(name) for name in found.notice.fields],
            "released": bool(found.released_at),
            "unfinished": not found.released_at and self.telling.is_noted(case, found.notice.id),
            "acknowledged": instant(found.acknowledged_at) if found.acknowledged_at else None,
            "answered": instant(found.answered_at) if found.answered_at else None,
            "deliveries": [{**words.delivery(one), "channel_id": one.channel} for one in deliveries],
        }


MOST_LINES = 5
"""Lines of a field that the form shows; the preview shows all."""


def _title(case: Case) -> str:
    return case.details.reference or grouped(case.id)
