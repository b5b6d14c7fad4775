"""What a rights holder was told, its photos, and the form of the answer. A notice to another manufacturer does not exist."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from flask import Blueprint, abort, make_response, redirect, request, url_for

from registry.enforcement import answers, letter_pdf
from registry.enforcement.answers import Answer, Feature, Own, Says
from registry.enforcement.cases import Outcome
from registry.enforcement.notices import PHOTOS
from registry.enforcement.officers import Role
from registry.errors import CaseError, StoreUnavailable
from webapp.desk.answer_form import SHOWN_FEATURES, read
from webapp.desk.casework import officer
from webapp.desk.page import away, page_of
from webapp.desk.signed_in import only
from webapp.facts import instant
from webapp.languages import gettext
from webapp.presenter import desk_cases, desk_platform
from webapp.presenter import desk_notices as words
from webapp.report_form import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response
    from werkzeug.wrappers import Response as AnyResponse

    from registry.storage.telling import Told
    from webapp.desk.notifying import Notifying


def blueprint(telling: Notifying) -> Blueprint:
    """Return the pages."""
    views = Views(telling)
    pages = Blueprint("inbox", __name__, url_prefix="/desk/inbox")
    pages.register_error_handler(StoreUnavailable, away)
    guard = only(Role.RIGHTS_HOLDER)
    pages.add_url_rule("", "index", guard(views.index))
    pages.add_url_rule("/<name>", "notice", guard(views.notice))
    pages.add_url_rule("/<name>/photos/<photo>", "photo", guard(views.photo))
    pages.add_url_rule("/<name>/letter", "letter", guard(views.letter))
    pages.add_url_rule("/<name>/payload", "payload", guard(views.payload))
    pages.add_url_rule("/<name>/received", "received", guard(views.received), methods=["POST"])
    pages.add_url_rule("/<name>/answer", "answer", guard(views.answer))
    pages.add_url_rule("/<name>/answer", "send", guard(views.send), methods=["POST"])
    pages.add_url_rule("/<name>/platform", "platform", guard(views.platform))
    pages.add_url_rule("/<name>/platform", "platform_notice", guard(views.platform_notice), methods=["POST"])
    return pages


@dataclass(frozen=True, slots=True)
class Views:
    """The pages, over what they ask."""

    telling: Notifying

    def index(self) -> Response:
        """Show what the manufacturer was told."""
        manufacturer = officer().office.manufacturer
        found = self.telling.telling.of_manufacturer(manufacturer) if manufacturer else []
        return page_of("inbox.html", notices=[_summary(one) for one in found], office=officer().office.name)

    def notice(self, name: str) -> Response:
        """Show one notice; to read it is noted."""
        told = self._mine(name)
        self.telling.work.cases.note("notice.read", officer().id, told.notice.case, {"notice": name})
        return page_of(
            "notice.html",
            notice=told.notice,
            at=instant(told.notice.time),
            told=[one for one in words.told(told.notice.values) if one[0] != PHOTOS],
            photos=list(told.notice.photos.values()),
            sha256=told.notice.sha256(),
            summary=_summary(told),
            statement=_statement(told),
        )

    def photo(self, name: str, photo: str) -> Response:
        """Hand out a photo that the notice tells of: the copy without what a camera writes into it."""
        told = self._mine(name)
        if photo not in told.notice.photos:
            abort(404)
        content = self.telling.work.cases.file(told.notice.case, photo)
        if content is None:
            abort(404)
        answer = make_response(content)
        answer.headers["Content-Type"] = "image/jpeg"
        return answer

    def letter(self, name: str) -> Response:
        """Hand out the notice as a letter."""
        return _file(words.letter(self._mine(name).notice).encode(), "text/plain; charset=utf-8", f"notice-{name[:8]}.txt")

    def payload(self, name: str) -> Response:
        """Hand out the notice as it is sent to a webhook."""
        return _file(self._mine(name).payload, "application/json", f"notice-{name[:8]}.json")

    def received(self, name: str) -> AnyResponse:
        """Note that the manufacturer has the notice."""
        try:
            self.telling.acknowledge(self._mine(name))
        except CaseError:
            abort(409)
        return redirect(url_for("inbox.notice", name=name), 303)

    def answer(self, name: str) -> Response:
        """Show the form of the answer."""
        return self._form(self._mine(name), Answer(signer=officer().name), {})

    def send(self, name: str) -> AnyResponse:
        """Take an answer, or show what is wrong with it."""
        told, answer = self._mine(name), read(request.form)
        if faults := answers.faults(answer, told.notice.photos):
            return self._form(told, answer, {key: words.fault(key, fault) for key, fault in faults.items()})
        try:
            self.telling.answer(told, answer)
        except CaseError:
            closed = gettext("The case takes no answer any more: it was closed or withdrawn. Write to the office instead.")
            return self._form(told, answer, {"": closed})
        return redirect(url_for("inbox.notice", name=name, _anchor="answer"), 303)

    def platform(self, name: str) -> Response:
        """Show the form of a notice to a platform, filled in from what was told."""
        return self._platform(self._mine(name), {})

    def platform_notice(self, name: str) -> Response:
        """Hand out a notice to a platform as text or PDF, or show what is missing in it."""
        told = self._mine(name)
        filled = {key: clean(request.form.get(key, ""), lines=True)[:4000] for key in desk_platform.ASKED}
        missing = desk_platform.missing(filled)
        if missing or "truth" not in request.form:
            faults = {key: gettext("Fill this in") for key in missing}
            if "truth" not in request.form:
                faults["truth"] = gettext("Confirm that what the notice says is true")
            return self._platform(told, faults)
        language = request.form.get("language", "zh-Hans")
        document = desk_platform.document(told.notice, filled, language, self._recordals(), self.telling.now)
        file = f"platform-notice-{name[:8]}"
        if request.form.get("as") == "pdf":
            made = datetime.fromtimestamp(self.telling.now, UTC)
            return _file(letter_pdf.write(document, made), "application/pdf", f"{file}.pdf")
        return _file(document.text().encode(), "text/plain; charset=utf-8", f"{file}.txt")

    def _platform(self, told: Told, faults: Mapping[str, str]) -> Response:
        return page_of(
            "platform.html",
            status=400 if faults else 200,
            notice=told.notice,
            filled=request.form if request.method == "POST" else {"holder": officer().office.name, "contact": officer().email},
            fields=desk_platform.fields(),
            recordals=[one.number for one in self._recordals()],
            faults=faults,
        )

    def _recordals(self) -> list[Any]:
        manufacturer = officer().office.manufacturer
        return [one for _, one in self.telling.telling.rights_holders.recordals(manufacturer)] if manufacturer else []

    def _form(self, told: Told, answer: Answer, faults: Mapping[str, str]) -> Response:
        rows = [*answer.features, *[Feature("", "", "")] * max(SHOWN_FEATURES - len(answer.features), 1)]
        return page_of(
            "answer.html",
            status=400 if faults else 200,
            notice=told.notice,
            summary=_summary(told),
            photos=list(told.notice.photos),
            answer=replace(answer, features=tuple(rows[: answers.MOST_FEATURES])),
            own=[(kind.value, gettext(words.OWN[kind])) for kind in Own],
            says=[(one.value, gettext(words.SAYS[one])) for one in Says],
            outcomes=[(one.value, *map(gettext, desk_cases.OUTCOMES[one])) for one in Outcome],
            faults=faults,
            anchors=ANCHORS,
        )

    def _mine(self, name: str) -> Told:
        found = self.telling.told(name)
        if found is None:
            abort(404)
        return found


ANCHORS = {"features": "feature_name-1", "conclusion": "conclusion-counterfeit"} | {
    f"own_{one}": f"own_{one}-yes" for one in Own
}
"""Where the first control of a question is, if it has not the question's own name."""


def _summary(told: Told) -> dict[str, Any]:
    return {
        "id": told.notice.id,
        "reference": told.notice.id[:8].upper(),
        "at": instant(told.notice.time),
        "office": told.notice.values.get("office", ""),
        "acknowledged": instant(told.acknowledged_at) if told.acknowledged_at else None,
        "answered": instant(told.answered_at) if told.answered_at else None,
    }


def _statement(told: Told) -> dict[str, Any] | None:
    """Return the answer that was given, for a page; none if there is none."""
    if told.answer is None:
        return None
    said = orjson.loads(told.answer)["statement"]
    return {
        **said,
        "conclusion": desk_cases.outcome(Outcome(said["conclusion"])),
        "own": [(gettext(words.OWN[Own(kind)]), gettext(words.SAYS[Says(text)])) for kind, text in sorted(said["own"].items())],
        "sha256": answers.sha256(told.answer),
    }


def _file(content: bytes, kind: str, name: str) -> Response:
    answer = make_response(content)
    answer.headers["Content-Type"] = kind
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
